/** Selecting rows of Arrow batches of any type, buffer by buffer, so that no value is converted on its way. */
import { Data, DataType, makeData, RecordBatch, Struct } from 'apache-arrow'

/**
 * The rows of these indexes, in their order; a row may be taken several times.
 * @param rows each from 0 to the batch's number of rows − 1
 * @throws TypeError for types that have no plain layout: unions, views, run-end encoding
 */
export function takeRows(batch: RecordBatch, rows: ArrayLike<number>): RecordBatch {
  const children = batch.data.children.map(child => take(child, rows))
  const type = new Struct(batch.schema.fields)
  return new RecordBatch(batch.schema, makeData({ type, length: rows.length, nullCount: 0, children }))
}

type Offsets = Int32Array | BigInt64Array

function take(data: Data, rows: ArrayLike<number>): Data {
  const { type } = data
  if (isBytes(type)) return rebuild(data, rows, takeBytes(data, rows))
  if (DataType.isList(type) || DataType.isMap(type) || DataType.isLargeList(type)) {
    const { valueOffsets, items } = takeLists(data, rows)
    return rebuild(data, rows, { valueOffsets }, [take(data.children[0], items)])
  }
  if (DataType.isFixedSizeList(type)) {
    const items = spread(rows, type.listSize)
    return rebuild(data, rows, {}, [take(data.children[0], items)])
  }
  if (DataType.isStruct(type)) {
    return rebuild(
      data,
      rows,
      {},
      data.children.map(child => take(child, rows)),
    )
  }
  if (DataType.isBool(type)) {
    const { values, offset } = data
    return rebuild(data, rows, { values: bitmap(rows.length, k => bitAt(values, offset + rows[k])) })
  }
  if (DataType.isNull(type)) return rebuild(data, rows, {})
  if (data.children.length > 0 || data.valueOffsets !== undefined || data.variadicBuffers.length > 0) {
    throw new TypeError(`rows of a column of type ${type} cannot be selected`)
  }
  return rebuild(data, rows, { values: takeFixed(data, rows) })
}

const isBytes = (type: DataType): boolean =>
  DataType.isUtf8(type) ||
  DataType.isBinary(type) ||
  DataType.isLargeUtf8(type) ||
  DataType.isLargeBinary(type)

/** Data of the same type and dictionary, with the validity of the rows. */
function rebuild(
  data: Data,
  rows: ArrayLike<number>,
  { valueOffsets, values }: { valueOffsets?: Offsets; values?: Data['values'] },
  children: Data[] = [],
): Data {
  const isNullable = data.nullCount > 0 && data.nullBitmap !== undefined
  const nullBitmap = isNullable ? bitmap(rows.length, k => data.getValid(rows[k])) : undefined
  const buffers = [valueOffsets, values, nullBitmap, undefined]
  const nullCount = isNullable ? -1 : DataType.isNull(data.type) ? rows.length : 0
  return new Data(data.type, 0, rows.length, nullCount, buffers as never, children, data.dictionary)
}

/** Values of a fixed width: numbers, times, decimals, fixed-size binary, dictionary indexes. */
function takeFixed({ values, stride, length }: Data, rows: ArrayLike<number>): Data['values'] {
  const taken = new (values.constructor as Float64ArrayConstructor)(rows.length * stride)
  if (values.length < length * stride) throw new TypeError('the column is shorter than the batch')
  if (stride === 1) for (let k = 0; k < rows.length; k++) taken[k] = values[rows[k]]
  else {
    for (let k = 0; k < rows.length; k++) {
      taken.set(values.subarray(rows[k] * stride, (rows[k] + 1) * stride), k * stride)
    }
  }
  return taken
}

function takeBytes(data: Data, rows: ArrayLike<number>) {
  const { valueOffsets, total } = takeOffsets(data, rows)
  const values = new Uint8Array(total)
  for (let k = 0; k < rows.length; k++) {
    const [begin, end] = rangeOf(data, rows[k])
    values.set(data.values.subarray(begin, end), Number(valueOffsets[k]))
  }
  return { valueOffsets, values }
}

function takeLists(data: Data, rows: ArrayLike<number>) {
  const { valueOffsets, total } = takeOffsets(data, rows)
  const items = new Uint32Array(total)
  for (let k = 0, at = 0; k < rows.length; k++) {
    const [begin, end] = rangeOf(data, rows[k])
    for (let item = begin; item < end; item++) items[at++] = item
  }
  return { valueOffsets, items }
}

const rangeOf = ({ valueOffsets }: Data, row: number): [begin: number, end: number] => [
  Number(valueOffsets[row]),
  Number(valueOffsets[row + 1]),
]

/** Offsets of the rows one after the other, of the same width as the column's. */
function takeOffsets(data: Data, rows: ArrayLike<number>): { valueOffsets: Offsets; total: number } {
  const isLarge = (data.valueOffsets as Offsets) instanceof BigInt64Array
  const valueOffsets: Offsets = isLarge ? new BigInt64Array(rows.length + 1) : new Int32Array(rows.length + 1)
  let total = 0
  for (let k = 0; k < rows.length; k++) {
    const [begin, end] = rangeOf(data, rows[k])
    total += end - begin
    if (valueOffsets instanceof BigInt64Array) valueOffsets[k + 1] = BigInt(total)
    else valueOffsets[k + 1] = total
  }
  return { valueOffsets, total }
}

/** Indexes of the items of lists of `size`. */
function spread(rows: ArrayLike<number>, size: number): Uint32Array {
  const items = new Uint32Array(rows.length * size)
  for (let k = 0, at = 0; k < rows.length; k++) {
    for (let item = 0; item < size; item++) items[at++] = rows[k] * size + item
  }
  return items
}

const bitAt = (bits: Uint8Array, position: number): boolean =>
  ((bits[position >> 3] >> (position & 7)) & 1) === 1

/** Arrow's bitmaps are padded to 8 bytes. */
function bitmap(length: number, isSet: (row: number) => boolean): Uint8Array {
  const bits = new Uint8Array(Math.ceil(length / 64) * 8)
  for (let row = 0; row < length; row++) if (isSet(row)) bits[row >> 3] |= 1 << (row & 7)
  return bits
}
