/** Rows of a record batch by their index, for every column type a data set may bring along. */
import { type Data, DataType, makeData, Null, RecordBatch, Struct, type Vector } from 'apache-arrow'

/**
 * The rows at these indexes, in this order; a row may come more than once.
 * @throws TypeError for unions and the like, which no format that is read here produces
 */
export function takeRows(batch: RecordBatch, rows: Int32Array | readonly number[]): RecordBatch {
  const indexes = Int32Array.from(rows)
  const children = batch.schema.fields.map((_, index) => take(chunkOf(batch.getChildAt(index)!), indexes))
  const type = new Struct(batch.schema.fields)
  return new RecordBatch(batch.schema, makeData({ type, length: rows.length, nullCount: 0, children }))
}

function chunkOf(column: Vector): Data {
  const [data, more] = column.data
  if (more !== undefined) throw new TypeError('a column of a record batch is one chunk')
  return data
}

function take(data: Data, rows: Int32Array): Data {
  const { type } = data
  const common = { type: type as never, length: rows.length, ...takeValidity(data, rows) }
  if (DataType.isNull(type)) return makeData({ type: new Null(), length: rows.length })
  if (DataType.isStruct(type)) {
    return makeData({ ...common, children: data.children.map(child => take(child, rows)) }) as Data
  }
  if (DataType.isFixedSizeList(type)) {
    const { listSize } = type
    const items = new Int32Array(rows.length * listSize)
    for (const [index, row] of rows.entries()) {
      for (let item = 0; item < listSize; item++) {
        items[index * listSize + item] = row * listSize + item
      }
    }
    return makeData({ ...common, child: take(data.children[0], items) } as never) as Data
  }
  if (DataType.isList(type) || DataType.isMap(type)) return takeLists(data, rows, common, Int32Array)
  if (DataType.isLargeList(type)) return takeLists(data, rows, common, BigInt64Array)
  if (DataType.isUtf8(type) || DataType.isBinary(type)) return takeBytes(data, rows, common, Int32Array)
  if (DataType.isLargeUtf8(type) || DataType.isLargeBinary(type)) {
    return takeBytes(data, rows, common, BigInt64Array)
  }
  if (DataType.isBool(type)) {
    const bits = bitmap(rows.length, index => bitAt(data.values as Uint8Array, rows[index] + data.offset))
    return makeData({ ...common, data: bits }) as Data
  }
  if (DataType.isDictionary(type)) {
    return makeData({ ...common, data: takeFixed(data, rows), dictionary: data.dictionary } as never) as Data
  }
  if (data.children.length > 0 || !ArrayBuffer.isView(data.values)) {
    throw new TypeError(`rows of ${type} cannot be taken`)
  }
  // Views of text or bytes are words of fixed width too; what they point to stays where it is.
  const views = takeFixed(data, rows)
  return makeData({ ...common, data: views, views, variadicBuffers: data.variadicBuffers } as never) as Data
}

type FixedWidth = Int32Array | BigInt64Array

/** Values of one or several words each. Only bits do not move along when Arrow slices data. */
function takeFixed(data: Data, rows: Int32Array): FixedWidth {
  const values = data.values as FixedWidth
  const stride = data.stride
  const taken = new (values.constructor as new (length: number) => FixedWidth)(rows.length * stride)
  for (const [index, row] of rows.entries()) {
    for (let word = 0; word < stride; word++) taken[index * stride + word] = values[row * stride + word]
  }
  return taken
}

function takeBytes(
  data: Data,
  rows: Int32Array,
  common: object,
  OffsetArray: typeof Int32Array | typeof BigInt64Array,
): Data {
  const from = data.valueOffsets as Int32Array | BigInt64Array
  const lengthOf = (row: number) => Number(from[row + 1]) - Number(from[row])
  const bytes = new Uint8Array(rows.reduce((sum, row) => sum + lengthOf(row), 0))
  const valueOffsets = new OffsetArray(rows.length + 1)
  let end = 0
  for (const [index, row] of rows.entries()) {
    const start = Number(from[row])
    bytes.set((data.values as Uint8Array).subarray(start, start + lengthOf(row)), end)
    end += lengthOf(row)
    valueOffsets[index + 1] = OffsetArray === Int32Array ? end : (BigInt(end) as never)
  }
  return makeData({ ...common, valueOffsets, data: bytes } as never) as Data
}

function takeLists(
  data: Data,
  rows: Int32Array,
  common: object,
  OffsetArray: typeof Int32Array | typeof BigInt64Array,
): Data {
  const from = data.valueOffsets as Int32Array | BigInt64Array
  const valueOffsets = new OffsetArray(rows.length + 1)
  const items: number[] = []
  for (const [index, row] of rows.entries()) {
    for (let item = Number(from[row]); item < Number(from[row + 1]); item++) items.push(item)
    valueOffsets[index + 1] = OffsetArray === Int32Array ? items.length : (BigInt(items.length) as never)
  }
  const child = take(data.children[0], Int32Array.from(items))
  return makeData({ ...common, valueOffsets, child } as never) as Data
}

function takeValidity(data: Data, rows: Int32Array): { nullCount: number; nullBitmap?: Uint8Array } {
  if (data.nullCount === 0) return { nullCount: 0 }
  let nullCount = 0
  const nullBitmap = bitmap(rows.length, index => {
    const valid = data.getValid(rows[index])
    if (!valid) nullCount++
    return valid
  })
  return { nullCount, nullBitmap }
}

const bitAt = (bits: Uint8Array, position: number): boolean =>
  ((bits[position >> 3] >> (position & 7)) & 1) === 1

function bitmap(length: number, isSet: (index: number) => boolean): Uint8Array {
  const bits = new Uint8Array(Math.ceil(length / 64) * 8)
  for (let index = 0; index < length; index++) if (isSet(index)) bits[index >> 3] |= 1 << (index & 7)
  return bits
}
