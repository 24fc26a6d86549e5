/**
 * The stable id of an example: its id column, else the path of its image where paths are unique, else a hash of
 * its content (the encoded image, its pixels where it has no encoding, or the features as float32), with ~2, ~3, …
 * on the second and third of exact duplicates.
 */
import { createHash } from 'node:crypto'
import type { RawExample } from './source.js'

export type IdKind = 'column' | 'path' | 'content'

/** 64 bits of an id's SHA-256: enough to tell millions of ids apart, in 8 bytes each. */
export function idHash(id: string): bigint {
  return createHash('sha256').update(id).digest().readBigUInt64LE()
}

/** The first 128 bits of the SHA-256 of an example's content, in hexadecimal. */
export function contentHash(example: RawExample, imageContent: Uint8Array | undefined): string {
  const { features } = example
  const content = imageContent ?? new Uint8Array(features!.buffer, features!.byteOffset, features!.byteLength)
  return createHash('sha256').update(content).digest('hex').slice(0, 32)
}

/** Values that occur more than once among the hashes. */
export function repeatedHashes(hashes: BigUint64Array): Set<bigint> {
  const sorted = hashes.slice().sort()
  const repeated = new Set<bigint>()
  for (let index = 1; index < sorted.length; index++) {
    if (sorted[index] === sorted[index - 1]) repeated.add(sorted[index])
  }
  return repeated
}
