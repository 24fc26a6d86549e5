/**
 * The source's own rows, for files that are to be read in its place: cleaned splits have its columns, types and
 * metadata, whatever ingest makes of them.
 *
 * ```ts
 * const original = await openOriginal(config, info)
 * for await (const batch of original.rows('train')) {
 *   // row i of all batches together is the example whose source_row is i
 *   yield takeRows(original.relabel(batch, newLabels), keptRows)
 * }
 * ```
 */
import {
  DataType,
  Field,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  type Vector,
  vectorFromArray,
} from 'apache-arrow'
import type { DatasetConfig } from '../pipeline/config.js'
import type { DatasetInfo } from './info.js'
import { openReader } from './open.js'
import type { Part, TextTypes } from './source.js'

export interface Original {
  /** The source's schema; its label column plain where the source has it dictionary-encoded. */
  readonly schema: Schema
  /**
   * All rows of a part in order, those that ingest skipped included. With `dataset.testShare`, the test examples
   * are rows of `train`.
   */
  rows(part: Part): AsyncIterable<RecordBatch>
  /**
   * A batch of {@link rows}, or some of its rows, with other labels, written as the source writes labels.
   * @param labels class index of each row, or −1 where the label stays as it is, [rows]
   */
  relabel(batch: RecordBatch, labels: Int32Array): RecordBatch
}

/** @throws ConfigError, DataError as reading the source does */
export async function openOriginal(config: DatasetConfig, info: DatasetInfo): Promise<Original> {
  const { label } = info.source
  const types = textTypes(info)
  const schema = withPlainLabels(await (await openReader(config, 'train')).schema(types), label)
  const index = schema.fields.findIndex(field => field.name === label)
  const { type } = schema.fields[index]

  const withLabels = (batch: RecordBatch, labels: Vector) => replaceColumn(schema, batch, index, labels)

  async function* rows(part: Part): AsyncGenerator<RecordBatch> {
    let left = part === 'train' ? (config.limit ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY
    for await (const batch of (await openReader(config, part)).rows(types)) {
      const wanted = batch.numRows > left ? batch.slice(0, left) : batch
      left -= wanted.numRows
      if (wanted.numRows > 0) {
        const column = wanted.getChildAt(index)!
        const isPlain = !DataType.isDictionary(column.type)
        yield isPlain ? wanted : withLabels(wanted, vectorFromArray([...column], type))
      }
      if (left === 0) return
    }
  }

  function relabel(batch: RecordBatch, labels: Int32Array): RecordBatch {
    if (labels.every(index => index < 0)) return batch
    const column = batch.getChildAt(index)!
    const values = Array.from(labels, (label, row): unknown =>
      label < 0 ? column.get(row) : asValueOf(type, info.classLabels[label]),
    )
    return withLabels(batch, vectorFromArray(values, type))
  }

  return { schema, rows, relabel }
}

/** The batch under this schema, one of its columns replaced. */
export function replaceColumn(
  schema: Schema,
  batch: RecordBatch,
  index: number,
  column: Vector,
): RecordBatch {
  const children = batch.data.children.with(index, column.data[0])
  const data = { type: new Struct(schema.fields), length: batch.numRows, nullCount: 0, children }
  return new RecordBatch(schema, makeData(data))
}

/** Where the source is text: features are numbers, and labels are integers if that is how classes are known. */
function textTypes({ input, source, classLabels }: DatasetInfo): TextTypes {
  const areIntegers = classLabels.every(label => typeof label === 'number')
  return {
    numbers: new Set(input.kind === 'features' ? source.content : []),
    integers: new Set(areIntegers ? [source.label] : []),
  }
}

function withPlainLabels(schema: Schema, label: string): Schema {
  const fields = schema.fields.map(field =>
    field.name === label && DataType.isDictionary(field.type)
      ? new Field(field.name, field.type.dictionary, field.nullable, field.metadata)
      : field,
  )
  return new Schema(fields, schema.metadata)
}

/** A class's label as a value of the label column. */
function asValueOf(type: DataType, label: string | number): unknown {
  if (DataType.isInt(type)) return type.bitWidth === 64 ? BigInt(label) : Number(label)
  if (DataType.isFloat(type)) return Number(label)
  if (DataType.isBool(type)) return label === 'true'
  return String(label)
}
