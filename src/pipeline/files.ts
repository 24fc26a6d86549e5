/** Tables and arrays on disk. Files appear whole or not at all: written beside their place, synced, renamed. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import type { RecordBatch, Schema } from 'apache-arrow'
import { DataError, type ErrorPlace, RunError } from '../errors.js'
import { encodeArrow, readArrow } from '../tables/arrow.js'
import { type ByteSource, partOf } from '../tables/byte-source.js'
import {
  decodeNpyHeader,
  encodeNpyHeader,
  type NpyArray,
  type NpyHeader,
  npyArrayTypes,
  npyHeaderBytes,
} from '../tables/npy.js'
import { type EncodeOptions, encodeParquet, type ReadOptions, readParquet } from '../tables/parquet.js'

/**
 * The batches of a table, `.parquet` or `.arrow`, in order.
 * @throws DataError that names the file, if it is not there, cut off or damaged, or lacks a column
 */
export async function* openTable(path: string, options: ReadOptions = {}): AsyncGenerator<RecordBatch> {
  const file = await openFile(path)
  try {
    yield* isArrow(path) ? readArrow(file, options) : readParquet(file, options)
  } catch (error) {
    throw placed(error, path)
  }
}

/**
 * A file whose bytes are read as they are asked for.
 * @throws DataError if it is not there, or no plain file; when reading, if it has changed since
 */
export async function openFile(path: string): Promise<ByteSource> {
  const unreadable = (cause: unknown) =>
    new DataError('the file cannot be opened', { file: path, mend: 'Check the path.', cause })
  const info = await stat(path).catch(cause => {
    throw unreadable(cause)
  })
  if (!info.isFile()) throw unreadable(new Error('it is no file'))
  const { size, mtimeMs } = info
  return {
    size,
    async read(start, end) {
      const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start))
      const file = await open(path).catch(cause => {
        throw unreadable(cause)
      })
      try {
        const now = await file.stat()
        let filled = 0
        while (filled < bytes.length && now.size === size && now.mtimeMs === mtimeMs) {
          const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled)
          if (bytesRead === 0) break
          filled += bytesRead
        }
        if (filled === bytes.length) return bytes
      } finally {
        await file.close()
      }
      throw new DataError('the file changed while it was read', {
        file: path,
        mend: 'Run it again when nobody writes to the file.',
      })
    },
  }
}

/**
 * Writes a table, `.parquet` or `.arrow` by the path's ending, streaming.
 * @throws RunError if the disk is full or the like
 */
export async function writeTable(
  path: string,
  schema: Schema,
  batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>,
  options: EncodeOptions = {},
): Promise<void> {
  const chunks = isArrow(path) ? encodeArrow(schema, batches) : encodeParquet(schema, batches, options)
  await writeWhole(path, async file => {
    for await (const chunk of chunks) await file.write(chunk)
  })
}

/** Writes text, such as JSON, whole or not at all. */
export async function writeText(path: string, text: string): Promise<void> {
  await writeWhole(path, file => file.write(new TextEncoder().encode(text)))
}

/**
 * Writes an array file row by row.
 * @param row dtype and the shape of one row; the number of rows is what `chunks` hold
 * @param chunks whole rows, any number at a time
 * @returns the number of rows
 */
export async function writeNpy(
  path: string,
  row: NpyHeader,
  chunks: Iterable<NpyArray> | AsyncIterable<NpyArray>,
): Promise<number> {
  const writer = await openNpyWriter(path, row)
  try {
    for await (const chunk of chunks) await writer.write(chunk)
  } catch (error) {
    await writer.abort()
    throw error
  }
  return writer.close()
}

export interface NpyWriter {
  /** Appends whole rows, any number. */
  write(rows: NpyArray): Promise<void>
  /** Puts the finished file in its place. @returns the number of rows */
  close(): Promise<number>
  /** Leaves no file behind. */
  abort(): Promise<void>
}

