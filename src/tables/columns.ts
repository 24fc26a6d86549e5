/**
 * Between typed arrays and Arrow record batches.
 *
 * ```ts
 * const batch = recordBatch(schema, { example_id: ['a', 'b'], label: Int32Array.of(3, 5) })
 * int32Column(batch, 'label') // Int32Array [3, 5], a view where it can be
 * ```
 */
import {
  type Binary,
  type Bool,
  Data,
  DataType,
  type Field,
  type FixedSizeList,
  type Int32,
  type List,
  makeData,
  RecordBatch,
  type Schema,
  Struct,
  Utf8,
  type Vector,
} from 'apache-arrow'
import { DataError } from '../errors.js'

export type NumberArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array

/** Hugging Face's image, one row. */
export interface ImageValue {
  readonly bytes: Uint8Array | null
  readonly path: string | null
}

/**
 * The values of one column: a typed array (for fixed-size lists: flat, row after row; for booleans: bytes of 0
 * and 1), a plain array in which null may stand, or Arrow data as it is.
 */
export type ColumnValues =
  | NumberArray
  | readonly (number | null)[]
  | readonly (string | null)[]
  | readonly (boolean | null)[]
  | readonly (Uint8Array | null)[]
  | readonly (ImageValue | null)[]
  | readonly (readonly string[])[]
  | Data

/**
 * A record batch of this schema. Typed arrays of the field's own type are taken without copying, unless an earlier
 * column lies in the same memory.
 * @throws TypeError if a column is missing, of another length, of a type that does not fit its field, or null
 *   where the field is not nullable; all of them mistakes of the caller
 */
export function recordBatch(schema: Schema, columns: Readonly<Record<string, ColumnValues>>): RecordBatch {
  const unknown = Object.keys(columns).filter(name => !schema.fields.some(field => field.name === name))
  if (unknown.length > 0) throw new TypeError(`no field of the schema is named ${unknown.join(', ')}`)
  // Arrow's writer takes chunks that overlap in one buffer for pieces of one chunk, and drops what they share.
  const taken = new Set<ArrayBufferLike>()
  const children = schema.fields.map(field => {
    const values = columns[field.name]
    if (values === undefined) throw new TypeError(`column ${field.name} is missing`)
    if (!ArrayBuffer.isView(values)) return columnData(field, values)
    const isTaken = taken.has(values.buffer)
    taken.add(values.buffer)
    return columnData(field, isTaken ? values.slice() : values)
  })
  const length = children[0]?.length ?? 0
  for (const [index, child] of children.entries()) {
    const { name, nullable } = schema.fields[index]
    if (child.length !== length)
      throw new TypeError(`column ${name} has ${child.length} rows, others ${length}`)
    if (!nullable && child.nullCount > 0) throw new TypeError(`column ${name} may not be null`)
  }
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length, nullCount: 0, children }),
  )
}

/** A batch without rows, for files that have none. */
export function emptyBatch(schema: Schema): RecordBatch {
  return recordBatch(schema, Object.fromEntries(schema.fields.map(field => [field.name, []])))
}

/**
 * The batch under this schema, whose metadata and nullability it then has; no data are copied.
 * @throws TypeError if names or types of the columns differ
 */
export function conform(schema: Schema, batch: RecordBatch): RecordBatch {
  const theirs = batch.schema.fields
  for (let index = 0; index < Math.max(schema.fields.length, theirs.length); index++) {
    const [ours, other] = [schema.fields[index], theirs[index]]
    if (ours?.name !== other?.name || String(ours?.type) !== String(other?.type)) {
      throw new TypeError(
        `column ${index} of the batch is ${other?.name} ${other?.type}, not ${ours?.name} ${ours?.type}`,
      )
    }
  }
  return new RecordBatch(schema, batch.data.clone(new Struct(schema.fields)))
}

/** These columns alone, in the order of the batch; names that it does not have are passed over. */
export function selectColumns(batch: RecordBatch, names: readonly string[]): RecordBatch {
  const wanted = new Set(names)
  return batch.selectAt([...batch.schema.fields.keys()].filter(i => wanted.has(batch.schema.fields[i].name)))
}

