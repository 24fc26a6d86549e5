/** Members whose predictions come some rows at a time, in any order of members, each copied into a file of its own. */
import { join } from 'node:path'
import { type NpyWriter, openNpyWriter } from '../pipeline/files.js'
import type { NpyArray } from '../tables/npy.js'

/** A member, wherever it comes from. */
export interface MemberName {
  readonly level: string
  /** Its file, or what its table calls it. */
  readonly name: string
  /** Where its predictions come from, for errors. */
  readonly path: string
}

export interface MemberCopy extends MemberName {
  /** The array file. */
  readonly file: string
  readonly examples: number
}

interface Growing extends MemberName {
  readonly file: string
  readonly writer: NpyWriter
  examples: number
}

export class MemberCopies {
  readonly #growing = new Map<string, Growing>()

  /** @param folder where the files go */
  constructor(private readonly folder: string) {}

  /** How many examples a member has so far. */
  examples({ level, name }: MemberName): number {
    return this.#growing.get(`${level}\0${name}`)?.examples ?? 0
  }

  /** Appends rows of logits, float32 [rows, classes], or of codes of labels, int32 [rows]. */
  async append(member: MemberName, values: Float32Array | Int32Array, classes: number): Promise<void> {
    const { level, name, path } = member
    const key = `${level}\0${name}`
    let growing = this.#growing.get(key)
    if (growing === undefined) {
      const file = join(this.folder, `${this.#growing.size}.npy`)
      const isFloat = values instanceof Float32Array
      const writer = await openNpyWriter(file, {
        dtype: isFloat ? 'float32' : 'int32',
        shape: isFloat ? [classes] : [],
      })
      growing = { level, name, path, file, writer, examples: 0 }
      this.#growing.set(key, growing)
    }
    await growing.writer.write(values as NpyArray)
    growing.examples += values.length / classes
  }

  /** Ends all files. @returns the members in the order in which they came */
  async close(): Promise<MemberCopy[]> {
    const copies: MemberCopy[] = []
    for (const { writer, ...copy } of this.#growing.values()) {
      await writer.close()
      copies.push(copy)
    }
    return copies
  }

  /** Leaves no file behind. */
  async abort(): Promise<void> {
    for (const { writer } of this.#growing.values()) await writer.abort()
  }
}