/** {@link writeNpy} for rows that are pushed, not pulled. */
export async function openNpyWriter(path: string, row: NpyHeader): Promise<NpyWriter> {
  const rowLength = row.shape.reduce((product, size) => product * size, 1)
  let rows = 0
  const file = await openWhole(path)
  await file.write(new Uint8Array(npyHeaderBytes))
  return {
    async write(chunk) {
      if (!(chunk instanceof npyArrayTypes[row.dtype]) || chunk.length % rowLength !== 0) {
        throw new TypeError(`a chunk is not of whole rows of ${rowLength} ${row.dtype}`)
      }
      rows += chunk.length / rowLength
      await file.write(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    },
    async close() {
      await file.write(encodeNpyHeader({ dtype: row.dtype, shape: [rows, ...row.shape] }), 0)
      await file.close()
      return rows
    },
    abort: () => file.abort(),
  }
}

/** A whole array file. @throws DataError that names the file */
export async function readNpy(path: string): Promise<NpyHeader & { readonly data: NpyArray }> {
  const { dtype, shape, values } = await openNpy(path)
  return { dtype, shape, data: arrayOf(dtype, await values.read(0, values.size)) }
}

/**
 * An array file, at most `rows` rows at a time, from row `start` up to row `end`.
 * @throws DataError that names the file
 */
export async function* streamNpy(
  path: string,
  rows: number,
  { start = 0, end = Number.POSITIVE_INFINITY }: { readonly start?: number; readonly end?: number } = {},
): AsyncGenerator<NpyArray> {
  const { dtype, shape, values } = await openNpy(path)
  const rowBytes = values.size / Math.max(1, shape[0])
  const last = Math.min(end, shape[0])
  for (let row = start; row < last; row += rows) {
    yield arrayOf(dtype, await values.read(row * rowBytes, Math.min(row + rows, last) * rowBytes))
  }
}

/** The shape of an array file, from its header. @throws DataError that names the file */
export async function readNpyShape(path: string): Promise<readonly number[]> {
  return (await openNpy(path)).shape
}

/** Some rows of an array file, in the order asked for. @throws DataError that names the file */
export async function readNpyRows(path: string, rows: Int32Array): Promise<NpyArray> {
  const { dtype, shape, values, offset } = await openNpy(path)
  const rowBytes = values.size / Math.max(1, shape[0])
  const chosen = new Uint8Array(rows.length * rowBytes)
  // One opening for all of them, which may be many.
  const file = await open(path)
  try {
    for (const [index, row] of rows.entries()) {
      await file.read(chosen, index * rowBytes, rowBytes, offset + row * rowBytes)
    }
  } finally {
    await file.close()
  }
  return arrayOf(dtype, chosen)
}

const arrayOf = (dtype: NpyHeader['dtype'], { buffer }: Uint8Array<ArrayBuffer>): NpyArray =>
  new npyArrayTypes[dtype](buffer)

async function openNpy(
  path: string,
): Promise<NpyHeader & { readonly values: ByteSource; readonly offset: number }> {
  const file = await openFile(path)
  try {
    const { dtype, shape, offset } = decodeNpyHeader(await file.read(0, 4096))
    const values = shape.reduce((product, size) => product * size, 1)
    const bytes = values * npyArrayTypes[dtype].BYTES_PER_ELEMENT
    if (file.size !== offset + bytes) {
      throw new DataError(`the file is ${file.size} bytes long, its header says ${offset + bytes}`)
    }
    return { dtype, shape, values: partOf(file, offset, file.size), offset }
  } catch (error) {
    throw placed(error, path)
  }
}

/** SHA-256 of the file's bytes, 64 hexadecimal digits. */
export async function hashOfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk)
  return hash.digest('hex')
}

const isArrow = (path: string): boolean => /\.arrows?$/i.test(path)

/** The same error with the file's name, where it says of itself what is wrong but not where. */
export function placed(error: unknown, file: string): unknown {
  if (!(error instanceof DataError) || error.file !== undefined) return error
  const { row, key, mend, cause } = error
  const place: Record<string, unknown> = { file, row, key, mend, cause }
  const known = Object.fromEntries(Object.entries(place).filter(([, value]) => value !== undefined))
  return new DataError(error.message, known as ErrorPlace)
}

async function writeWhole(path: string, write: (file: WholeFile) => Promise<void>): Promise<void> {
  const file = await openWhole(path)
  try {
    await write(file)
  } catch (error) {
    await file.abort()
    throw error
  }
  await file.close()
}

interface WholeFile {
  /** Appends bytes, or overwrites some at a position. */
  write(bytes: Uint8Array, position?: number): Promise<void>
  close(): Promise<void>
  abort(): Promise<void>
}

/** A file that is in its place only when it is closed. */
async function openWhole(path: string): Promise<WholeFile> {
  const partial = `${path}.partial`
  const file = await onDisk(path, () => open(partial, 'w'))
  async function abort(): Promise<void> {
    await file.close().catch(() => {})
    await rm(partial, { force: true })
  }
  return {
    write: (bytes, position) => onDisk(path, () => writeAll(file, bytes, position)),
    async close() {
      try {
        await onDisk(path, async () => {
          await file.sync()
          await file.close()
          await rename(partial, path)
        })
      } catch (error) {
        await abort()
        throw error
      }
    },
    abort,
  }
}

async function onDisk<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new RunError(`the file cannot be written: ${reason}`, {
      file: path,
      mend: 'Check the free space and the permissions of the folder.',
      cause,
    })
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position?: number): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const at = position === undefined ? null : position + offset
    offset += (await file.write(bytes, offset, bytes.length - offset, at)).bytesWritten
  }
}
