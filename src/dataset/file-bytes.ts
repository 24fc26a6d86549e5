/**
 * A file from its beginning to its end, decompressed on the way where its name ends in `.gz`.
 *
 * ```ts
 * const bytes = new FileBytes('train-images-idx3-ubyte.gz')
 * const header = await bytes.read(16)
 * ```
 */
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { DataError } from '../errors.js'

const chunkBytes = 1 << 18

export class FileBytes {
  readonly #chunks: AsyncGenerator<Uint8Array>
  #left: Uint8Array = new Uint8Array(0)

  constructor(readonly path: string) {
    this.#chunks = readChunks(path)
  }

  /** The next bytes, fewer than `length` where the file ends. @throws DataError if it cannot be read */
  async read(length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    for (let missing = length; missing > 0; ) {
      if (this.#left.length === 0) {
        const { done, value } = await this.#chunks.next()
        if (done) break
        this.#left = value
      }
      const part = this.#left.subarray(0, missing)
      this.#left = this.#left.subarray(part.length)
      missing -= part.length
      parts.push(part)
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts)
  }

  async close(): Promise<void> {
    await this.#chunks.return(undefined)
  }
}

/** A file's bytes from its beginning to its end, decompressed where its name ends in `.gz`. @throws DataError */
export async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: chunkBytes })
  const isCompressed = /\.gz$/i.test(path)
  // Errors also end the iteration below, which is where they are dealt with.
  const stream = isCompressed ? pipeline(file, createGunzip({ chunkSize: chunkBytes }), () => {}) : file
  try {
    yield* stream as AsyncIterable<Uint8Array>
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code?.startsWith('Z_')) {
      throw new DataError('the file cannot be decompressed: it is cut off or damaged', {
        file: path,
        mend: 'Fetch it again.',
        cause,
      })
    }
    throw new DataError('the file cannot be opened', { file: path, mend: 'Check the path.', cause })
  }
}
