/** The rows of a table as objects: for programs that look at some, where columns are for those that compute. */
import { DataType, type Field, type RecordBatch, type Vector } from 'apache-arrow'
import {
  booleanColumn,
  column,
  imageColumn,
  nullableStringColumn,
  numberColumn,
  stringListColumn,
  vectorColumn,
} from './columns.js'

/**
 * The rows of a batch. 64-bit integers become numbers, booleans are true and false, fixed-size lists views of float32,
 * images {@link ImageValue}.
 */
export function rowsOf(batch: RecordBatch): Readonly<Record<string, unknown>>[] {
  const columns = batch.schema.fields.map(field => [field.name, valuesOf(batch, field)] as const)
  return Array.from({ length: batch.numRows }, (_, row) =>
    Object.fromEntries(columns.map(([name, values]) => [name, values[row]])),
  )
}

function valuesOf(batch: RecordBatch, { name, type }: Field): readonly unknown[] {
  if (DataType.isUtf8(type) || DataType.isDictionary(type)) return nullableStringColumn(batch, name)
  if (DataType.isBool(type)) return Array.from(booleanColumn(batch, name), value => value === 1)
  if (DataType.isInt(type) || DataType.isFloat(type)) return numberColumn(batch, name)
  if (DataType.isStruct(type)) return imageColumn(batch, name)
  if (DataType.isFixedSizeList(type)) {
    const { values, size } = vectorColumn(batch, name)
    return Array.from({ length: batch.numRows }, (_, row) => values.subarray(row * size, (row + 1) * size))
  }
  if (DataType.isList(type)) return stringListColumn(batch, name)
  return Array.from(column(batch, name) as Vector)
}