function columnData(field: Field, values: ColumnValues): Data {
  if (values instanceof Data) return values
  const { type } = field
  if (DataType.isFixedSizeList(type)) return vectorData(type, values as Float32Array | readonly number[])
  if (DataType.isBool(type)) return booleanData(type, values as Uint8Array | readonly (boolean | null)[])
  if (DataType.isUtf8(type)) return textData(type, values as readonly (string | null)[])
  if (DataType.isBinary(type)) return bytesData(type, values as readonly (Uint8Array | null)[])
  if (DataType.isList(type)) return listData(type, values as readonly (readonly string[])[])
  if (DataType.isStruct(type)) {
    const rows = values as readonly (Readonly<Record<string, unknown>> | null)[]
    const children = type.children.map(child =>
      columnData(child, rows.map(row => row?.[child.name] ?? null) as readonly (string | null)[]),
    )
    return makeData({ type, length: rows.length, ...validity(rows), children })
  }
  const ArrayType = type.ArrayType as (new (length: number) => NumberArray) | undefined
  if (ArrayType === undefined || !(DataType.isInt(type) || DataType.isFloat(type))) {
    throw new TypeError(`column ${field.name}: ${type} cannot be built from plain values`)
  }
  if (values instanceof ArrayType) {
    return makeData({ type: type as Int32, length: values.length, nullCount: 0, data: values as Int32Array })
  }
  const numbers = values as readonly (number | null)[]
  const data = new ArrayType(numbers.length)
  const is64 = data instanceof BigInt64Array
  for (let row = 0; row < numbers.length; row++) {
    const value = numbers[row] ?? 0
    ;(data as (number | bigint)[] | NumberArray)[row] = is64 ? BigInt(value) : value
  }
  const nulls = Array.isArray(values) ? validity(numbers) : { nullCount: 0 }
  return makeData({ type: type as Int32, length: numbers.length, ...nulls, data: data as Int32Array })
}

const encoder = new TextEncoder()

/** Arrow's validity bitmap, left out where nothing is null. */
function validity(values: readonly unknown[]): { nullCount: number; nullBitmap?: Uint8Array } {
  let nullCount = 0
  for (const value of values) if (value === null || value === undefined) nullCount++
  if (nullCount === 0) return { nullCount }
  return { nullCount, nullBitmap: bitmap(values.length, row => values[row] != null) }
}

function bitmap(length: number, isSet: (row: number) => boolean): Uint8Array {
  const bits = new Uint8Array(Math.ceil(length / 64) * 8)
  for (let row = 0; row < length; row++) if (isSet(row)) bits[row >> 3] |= 1 << (row & 7)
  return bits
}

function booleanData(type: Bool, values: Uint8Array | readonly (boolean | null)[]): Data {
  const data = bitmap(values.length, row => Boolean(values[row]))
  const nulls = values instanceof Uint8Array ? { nullCount: 0 } : validity(values)
  return makeData({ type, length: values.length, ...nulls, data })
}

function vectorData(type: FixedSizeList, values: Float32Array | readonly number[]): Data {
  const child = columnData(type.children[0], values)
  if (child.length % type.listSize !== 0) {
    throw new TypeError(`${child.length} values are not rows of ${type.listSize}`)
  }
  return makeData({ type, length: child.length / type.listSize, nullCount: 0, child }) as Data
}

function listData(type: List, lists: readonly (readonly string[])[]): Data {
  const valueOffsets = new Int32Array(lists.length + 1)
  for (const [row, { length }] of lists.entries()) valueOffsets[row + 1] = valueOffsets[row] + length
  const child = columnData(type.children[0], lists.flat())
  return makeData({ type, length: lists.length, nullCount: 0, valueOffsets, child }) as Data
}

function textData(type: Utf8, texts: readonly (string | null)[]): Data {
  const valueOffsets = new Int32Array(texts.length + 1)
  let end = 0
  for (let row = 0; row < texts.length; row++) {
    end += texts[row]?.length ?? 0
    valueOffsets[row + 1] = end
  }
  // In one piece: a call a text takes longer than what it encodes. Null is joined as nothing.
  const data = encoder.encode(texts.join(''))
  if (data.length > end) {
    end = 0
    for (let row = 0; row < texts.length; row++) {
      end += Buffer.byteLength(texts[row] ?? '')
      valueOffsets[row + 1] = end
    }
  }
  return makeData({ type, length: texts.length, ...validity(texts), valueOffsets, data })
}

/** The whole numbers from `begin` (≥ 0) up to `end` as text; ids of rows that have none are many, and need no strings. */
export function numeralsData(begin: number, end: number): Data {
  const valueOffsets = new Int32Array(end - begin + 1)
  const data = new Uint8Array((end - begin) * String(end).length)
  let [digits, shortest, at] = [String(begin).length, 10 ** String(begin).length, 0]
  for (let number = begin; number < end; number++) {
    if (number === shortest) {
      digits++
      shortest *= 10
    }
    let left = number
    for (let place = at + digits - 1; place >= at; place--) {
      const rest = Math.floor(left / 10)
      data[place] = zero + left - 10 * rest
      left = rest
    }
    at += digits
    valueOffsets[number - begin + 1] = at
  }
  return makeData({
    type: new Utf8(),
    length: end - begin,
    nullCount: 0,
    valueOffsets,
    data: data.subarray(0, at),
  })
}

const zero = '0'.charCodeAt(0)

