/**
 * What makes Parquet files of any size out of a library that counts their bytes in 32 bits: its footers are put right
 * when writing, and files that are too large for it are read in windows, each a small file of its own to it.
 * Layout: github.com/apache/parquet-format, src/main/thrift/parquet.thrift.
 */
import { DataError } from '../errors.js'
import { type ByteSource, joined, partOf, sourceOf } from './byte-source.js'
import { readThrift, type ThriftField, type ThriftStruct, writeThrift } from './thrift.js'

/** Numbers of the fields in use here. */
const fileFields = { rows: 3, rowGroups: 4 } as const
const groupFields = { columns: 1, rows: 3, offset: 5 } as const
const chunkFields = { offset: 2, metadata: 3, indexes: [4, 5, 6, 7] } as const
const columnFields = {
  compressed: 7,
  dataPage: 9,
  indexPage: 10,
  dictionaryPage: 11,
  bloom: [14, 15],
} as const

const magic = new TextEncoder().encode('PAR1')
/** The length of the footer and the magic bytes, which end a file. */
const tailBytes = 8

/** A footer with its pages where they are. */
interface Footer {
  readonly message: ThriftStruct
  /** Where it begins in the file. */
  readonly begin: number
}

function footerOf(tail: Uint8Array, size: number): Footer {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength)
  const length = view.getUint32(tail.length - tailBytes, true)
  if (length > tail.length - tailBytes)
    throw new RangeError('the footer is longer than what there is of the file')
  const bytes = tail.subarray(tail.length - tailBytes - length, tail.length - tailBytes)
  return { message: readThrift(bytes), begin: size - tailBytes - length }
}

/** A footer with its length and the magic bytes. */
function encodeFooter(message: ThriftStruct): Uint8Array<ArrayBuffer> {
  const bytes = writeThrift(message)
  const whole = new Uint8Array(bytes.length + tailBytes)
  whole.set(bytes)
  new DataView(whole.buffer).setUint32(bytes.length, bytes.length, true)
  whole.set(magic, bytes.length + 4)
  return whole
}

function structs(of: ThriftStruct, id: number): ThriftStruct[] {
  const field = of.get(id)
  if (field?.type !== 'list') return []
  return field.value.flatMap(element => (element.type === 'struct' ? [element.value] : []))
}

function integer(of: ThriftStruct, id: number): number | undefined {
  const field = of.get(id)
  return typeof field?.value === 'number' ? field.value : undefined
}

/** A column of a row group: where its pages begin and end. */
function extent(column: ThriftStruct): [begin: number, end: number] {
  const data = integer(column, columnFields.dataPage) ?? 0
  const dictionary = integer(column, columnFields.dictionaryPage)
  // Some writers say 0 where there is no dictionary.
  const begin = dictionary !== undefined && dictionary > 0 ? Math.min(dictionary, data) : data
  return [begin, begin + (integer(column, columnFields.compressed) ?? 0)]
}

function columnsOf(group: ThriftStruct): ThriftStruct[] {
  return structs(group, groupFields.columns).flatMap(chunk => {
    const metadata = chunk.get(chunkFields.metadata)
    return metadata?.type === 'struct' ? [metadata.value] : []
  })
}

/**
 * The row group with its columns elsewhere, and without what only hastens the search for single rows (page indexes and
 * Bloom filters, which have places of their own).
 * @param place where the byte at an offset lies now, by the column's index
 */
function moved(group: ThriftStruct, place: (offset: number, column: number) => number): ThriftStruct {
  const chunks = structs(group, groupFields.columns).map((chunk, index): ThriftField => {
    const metadata = chunk.get(chunkFields.metadata)
    if (metadata?.type !== 'struct') throw damaged('a column has no metadata')
    const column = new Map(metadata.value)
    for (const id of columnFields.bloom) column.delete(id)
    for (const id of [columnFields.dataPage, columnFields.indexPage, columnFields.dictionaryPage]) {
      const offset = integer(column, id)
      if (offset !== undefined && (offset > 0 || id === columnFields.dataPage))
        column.set(id, { type: 'i64', value: place(offset, index) })
    }
    const own = new Map(chunk)
    for (const id of chunkFields.indexes) own.delete(id)
    own.set(chunkFields.offset, { type: 'i64', value: 0 })
    own.set(chunkFields.metadata, { type: 'struct', value: column })
    return { type: 'struct', value: own }
  })
  const whole = new Map(group)
  const columns = whole.get(groupFields.columns)
  if (columns?.type === 'list') whole.set(groupFields.columns, { ...columns, value: chunks })
  const offset = integer(whole, groupFields.offset)
  if (offset !== undefined) whole.set(groupFields.offset, { type: 'i64', value: place(offset, 0) })
  return whole
}

function withGroups(message: ThriftStruct, groups: readonly ThriftStruct[]): ThriftStruct {
  const list = message.get(fileFields.rowGroups)
  if (list?.type !== 'list') throw damaged('the footer lists no row groups')
  const rows = groups.reduce((sum, group) => sum + (integer(group, groupFields.rows) ?? 0), 0)
  return new Map(message)
    .set(fileFields.rows, { type: 'i64', value: rows })
    .set(fileFields.rowGroups, { ...list, value: groups.map(value => ({ type: 'struct', value })) })
}

