/**
 * Parquet, streaming in both directions: what is held at a time is a batch when reading and a row group when
 * writing, whatever the size of the file.
 */
import { DataType, type RecordBatch, RecordBatchStreamWriter, Schema, tableFromIPC } from 'apache-arrow'
import {
  Compression,
  EnabledStatistics,
  ParquetFile,
  transformParquetStream,
  type RecordBatch as WasmBatch,
  Table as WasmTable,
  type WriterProperties,
  WriterPropertiesBuilder,
} from 'parquet-wasm'
import { DataError } from '../errors.js'
import { type ByteSource, sourceOf } from './byte-source.js'
import { conform, emptyBatch, noColumn } from './columns.js'
import { parquetWindows, rowsInFooter, withRightOffsets } from './parquet-footer.js'

/** Which part of a table is read. */
export interface ReadOptions {
  /** Read these columns alone, in the file's order. */
  readonly columns?: readonly string[]
}

/** Rows and bytes to which a batch is held when reading. */
const batchRows = 8192
const batchBytes = 16 << 20
/** Bytes of a row group at most, decompressed: the library has an address space of four gigabytes. */
const mostGroupBytes = 2 ** 31

/**
 * The batches of a Parquet file, in order.
 *
 * Pages that are damaged inside an otherwise whole file end the thread (see {@link readParquetMessages}): files of
 * others are read in a worker.
 * @throws DataError if the bytes are no Parquet file, or are cut off, or a column is asked for that is not there
 */
export async function* readParquet(
  source: ByteSource | Uint8Array,
  options: ReadOptions = {},
): AsyncGenerator<RecordBatch> {
  yield* decodeMessages(readParquetMessages(source, options))
}

/**
 * The same as Arrow IPC streams that own their memory, ready to be sent to another thread: the schema first, then
 * a stream of each batch. {@link decodeMessages} makes record batches of them.
 *
 * The library panics on a damaged page, as an uncaught exception outside of every promise (`unreachable`), and is
 * of no use to its thread after that.
 */
export async function* readParquetMessages(
  source: ByteSource | Uint8Array,
  options: ReadOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let isFirst = true
  for await (const window of parquetWindows(sourceOf(source))) {
    const file = await openParquet(window)
    try {
      const batchSize = rowsPerBatch(rowGroupsOf(file), window.size)
      if (isFirst) yield file.schema().intoIPCStream() as Uint8Array<ArrayBuffer>
      isFirst = false
      const { columns } = options
      if (columns !== undefined) requireColumns(columns, schemaOf(file))
      const stream = await attempt(() =>
        file.stream({ batchSize, ...(columns === undefined ? {} : { columns: [...columns] }) }),
      )
      const reader = chunksOf(stream as ReadableStream<WasmBatch>)
      try {
        for (;;) {
          const next = await attempt(() => reader.next())
          if (next.done) break
          yield next.value.intoIPCStream() as Uint8Array<ArrayBuffer>
        }
      } finally {
        await reader.return(undefined)
      }
    } finally {
      file.free()
    }
  }
}

/** Asked for a column that is not there, the library panics. */
function requireColumns(names: readonly string[], { fields }: Schema): void {
  const missing = names.find(name => !fields.some(field => field.name === name))
  if (missing !== undefined) throw noColumn(missing, fields)
}

/** Record batches with the metadata of the file, of what {@link readParquetMessages} gave. */
export async function* decodeMessages(messages: AsyncIterable<Uint8Array>): AsyncGenerator<RecordBatch> {
  let whole: Schema | undefined
  for await (const message of messages) {
    const { schema, batches } = tableFromIPC(message)
    if (whole === undefined) {
      whole = schema
      continue
    }
    // Batches come without the metadata of the schema, and with the columns that were asked for.
    const names = new Set(schema.fields.map(field => field.name))
    const own = new Schema(
      whole.fields.filter(field => names.has(field.name)),
      whole.metadata,
    )
    for (const batch of batches) yield conform(own, batch)
  }
}

