/** Given labels of examples that may be of several classes, or of none: 0 and 1 by class, or lists of classes. */
import type { RecordBatch, Vector } from 'apache-arrow'
import { ConfigError, DataError } from '../errors.js'
import { column, stringColumn } from '../tables/columns.js'
import { columnOf, type LabelColumns } from './labels.js'
import { NpyFile } from './npy.js'
import { isAttribute, numbersOf, openTable, rowsOf, type Table } from './table.js'

export interface MultiLabels {
  readonly path: string
  /** 1 where the example is given the class, [examples, classes]. */
  readonly given: Uint8Array
  readonly examples: number
  readonly classNames: readonly string[]
  readonly ids: readonly string[] | undefined
}

export interface MultiLabelClasses {
  /** As many as the predictions are about. */
  readonly count: number
  /** Their names, by the user or the columns of the predictions; found when absent. */
  readonly names: readonly string[] | undefined
}

/**
 * Reads an array [examples, classes] of 0 and 1; a table with such a column for every class; or one whose column
 * `labels` (or another that is named) has a list of classes an example, names or indexes. In text the classes of a list
 * stand with `|`, `;` or `,` between them.
 * @throws DataError that names file, row and column; ConfigError if there are other classes than predictions are about
 */
export async function readMultiLabels(
  path: string,
  columns: LabelColumns,
  classes: MultiLabelClasses,
): Promise<MultiLabels> {
  if (/\.npy$/i.test(path)) return readArray(path, classes)
  const table = await openTable(path)
  const list = columnOf(table, columns.label, ['labels', 'label', 'classes'])
  return list === undefined ? readColumns(table, columns, classes) : readLists(table, list, columns, classes)
}

const indexNames = ({ count, names }: MultiLabelClasses): readonly string[] =>
  names ?? Array.from({ length: count }, (_, c) => String(c))

async function readArray(path: string, classes: MultiLabelClasses): Promise<MultiLabels> {
  const file = await NpyFile.open(path)
  if (file.shape.length !== 2 || file.isText) {
    throw new DataError(`the array is [${file.shape.join(', ')}]`, {
      file: path,
      mend: 'Labels of several classes are 0 and 1, [examples, classes].',
    })
  }
  requireCount(path, file.columns, classes.count)
  const given = new Uint8Array(file.rows * file.columns)
  let at = 0
  for await (const values of file.blocks(65_536)) {
    for (const value of values) {
      const row = Math.floor(at / file.columns)
      given[at++] = flagOf(value, path, row, String((at - 1) % file.columns))
    }
  }
  return { path, given, examples: file.rows, classNames: indexNames(classes), ids: undefined }
}

async function readColumns(
  table: Table,
  named: LabelColumns,
  classes: MultiLabelClasses,
): Promise<MultiLabels> {
  const { path } = table
  const id = columnOf(table, named.id, ['example_id', 'id'])
  const own = table.columns
    .filter(({ name, kind }) => kind === 'number' && name !== id && !isAttribute(name))
    .map(({ name }) => name)
  requireCount(path, own.length, classes.count)
  const names = classes.names ?? own
  // The columns may stand in another order than those of the predictions.
  const sameNames = names.every(name => own.includes(name))
  const order = sameNames ? names : own
  const given: number[] = []
  const ids: string[] = []
  for await (const batch of rowsOf(table, id === undefined ? [] : [id])) {
    const values = order.map(name => numbersOf(batch.getChild(name)!))
    const first = given.length / order.length
    for (let row = 0; row < batch.numRows; row++) {
      for (const [c, own] of values.entries()) given.push(flagOf(own[row], path, first + row, order[c]))
    }
    if (id !== undefined) ids.push(...stringColumn(batch, id))
  }
  return {
    path,
    given: Uint8Array.from(given),
    examples: given.length / order.length,
    classNames: names,
    ids: id === undefined ? undefined : ids,
  }
}

async function readLists(
  table: Table,
  list: string,
  named: LabelColumns,
  classes: MultiLabelClasses,
): Promise<MultiLabels> {
  const { path } = table
  const id = columnOf(table, named.id, ['example_id', 'id'])
  const names = indexNames(classes)
  const byName = new Map(names.map((name, c) => [name, c]))
  const classOf = (label: string, row: number): number => {
    const index = /^\d{1,9}$/.test(label) ? Number(label) : names.length
    const found = byName.get(label) ?? (index < names.length ? index : undefined)
    if (found !== undefined) return found
    throw new DataError(`"${label}" is none of the ${names.length} classes`, {
      file: path,
      row,
      key: list,
      mend: 'Labels are names of classes, or their indexes from 0; --class-names names them in their order.',
    })
  }
  const rows: number[][] = []
  const ids: string[] = []
  for await (const batch of rowsOf(table, id === undefined ? [list] : [list, id])) {
    for (const labels of listsOf(batch, list)) {
      rows.push(labels.map(label => classOf(label, rows.length)))
    }
    if (id !== undefined) ids.push(...stringColumn(batch, id))
  }
  const given = new Uint8Array(rows.length * names.length)
  for (const [row, own] of rows.entries()) for (const c of own) given[row * names.length + c] = 1
  return {
    path,
    given,
    examples: rows.length,
    classNames: names,
    ids: id === undefined ? undefined : ids,
  }
}

/** The classes of each example, as text; a missing list is an empty one. */
function* listsOf(batch: RecordBatch, name: string): Generator<string[]> {
  const lists = column(batch, name) as Vector
  for (let row = 0; row < batch.numRows; row++) {
    const value: unknown = lists.get(row)
    if (value === null) yield []
    else if (typeof value === 'object') yield Array.from(value as Iterable<unknown>, String)
    else {
      yield String(value)
        .split(/[|;,]/)
        .map(text => text.trim())
        .filter(text => text !== '')
    }
  }
}

function flagOf(value: number, file: string, row: number, key: string): 0 | 1 {
  if (value === 0 || value === 1) return value
  throw new DataError(`the value is ${Number.isNaN(value) ? 'missing or no number' : value}`, {
    file,
    row,
    key,
    mend: 'Labels of several classes are 1 where the example is of the class, else 0.',
  })
}

function requireCount(file: string, found: number, expected: number): void {
  if (found === expected) return
  throw new ConfigError(`there are labels of ${found} classes, the predictions are about ${expected}`, {
    file,
    mend: 'Give 0 or 1 for every class of the predictions; or a column "labels" with a list of classes.',
  })
}
