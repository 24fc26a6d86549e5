/** Arrow IPC, file and stream format, streaming in both directions. */
import {
  AsyncByteQueue,
  type RecordBatch,
  RecordBatchFileWriter,
  RecordBatchReader,
  RecordBatchStreamWriter,
  type Schema,
} from 'apache-arrow'
import { DataError } from '../errors.js'
import { type ByteSource, sourceOf } from './byte-source.js'
import { conform, emptyBatch, selectColumns } from './columns.js'
import { checkBatch } from './soundness.js'

const magic = 'ARROW1'

/**
 * The batches of an Arrow IPC file or stream, in order.
 * @param options.columns read these columns alone, in the file's order
 * @throws DataError if the bytes are neither, or are cut off or damaged
 */
export async function* readArrow(
  source: ByteSource | Uint8Array,
  options: { readonly columns?: readonly string[] } = {},
): AsyncGenerator<RecordBatch> {
  const reader = await openArrow(source)
  for await (const batch of damageChecked(reader)) {
    yield options.columns === undefined ? batch : selectColumns(batch, options.columns)
  }
}

/**
 * The schema of an Arrow IPC file or stream.
 * @throws DataError as {@link readArrow}
 */
export async function describeArrow(source: ByteSource | Uint8Array): Promise<{ schema: Schema }> {
  const reader = await openArrow(source)
  const { schema } = reader
  await reader.cancel()
  return { schema }
}

async function openArrow(source: ByteSource | Uint8Array) {
  const bytes = sourceOf(source)
  const isFile = (await textAt(bytes, 0)) === magic
  if (isFile) await checkFooter(bytes)
  try {
    // Arrow's file reader takes Node's file handles and all that look like one, its stream reader any stream.
    const input = isFile ? handleOf(bytes) : chunksOf(bytes)
    const reader = await RecordBatchReader.from(input as AsyncIterable<Uint8Array>)
    await reader.open()
    if (reader.schema === undefined) throw new Error('it holds no schema')
    for (const { name, type } of reader.schema.fields) {
      // A type that lacks its parts, such as a list of nothing, cannot say what it is.
      if (typeof name !== 'string' || String(type) === '') throw new Error('a column has no name or type')
    }
    return reader
  } catch (cause) {
    throw damaged(cause instanceof Error ? cause.message : String(cause), cause)
  }
}

/** The file ends with the footer, its length as a 32-bit integer, and the magic text, which also begins it. */
async function checkFooter(source: ByteSource): Promise<void> {
  const end = source.size - magic.length
  if (end < magic.length + 4) throw damaged('it ends in its first bytes')
  if ((await textAt(source, end)) !== magic) throw damaged('it starts as an Arrow file, but has no footer')
  const length = Buffer.from(await source.read(end - 4, end)).readInt32LE()
  if (length > 0 && length <= end - 4 - magic.length) return
  throw damaged(`its footer cannot be ${length} bytes long`)
}

function handleOf(source: ByteSource) {
  // A file whose parts point to each other would be read for ever; a whole one is read once, and its ends twice.
  let left = 2 * source.size + (1 << 16)
  return {
    fd: -1,
    stat: async () => ({ size: source.size }),
    async read(buffer: Uint8Array, offset: number, length: number, position: number) {
      // Arrow asks for the rest again and again, also where there is none.
      if (length > 0 && !(position >= 0 && position < source.size))
        throw new Error('it points outside of itself')
      left -= length
      if (left < 0) throw new Error('its parts point to each other')
      const bytes = await source.read(position, position + length)
      buffer.set(bytes, offset)
      return { bytesRead: bytes.length, buffer }
    },
    close: async () => {},
  }
}

const chunkBytes = 1 << 20

async function* chunksOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < source.size; start += chunkBytes) {
    yield await source.read(start, start + chunkBytes)
  }
}

async function textAt(source: ByteSource, start: number): Promise<string> {
  const begin = Math.max(0, start)
  return new TextDecoder().decode(await source.read(begin, begin + magic.length))
}

async function* damageChecked(
  batches: AsyncIterable<RecordBatch> | Iterable<RecordBatch>,
): AsyncGenerator<RecordBatch> {
  try {
    for await (const batch of batches) {
      checkBatch(batch)
      yield batch
    }
  } catch (cause) {
    throw damaged(cause instanceof Error ? cause.message : String(cause), cause)
  }
}

function damaged(reason: string, cause?: unknown): DataError {
  // What the library says when it stumbles is about itself.
  if (cause instanceof TypeError || /undefined|null/.test(reason)) return damaged('its metadata are damaged')
  if (reason.includes('codec not found')) {
    return new DataError('the Arrow file is compressed', {
      mend: 'Write it uncompressed (Feather: compression="uncompressed"), or as Parquet.',
      cause,
    })
  }
  return new DataError(`not a whole Arrow IPC file or stream: ${reason}`, {
    mend: 'The file may be cut off or damaged: fetch or write it again.',
    cause,
  })
}

/** An Arrow IPC file (or stream) as chunks of bytes, one chunk or more a batch. */
export async function* encodeArrow(
  schema: Schema,
  batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>,
  options: { readonly format?: 'file' | 'stream' } = {},
): AsyncGenerator<Uint8Array> {
  const writer = options.format === 'stream' ? new RecordBatchStreamWriter() : new RecordBatchFileWriter()
  const sink = new ChunkSink()
  writer.reset(sink, schema)
  let any = false
  for await (const batch of batches) {
    any = true
    writer.write(conform(schema, batch))
    yield* sink.take()
  }
  if (!any) writer.write(emptyBatch(schema))
  writer.finish()
  yield* sink.take()
}

/** Where Arrow's writer, which pushes, leaves its chunks for a generator, which is pulled from. */
class ChunkSink extends AsyncByteQueue {
  #chunks: Uint8Array[] = []

  override write(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
  }

  take(): Uint8Array[] {
    const chunks = this.#chunks
    this.#chunks = []
    return chunks
  }
}