/**
 * Schema and number of rows of a Parquet file, from its footer.
 * @throws DataError as {@link readParquet}
 */
export async function describeParquet(
  source: ByteSource | Uint8Array,
): Promise<{ schema: Schema; rows: number }> {
  const whole = sourceOf(source)
  const { value: first } = await parquetWindows(whole).next()
  const file = await openParquet(first!)
  try {
    const rows = first === whole ? rowsOf(file) : await rowsInFooter(whole)
    return { schema: schemaOf(file), rows }
  } finally {
    file.free()
  }
}

function rowsOf(file: ParquetFile): number {
  const metadata = file.metadata()
  const fileMetadata = metadata.fileMetadata()
  const rows = fileMetadata.numRows()
  fileMetadata.free()
  metadata.free()
  return rows
}

const schemaOf = (file: ParquetFile): Schema => tableFromIPC(file.schema().intoIPCStream()).schema

const openParquet = (source: ByteSource): Promise<ParquetFile> =>
  attempt(() => ParquetFile.fromFile(blobOf(source)))

/** As much of a Blob as the library asks for: its size, and the bytes of slices. */
function blobOf(source: ByteSource): Blob {
  const slice = (start: number, end: number) => ({
    async arrayBuffer() {
      const bytes = await source.read(start, end)
      return bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : new Uint8Array(bytes).buffer
    },
  })
  return { size: source.size, slice } as unknown as Blob
}

async function* chunksOf<T>(stream: ReadableStream<T>): AsyncGenerator<T> {
  const reader = stream.getReader()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
  } finally {
    await reader.cancel().catch(() => {})
  }
}

/** What the footer says of a row group. */
interface RowGroup {
  readonly rows: number
  /** Bytes in the file, and when decompressed. */
  readonly compressed: number
  readonly bytes: number
}

function rowGroupsOf(file: ParquetFile): RowGroup[] {
  const metadata = file.metadata()
  const groups = metadata.rowGroups().map(group => {
    const rowGroup = {
      rows: group.numRows(),
      compressed: group.compressedSize(),
      bytes: group.totalByteSize(),
    }
    group.free()
    return rowGroup
  })
  metadata.free()
  return groups
}

/**
 * Rows of a batch, so that it stays within {@link batchBytes}.
 * @throws DataError before anything is decompressed, if a row group cannot lie in the file or in memory
 */
function rowsPerBatch(groups: readonly RowGroup[], fileBytes: number): number {
  let rows = batchRows
  for (const [index, group] of groups.entries()) {
    if (group.compressed > fileBytes || group.compressed < 0 || group.bytes < 0) {
      throw new DataError(
        `not a whole Parquet file: row group ${index} is said to have ${group.compressed} bytes, the file has ${fileBytes}`,
        { mend: 'The file may be cut off or damaged: fetch or write it again.' },
      )
    }
    if (group.bytes > mostGroupBytes) {
      throw new DataError(`row group ${index} has ${group.bytes} bytes when it is decompressed`, {
        mend: 'Write the file again with row groups of less than a gigabyte.',
      })
    }
    const rowBytes = group.bytes / Math.max(1, group.rows)
    rows = Math.min(rows, Math.max(1, Math.floor(batchBytes / Math.max(1, rowBytes))))
  }
  return rows
}

/** Runs a call into the Parquet library, whose errors are strings or errors without a place. */
async function attempt<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new DataError(`not a whole Parquet file: ${reason}`, {
      mend: 'The file may be cut off or damaged: fetch or write it again.',
      cause,
    })
  }
}

export interface EncodeOptions {
  /** A row group ends after this many rows at the latest. Default 65,536. */
  readonly rowGroupRows?: number
  /** … or this many bytes. Default 64 MiB. */
  readonly rowGroupBytes?: number
  /** Columns of which every value is another, such as ids: a dictionary takes a quarter more time and space. */
  readonly distinct?: readonly string[]
  /**
   * Columns of numbers that hardly repeat, such as a probability of each example. ZSTD makes them a fifth smaller than
   * Snappy and takes several times as long: of a table of labels and scores a third of all there is to do.
   */
  readonly scattered?: readonly string[]
}