const modulo = (value: number, by: number): number => ((value % by) + by) % by

/** How the library counts. */
const counting = {
  /** Offsets are modulo this. */
  counted: 2 ** 32,
  /** Bytes held back of a file that grows so large, since its footer is among them: that of some terabytes. */
  heldBack: 64 << 20,
}

/**
 * The bytes of a Parquet file, its offsets put right where they were counted modulo 2³². Up to that size, the bytes as
 * they come. Columns lie one after the other without gaps, as the library writes them.
 */
export async function* withRightOffsets(
  chunks: AsyncIterable<Uint8Array>,
  { counted, heldBack } = counting,
): AsyncGenerator<Uint8Array> {
  const held: Uint8Array[] = []
  let heldBytes = 0
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    if (size < counted - heldBack) {
      yield chunk
      continue
    }
    held.push(chunk)
    heldBytes += chunk.length
    while (heldBytes - held[0].length >= heldBack) {
      heldBytes -= held[0].length
      yield held.shift()!
    }
  }
  if (size < counted) {
    yield* held
    return
  }
  const tail = Buffer.concat(held)
  const { message, begin } = footerOf(tail, size)
  let end = magic.length
  const groups = structs(message, fileFields.rowGroups).map(group => {
    const begins = columnsOf(group).map(column => {
      const begin = end
      const first = integer(column, columnFields.dictionaryPage) ?? integer(column, columnFields.dataPage)
      if (first !== begin % counted) throw new RangeError(`a column begins at ${first}, not at ${begin}`)
      end += integer(column, columnFields.compressed) ?? 0
      return begin
    })
    // Its pages follow where a column begins, so each offset is the next number from there on that counts so.
    return moved(group, (offset, column) => begins[column] + modulo(offset - begins[column], counted))
  })
  yield tail.subarray(0, tail.length - (size - begin))
  yield encodeFooter(withGroups(message, groups))
}

/** Bytes of a file from which on it is read in windows; of one of them at most, but for a single row group. */
const wholeBytes = 2 ** 31 - 1
const windowBytes = 2 ** 28

/**
 * A Parquet file as files that are small enough for the library, one after the other; itself where it is small.
 * @throws DataError if it is cut off or damaged
 */
export async function* parquetWindows(
  file: ByteSource,
  { whole = wholeBytes, window = windowBytes }: { readonly whole?: number; readonly window?: number } = {},
): AsyncGenerator<ByteSource> {
  if (file.size <= whole) {
    yield file
    return
  }
  const { message } = await readFooter(file)
  const groups = structs(message, fileFields.rowGroups)
  const extents = groups.map(group => {
    const columns = columnsOf(group).map(extent)
    return [Math.min(...columns.map(([begin]) => begin)), Math.max(...columns.map(([, end]) => end))] as const
  })
  for (let first = 0; first < groups.length || first === 0; ) {
    let [begin, end] = extents[first] ?? [0, 0]
    let last = first + 1
    for (; last < groups.length; last++) {
      const [from, to] = [Math.min(begin, extents[last][0]), Math.max(end, extents[last][1])]
      if (to - from > window) break
      begin = from
      end = to
    }
    if (!(begin >= 0 && end >= begin && end <= file.size))
      throw damaged(`row group ${first} lies outside of it`)
    if (end - begin > wholeBytes) {
      throw new DataError(`row group ${first} has ${end - begin} bytes`, {
        mend: 'Write the file again with row groups of less than a gigabyte.',
      })
    }
    const shift = magic.length - begin
    const own = groups.slice(first, last).map(group => moved(group, offset => offset + shift))
    const footer = encodeFooter(withGroups(message, own))
    yield joined([sourceOf(magic), partOf(file, begin, end), sourceOf(footer)])
    first = last
  }
}

async function readFooter(file: ByteSource): Promise<Footer> {
  try {
    const end = await file.read(file.size - tailBytes, file.size)
    if (magic.some((byte, at) => end[4 + at] !== byte)) throw new RangeError('its last bytes are not PAR1')
    const length = new DataView(end.buffer, end.byteOffset).getUint32(0, true)
    const tail = await file.read(Math.max(0, file.size - tailBytes - length), file.size)
    return footerOf(tail, file.size)
  } catch (cause) {
    if (cause instanceof RangeError) throw damaged(cause.message, cause)
    throw cause
  }
}

/** Number of rows that the footer of a file says. @throws DataError if it is cut off or damaged */
export async function rowsInFooter(file: ByteSource): Promise<number> {
  const { message } = await readFooter(file)
  return integer(message, fileFields.rows) ?? 0
}

function damaged(reason: string, cause?: unknown): DataError {
  return new DataError(`not a whole Parquet file: ${reason}`, {
    mend: 'The file may be cut off or damaged: fetch or write it again.',
    cause,
  })
}
