/** Tables and arrays on disk. Files appear whole or not at all: written beside their place, synced, renamed. */
import { openAsBlob } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import type { RecordBatch, Schema } from 'apache-arrow'
import { DataError, type ErrorPlace, PielineError, RunError } from '../errors.js'
import { encodeArrow, readArrow } from '../tables/arrow.js'
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
  const blob = await openFile(path)
  try {
    yield* isArrow(path) ? readArrow(blob, options) : readParquet(blob, options)
  } catch (error) {
    throw placed(error, path)
  }
}

/** A file whose bytes are read as they are asked for. */
export async function openFile(path: string): Promise<Blob> {
  try {
    return await openAsBlob(path)
  } catch (cause) {
    throw new DataError('the file cannot be opened', { file: path, mend: 'Check the path.', cause })
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
    for await (const chunk of chunks) await writeAll(file, chunk)
  })
}

/** Writes text, such as JSON, whole or not at all. */
export async function writeText(path: string, text: string): Promise<void> {
  await writeWhole(path, file => file.writeFile(text))
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
  const rowLength = row.shape.reduce((product, size) => product * size, 1)
  let rows = 0
  await writeWhole(path, async file => {
    await writeAll(file, new Uint8Array(npyHeaderBytes))
    for await (const chunk of chunks) {
      if (!(chunk instanceof npyArrayTypes[row.dtype]) || chunk.length % rowLength !== 0) {
        throw new TypeError(`a chunk is not of whole rows of ${rowLength} ${row.dtype}`)
      }
      rows += chunk.length / rowLength
      await writeAll(file, new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    }
    const header = encodeNpyHeader({ dtype: row.dtype, shape: [rows, ...row.shape] })
    await file.write(header, 0, header.length, 0)
  })
  return rows
}

/** A whole array file. @throws DataError that names the file */
export async function readNpy(path: string): Promise<NpyHeader & { readonly data: NpyArray }> {
  const { dtype, shape, blob } = await openNpy(path)
  return { dtype, shape, data: new npyArrayTypes[dtype](await blob.arrayBuffer()) }
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
  const { dtype, shape, blob } = await openNpy(path)
  const rowBytes = blob.size / Math.max(1, shape[0])
  const last = Math.min(end, shape[0])
  for (let row = start; row < last; row += rows) {
    const chunk = blob.slice(row * rowBytes, Math.min(row + rows, last) * rowBytes)
    yield new npyArrayTypes[dtype](await chunk.arrayBuffer())
  }
}

async function openNpy(path: string): Promise<NpyHeader & { readonly blob: Blob }> {
  const blob = await openFile(path)
  try {
    const { dtype, shape, offset } = decodeNpyHeader(new Uint8Array(await blob.slice(0, 4096).arrayBuffer()))
    const values = shape.reduce((product, size) => product * size, 1)
    const bytes = values * npyArrayTypes[dtype].BYTES_PER_ELEMENT
    if (blob.size !== offset + bytes) {
      throw new DataError(`the file is ${blob.size} bytes long, its header says ${offset + bytes}`)
    }
    return { dtype, shape, blob: blob.slice(offset) }
  } catch (error) {
    throw placed(error, path)
  }
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

async function writeWhole(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const partial = `${path}.partial`
  try {
    const file = await open(partial, 'w')
    try {
      await write(file)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(partial, path)
  } catch (cause) {
    await rm(partial, { force: true })
    // Errors of the disk get a place; those of whoever makes the content pass as they are.
    if (cause instanceof PielineError || !(cause instanceof Error && 'syscall' in cause)) throw cause
    throw new RunError(`cannot be written: ${cause.message}`, { file: path, cause })
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    offset += (await file.write(bytes, offset, bytes.length - offset)).bytesWritten
  }
}