/**
 * A Parquet file as chunks of bytes. The same batches give the same bytes. The schema's and the fields' metadata
 * go into the file with the Arrow schema (key `ARROW:schema`), the schema's also as key-value metadata.
 */
export async function* encodeParquet(
  schema: Schema,
  batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>,
  options: EncodeOptions = {},
): AsyncGenerator<Uint8Array> {
  const properties = writerProperties(schema, options)
  const source = wasmBatches(schema, batches)
  let failure: { readonly cause: unknown } | undefined
  let stopped = false
  // An error inside the stream would kill the process (the writer takes it for a batch, out of reach of any
  // handler), so the stream ends instead and the error is thrown from here.
  const stream = new ReadableStream<WasmBatch>(
    {
      async pull(controller) {
        const next = await nextOrFailure()
        if (next === undefined) controller.close()
        else controller.enqueue(next)
      },
    },
    { highWaterMark: 0 },
  )
  async function nextOrFailure(): Promise<WasmBatch | undefined> {
    try {
      const next = stopped ? undefined : await source.next()
      return next?.done === false ? next.value : undefined
    } catch (cause) {
      failure = { cause }
      return undefined
    }
  }
  async function* written(encoded: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
    const reader = encoded.getReader()
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        if (failure !== undefined) throw failure.cause
        yield next.value
      }
      if (failure !== undefined) throw failure.cause
    } finally {
      stopped = true
      while (!(await reader.read()).done);
    }
  }
  try {
    const encoded = (await transformParquetStream(stream, properties)) as ReadableStream<Uint8Array>
    yield* withRightOffsets(written(encoded))
  } catch (error) {
    // A source that fails before its first batch leaves the writer without a schema, of which it complains.
    throw failure === undefined ? error : failure.cause
  } finally {
    await source.return()
  }
}

/**
 * Text and integers repeat and go into dictionaries; floats, vectors and images do not, and are written faster and
 * smaller without (0.5 million rows of predictions: 0.21 s and 5.8 MB instead of 0.38 s and 8.8 MB).
 */
function writerProperties(schema: Schema, options: EncodeOptions): WriterProperties {
  const repeating = schema.fields.filter(
    ({ name, type }) =>
      (DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isInt(type)) &&
      !options.distinct?.includes(name),
  )
  let builder = new WriterPropertiesBuilder()
    .setCompression(Compression.ZSTD)
    .setStatisticsEnabled(EnabledStatistics.Chunk)
    .setMaxRowGroupSize(options.rowGroupRows ?? 65_536)
    .setMaxRowGroupBytes(options.rowGroupBytes ?? 64 << 20)
    .setKeyValueMetadata(new Map(schema.metadata))
    .setCreatedBy('pieline')
    .setDictionaryEnabled(false)
  for (const { name } of repeating) builder = builder.setColumnDictionaryEnabled(name, true)
  for (const name of options.scattered ?? []) builder = builder.setColumnCompression(name, Compression.SNAPPY)
  return builder.build()
}

async function* wasmBatches(
  schema: Schema,
  batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>,
): AsyncGenerator<WasmBatch, void> {
  let any = false
  for await (const batch of batches) {
    any = true
    yield* toWasm(schema, batch)
  }
  if (!any) yield* toWasm(schema, emptyBatch(schema))
}

function toWasm(schema: Schema, batch: RecordBatch): WasmBatch[] {
  const writer = new RecordBatchStreamWriter()
  writer.reset(undefined, schema)
  writer.write(conform(schema, batch))
  writer.finish()
  const table = WasmTable.fromIPCStream(writer.toUint8Array(true))
  const batches = table.recordBatches()
  table.free()
  return batches
}