function bytesData(type: Binary, values: readonly (Uint8Array | null)[]): Data {
  const valueOffsets = new Int32Array(values.length + 1)
  for (let row = 0; row < values.length; row++) {
    valueOffsets[row + 1] = valueOffsets[row] + (values[row]?.length ?? 0)
  }
  const data = new Uint8Array(valueOffsets[values.length])
  for (let row = 0; row < values.length; row++) {
    const bytes = values[row]
    if (bytes != null) data.set(bytes, valueOffsets[row])
  }
  return makeData({ type, length: values.length, ...validity(values), valueOffsets, data })
}

/**
 * The column of this name.
 * @throws DataError if there is none
 */
export function column(batch: RecordBatch, name: string): Vector {
  const vector = batch.getChild(name)
  if (vector === null) throw noColumn(name, batch.schema.fields)
  return vector
}

export const noColumn = (name: string, fields: readonly Field[]): DataError =>
  new DataError(`there is no column "${name}"`, {
    key: name,
    mend: `The table has the columns ${fields.map(field => field.name).join(', ')}.`,
  })

function valuesOf<T>(batch: RecordBatch, name: string, ArrayType: abstract new (...args: never[]) => T): T {
  const vector = column(batch, name)
  if (vector.nullCount > 0) throw new DataError('a value is missing where none may be', { key: name })
  const values: unknown = vector.toArray()
  if (!(values instanceof ArrayType)) {
    throw new DataError(`the column is ${vector.type}, not ${ArrayType.name.replace('Array', '')}`, {
      key: name,
    })
  }
  return values
}

/** An int32 column without nulls, [rows]. */
export const int32Column = (batch: RecordBatch, name: string): Int32Array => valuesOf(batch, name, Int32Array)

/** A float32 column without nulls, [rows]. */
export const float32Column = (batch: RecordBatch, name: string): Float32Array =>
  valuesOf(batch, name, Float32Array)

/** A float64 column without nulls, [rows]. */
export const float64Column = (batch: RecordBatch, name: string): Float64Array =>
  valuesOf(batch, name, Float64Array)

/** Any numeric column as JavaScript numbers, null where it is null; 64-bit integers beyond 2⁵³ lose digits. */
export function numberColumn(batch: RecordBatch, name: string): (number | null)[] {
  return Array.from(column(batch, name), value => (value === null ? null : Number(value)))
}

/** An int32 column whose nulls become `missing`, [rows]. */
export function nullableInt32Column(batch: RecordBatch, name: string, missing: number): Int32Array {
  const vector = column(batch, name)
  if (vector.nullCount === 0) return int32Column(batch, name)
  return Int32Array.from(vector, value => (value === null ? missing : Number(value)))
}

/** A boolean column without nulls as bytes of 0 and 1, [rows]. */
export function booleanColumn(batch: RecordBatch, name: string): Uint8Array {
  const vector = column(batch, name)
  if (vector.nullCount > 0) throw new DataError('a value is missing where none may be', { key: name })
  const values = new Uint8Array(vector.length)
  let row = 0
  for (const { values: bits, offset, length } of vector.data) {
    for (let bit = offset; bit < offset + length; bit++) values[row++] = (bits[bit >> 3] >> (bit & 7)) & 1
  }
  return values
}

/** A text column, plain or dictionary-encoded, without nulls, [rows]. */
export function stringColumn(batch: RecordBatch, name: string): string[] {
  const vector = column(batch, name)
  if (vector.nullCount > 0) throw new DataError('a value is missing where none may be', { key: name })
  return Array.from(vector, String)
}

/** A text column, null where it is null, [rows]. */
export function nullableStringColumn(batch: RecordBatch, name: string): (string | null)[] {
  return Array.from(column(batch, name), value => (value === null ? null : String(value)))
}

/** A column of lists of text without nulls, [rows]. */
export function stringListColumn(batch: RecordBatch, name: string): string[][] {
  const vector = column(batch, name)
  if (!DataType.isList(vector.type) || vector.nullCount > 0) {
    throw new DataError(`the column is ${vector.type}, not a list<utf8> without nulls`, { key: name })
  }
  return Array.from(vector, (list: Iterable<unknown>) => Array.from(list, String))
}

/** A fixed-size list<float32> column without nulls, flat, [rows × size]. */
export function vectorColumn(batch: RecordBatch, name: string): { values: Float32Array; size: number } {
  const vector = column(batch, name)
  const { type } = vector
  if (!DataType.isFixedSizeList(type) || vector.nullCount > 0) {
    throw new DataError(`the column is ${type}, not a fixed-size list<float32> without nulls`, { key: name })
  }
  const [data] = vector.data
  const values = data.children[0].values as Float32Array
  return { values: values.subarray(0, data.length * type.listSize), size: type.listSize }
}

/** An image column, [rows]. Bytes are views into the batch. */
export function imageColumn(batch: RecordBatch, name: string): (ImageValue | null)[] {
  return Array.from(column(batch, name), (value: { bytes: Uint8Array | null; path: string | null } | null) =>
    value === null ? null : { bytes: value.bytes, path: value.path },
  )
}
