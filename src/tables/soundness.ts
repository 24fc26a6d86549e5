/**
 * Whether what Arrow's JavaScript library read is what its metadata say. The library believes every length: damage
 * would have it go through billions of rows that are not there, or give back values of others.
 */
import { type Data, DataType, type RecordBatch } from 'apache-arrow'
import { ByteBuffer } from 'flatbuffers'

const vectorLength = ByteBuffer.prototype.__vector_len

/** The FlatBuffers of the metadata are not verified either; an element takes a byte at least. */
ByteBuffer.prototype.__vector_len = function (offset) {
  const length = vectorLength.call(this, offset)
  if (length < 0 || length > this.capacity()) throw new RangeError(`a list of ${length} in its metadata`)
  return length
}

/** @throws RangeError if a column has fewer values than rows, or points to values that are not there */
export function checkBatch(batch: RecordBatch): void {
  for (const [index, column] of batch.data.children.entries()) {
    const { name } = batch.schema.fields[index]
    if (column.length !== batch.numRows) {
      throw new RangeError(`column "${name}" has ${column.length} rows of ${batch.numRows}`)
    }
    if (!isSound(column)) throw new RangeError(`column "${name}" is cut off or points outside of itself`)
  }
}

function isSound(data: Data): boolean {
  const { type, length, nullCount, nullBitmap, values, stride, children } = data
  if (!(length >= 0 && nullCount <= length)) return false
  if (nullCount > 0 && 8 * (nullBitmap?.length ?? 0) < length) return false
  if (DataType.isNull(type)) return true
  if (DataType.isBool(type)) return 8 * values.length >= length
  if (DataType.isDictionary(type)) {
    const size = data.dictionary?.length ?? 0
    if (values.length < length || !(data.dictionary?.data ?? []).every(isSound)) return false
    // Where a row is null, its index may be anything.
    for (let row = 0; row < length; row++) {
      if (data.getValid(row) && !(values[row] >= 0 && values[row] < size)) return false
    }
    return true
  }
  if (DataType.isStruct(type)) return children.every(child => child.length >= length && isSound(child))
  if (DataType.isFixedSizeList(type)) {
    return children[0].length >= length * type.listSize && isSound(children[0])
  }
  if (DataType.isList(type) || DataType.isMap(type)) {
    return isSound(children[0]) && areOffsets(data.valueOffsets, length, children[0].length)
  }
  if (DataType.isUtf8(type) || DataType.isBinary(type)) {
    return areOffsets(data.valueOffsets, length, values.length)
  }
  if (DataType.isLargeUtf8(type) || DataType.isLargeBinary(type)) {
    return areOffsets(data.valueOffsets, length, values.length)
  }
  // Of unions and views no column is made, and every other type has values of one width.
  if (DataType.isUnion(type) || values === undefined) return true
  return values.length >= length * stride
}

/** Whether offsets rise from 0 or more to `end` at most; there are one more than rows, or none without rows. */
function areOffsets(offsets: ArrayLike<number | bigint>, rows: number, end: number): boolean {
  if (rows === 0) return true
  if (offsets === undefined || offsets.length <= rows || offsets[0] < 0 || offsets[rows] > end) return false
  for (let row = 0; row < rows; row++) if (offsets[row] > offsets[row + 1]) return false
  return true
}
