import { type FileHandle, open, rm } from 'node:fs/promises'

/** Appended bytes are written this many at a time. */
const bufferBytes = 1 << 20

/**
 * Pieces of bytes on disk, put down in one order and taken up in another. Memory holds where each of them lies, not
 * the pieces themselves.
 */
export class Spool {
  readonly #ends = [0]
  #buffered: Uint8Array[] = []
  #written = 0

  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
  ) {}

  /** An empty spool in a new file, which {@link dispose} removes. */
  static async create(path: string): Promise<Spool> {
    return new Spool(path, await open(path, 'w+'))
  }

  /** Puts a piece down; the bytes must not change afterwards. Returns its number, counting from 0. */
  async append(piece: Uint8Array): Promise<number> {
    const end = this.#ends.at(-1)! + piece.length
    this.#ends.push(end)
    this.#buffered.push(piece)
    if (end - this.#written >= bufferBytes) await this.#flush()
    return this.#ends.length - 2
  }

  async #flush(): Promise<void> {
    if (this.#buffered.length === 0) return
    const bytes = Buffer.concat(this.#buffered)
    this.#buffered = []
    for (let offset = 0; offset < bytes.length; ) {
      const { bytesWritten } = await this.file.write(bytes, offset, bytes.length - offset, this.#written)
      offset += bytesWritten
      this.#written += bytesWritten
    }
  }

  /** Takes up a piece by its number, as often as wanted. */
  async read(number: number): Promise<Uint8Array> {
    await this.#flush()
    const begin = this.#ends[number]
    const piece = new Uint8Array(this.#ends[number + 1] - begin)
    for (let offset = 0; offset < piece.length; ) {
      const { bytesRead } = await this.file.read(piece, offset, piece.length - offset, begin + offset)
      if (bytesRead === 0) throw new Error(`${this.path} is shorter than what was written to it`)
      offset += bytesRead
    }
    return piece
  }

  async dispose(): Promise<void> {
    await this.file.close()
    await rm(this.path, { force: true })
  }
}
