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
import { conform, emptyBatch, selectColumns } from './columns.js'

const magic = 'ARROW1'

/**
 * The batches of an Arrow IPC file or stream, in order.
 * @param options.columns read these columns alone, in the file's order
 * @throws DataError if the bytes are neither, or are cut off or damaged
 */
export async function* readArrow(
  source: Blob | Uint8Array,
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
export async function describeArrow(source: Blob | Uint8Array): Promise<{ schema: Schema }> {
  const reader = await openArrow(source)
  const { schema } = reader
  await reader.cancel()
  return { schema }
}

async function openArrow(source: Blob | Uint8Array) {
  const blob = source instanceof Blob ? source : new Blob([source as Uint8Array<ArrayBuffer>])
  const isFile = (await textAt(blob, 0)) === magic
  if (isFile && (await textAt(blob, blob.size - magic.length)) !== magic) {
    throw damaged('it starts as an Arrow file, but has no footer')
  }
  try {
    // Arrow's file reader takes Node's file handles and all that look like one, its stream reader any stream.
    const input = isFile ? blobHandle(blob) : (blob.stream() as unknown as AsyncIterable<Uint8Array>)
    const reader = await RecordBatchReader.from(input as AsyncIterable<Uint8Array>)
    await reader.open()
    if (reader.schema === undefined) throw new Error('it holds no schema')
    return reader
  } catch (cause) {
    throw damaged(cause instanceof Error ? cause.message : String(cause), cause)
  }
}

function blobHandle(blob: Blob) {
  return {
    fd: -1,
    stat: async () => ({ size: blob.size }),
    async read(buffer: Uint8Array, offset: number, length: number, position: number) {
      const bytes = new Uint8Array(await blob.slice(position, position + length).arrayBuffer())
      buffer.set(bytes, offset)
      return { bytesRead: bytes.length, buffer }
    },
    close: async () => {},
  }
}

const textAt = (blob: Blob, start: number): Promise<string> =>
  blob.slice(Math.max(0, start), Math.max(0, start) + magic.length).text()

async function* damageChecked(
  batches: AsyncIterable<RecordBatch> | Iterable<RecordBatch>,
): AsyncGenerator<RecordBatch> {
  try {
    yield* batches
  } catch (cause) {
    throw damaged(cause instanceof Error ? cause.message : String(cause), cause)
  }
}

function damaged(reason: string, cause?: unknown): DataError {
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
