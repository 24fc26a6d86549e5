/**
 * Bytes that are read as they are asked for. (Node's own Blobs of files count in 32 bits: of a file of six gigabytes
 * they see two.)
 */
export interface ByteSource {
  readonly size: number
  /** The bytes from `start` up to `end`, fewer where these lie beyond the end. */
  read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>
}

/** Bytes in memory as a source. */
export function sourceOf(bytes: ByteSource | Uint8Array): ByteSource {
  if (!(bytes instanceof Uint8Array)) return bytes
  return { size: bytes.length, read: async (start, end) => new Uint8Array(bytes.subarray(start, end)) }
}

/** Part of a source. */
export function partOf(source: ByteSource, begin: number, end: number): ByteSource {
  return {
    size: end - begin,
    read: (start, stop) => source.read(begin + start, Math.min(begin + stop, end)),
  }
}

/** Sources one after the other. */
export function joined(sources: readonly ByteSource[]): ByteSource {
  const ends: number[] = []
  for (const { size } of sources) ends.push((ends.at(-1) ?? 0) + size)
  return {
    size: ends.at(-1) ?? 0,
    async read(start, end) {
      const parts: Uint8Array<ArrayBuffer>[] = []
      for (const [index, source] of sources.entries()) {
        const begin = ends[index] - source.size
        if (end <= begin || start >= ends[index]) continue
        parts.push(await source.read(Math.max(0, start - begin), Math.min(source.size, end - begin)))
      }
      return parts.length === 1 ? parts[0] : new Uint8Array(Buffer.concat(parts))
    },
  }
}
