/** Tables as others save predictions: Parquet, Arrow or CSV, a column a class or one of lists. */
import { resolve } from 'node:path'
import { DataType, type RecordBatch, type Vector } from 'apache-arrow'
import { arrowReader } from '../dataset/arrow.js'
import { csvReader } from '../dataset/csv.js'
import { parquetReader } from '../dataset/parquet.js'
import type { ColumnKind, Reader, SourceColumn } from '../dataset/source.js'
import { DataError } from '../errors.js'
import { openFile } from '../pipeline/files.js'

const readers = [
  [/\.parquet$/i, parquetReader],
  [/\.(arrows?|feather|ipc)$/i, arrowReader],
  [/\.[ct]sv$/i, csvReader],
] as const

export const isTable = (path: string): boolean => readers.some(([ending]) => ending.test(path))

export interface Table {
  readonly path: string
  readonly reader: Reader
  readonly columns: readonly SourceColumn[]
  /** Where it can be told without reading them. */
  readonly rows: number | undefined
}

/** @throws DataError that names the file, if it is not there, damaged, or of no known kind */
export async function openTable(path: string): Promise<Table> {
  const found = readers.find(([ending]) => ending.test(path))
  if (found === undefined) {
    throw new DataError('the file is of no kind that is read here', {
      file: path,
      mend: 'Predictions and labels are read from .npy, .parquet, .arrow, .feather, .csv and .tsv.',
    })
  }
  await openFile(path)
  const reader = found[1]([{ path: resolve(path), name: path }])
  const { columns, rows } = await reader.describe()
  return { path, reader, columns, rows }
}

/** Batches with all columns; of a CSV the numeric ones as numbers, the others and those in `text` as text. */
export function rowsOf({ reader, columns }: Table, text: readonly string[] = []): AsyncIterable<RecordBatch> {
  const numbers = columns.filter(({ name, kind }) => kind === 'number' && !text.includes(name))
  return reader.rows({ numbers: new Set(numbers.map(({ name }) => name)), integers: new Set() })
}

/** Columns that say which example or member a row is about; they hold no predictions. */
const keys = new Set(['', 'index', '__index_level_0__', 'example_id', 'id', 'member', 'seed', 'level'])
const attributes = new Set(['label', 'label_name', 'true_label', 'given_label', 'split', 'fold', 'in_sample'])

/** Whether a column of this name says something about examples or members, and is no prediction or opinion. */
export const isAttribute = (name: string): boolean =>
  keys.has(name) || attributes.has(name) || name.startsWith('group_')

/** The columns of predictions: the one of lists, or else all of numbers that are no keys or attributes. */
export interface PredictionColumns {
  readonly names: readonly string[]
  readonly isVector: boolean
}

/**
 * @param others columns that are known to be something else
 * @param kinds of columns that hold a prediction each
 * @throws DataError if there are none, or several of lists
 */
export function predictionColumns(
  { path, columns }: Table,
  others: readonly string[],
  kinds: readonly ColumnKind[] = ['number'],
): PredictionColumns {
  const isPrediction = ({ name }: SourceColumn) => !isAttribute(name) && !others.includes(name)
  const vectors = columns.filter(({ kind }) => kind === 'vector').filter(isPrediction)
  const named = vectors.filter(({ name }) => /^(probabilities|logits|pred_probs)$/.test(name))
  const [vector] = named.length === 1 ? named : vectors
  if (vector !== undefined && (vectors.length === 1 || named.length === 1)) {
    return { names: [vector.name], isVector: true }
  }
  const numbers = columns.filter(({ kind }) => kinds.includes(kind)).filter(isPrediction)
  if (vectors.length > 1 || numbers.length === 0) {
    const what = vectors.length > 1 ? 'several columns of lists' : 'no column of predictions'
    throw new DataError(`the table has ${what}`, {
      file: path,
      mend: 'Give a column of numbers for every class, or one of lists named "probabilities" or "logits".',
    })
  }
  return { names: numbers.map(({ name }) => name), isVector: false }
}

/** How many classes the columns are about. @throws DataError if the table has no rows to tell */
export async function matrixClasses(table: Table, columns: PredictionColumns): Promise<number> {
  if (!columns.isVector) return columns.names.length
  for await (const batch of rowsOf(table)) {
    if (batch.numRows > 0) return predictionsOf(batch.slice(0, 1), columns, table.path, 0, undefined).length
  }
  throw new DataError('the table is empty', { file: table.path, mend: 'Give a row for every example.' })
}

/**
 * Values of the columns of predictions, [rows, classes].
 * @param firstRow row of the file at which the batch begins
 * @param width classes; undefined where this batch is to tell
 */
export function predictionsOf(
  batch: RecordBatch,
  { names, isVector }: PredictionColumns,
  path: string,
  firstRow: number,
  width: number | undefined,
): Float64Array {
  const columns = names.map(name => batch.getChild(name)!)
  if (isVector) return vectorsOf(columns[0], names[0], path, firstRow, width)
  const values = new Float64Array(batch.numRows * columns.length)
  for (const [c, column] of columns.entries()) {
    const numbers = numbersOf(column)
    for (let row = 0, at = c; row < numbers.length; row++, at += columns.length) values[at] = numbers[row]
  }
  return values
}

/** Numbers of a column, NaN where they are missing. */
export function numbersOf(column: Vector): ArrayLike<number> {
  const isPlain = DataType.isFloat(column.type) && column.type.precision > 0
  if (isPlain && column.nullCount === 0) return column.toArray()
  return Float64Array.from(column, value => (value === null ? Number.NaN : Number(value)))
}

function vectorsOf(
  column: Vector,
  name: string,
  path: string,
  firstRow: number,
  width: number | undefined,
): Float64Array {
  let columns = width
  let values = new Float64Array(0)
  for (let row = 0; row < column.length; row++) {
    const list = column.get(row) as Vector | null
    if (row === 0) {
      columns ??= list?.length ?? 0
      values = new Float64Array(column.length * columns)
    }
    if (list === null || list.length !== columns) {
      const found = list === null ? 'is missing' : `has ${list.length} values`
      throw new DataError(`the list ${found}, others have ${columns}`, {
        file: path,
        row: firstRow + row,
        key: name,
        mend: 'Every example needs a value for every class.',
      })
    }
    values.set(numbersOf(list) as ArrayLike<number>, row * columns)
  }
  return values
}
