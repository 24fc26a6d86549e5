/** What the members of all levels say, from whatever files they are in, ready to be read side by side. */
import { basename } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import type { LabelVocabulary } from '../dataset/labels.js'
import type { RawLabel } from '../dataset/source.js'
import { DataError } from '../errors.js'
import { memberNumbers } from '../pipeline/member-names.js'
import type { PredictionForm } from '../scoring/matrix-scores.js'
import { column, stringColumn } from '../tables/columns.js'
import { toLogits } from './forms.js'
import { codeOf, sourceOf } from './labels.js'
import { idColumnOf, type MatrixShape, requireClasses, requireSameClasses, requireSound } from './matrix.js'
import { MemberCopies, type MemberName } from './member-copies.js'
import { NpyFile } from './npy.js'
import { denseFirst, type LevelFiles } from './populations.js'
import { matrixClasses, openTable, predictionColumns, predictionsOf, rowsOf, type Table } from './table.js'

/** A member whose predictions lie row after row in an array file: its own, or one copied from its table. */
export interface Member extends MemberName {
  readonly file: NpyFile
  /** First of its rows in the file. */
  readonly from: number
  readonly examples: number
  /** What is in the file; `codes` are numbers of predicted labels in the vocabulary. */
  readonly form: PredictionForm | 'codes'
}

export interface LevelMembers {
  readonly level: string
  readonly members: readonly Member[]
  /** Number of each member. */
  readonly seeds: readonly number[]
}

export interface MemberSource {
  readonly form: PredictionForm | 'labels'
  /** Numbers of the labels that members predict. */
  readonly vocabulary: LabelVocabulary
  /** Columns of tables that hold no predictions. */
  readonly others: readonly string[]
  /** Ids of the examples, where the labels have them. */
  readonly ids: readonly string[] | undefined
  /** Folder for predictions that must be taken out of tables. */
  readonly folder: string
}

export interface Members {
  /** `dense` first. */
  readonly levels: readonly LevelMembers[]
  /** The classes that all of them rank; undefined where they only name one. */
  readonly shape: MatrixShape | undefined
}

/**
 * Opens the files of all levels. Matrices in array files are read where they are; tables, and predicted labels, are
 * copied into array files first, one after another, so that any number of members can be read side by side.
 *
 * @throws DataError that names file and row: predictions of other classes, other examples, or not of the form
 */
export async function openMembers(levels: readonly LevelFiles[], source: MemberSource): Promise<Members> {
  const copies = new MemberCopies(source.folder)
  const members: Member[] = []
  const shapes: MatrixShape[] = []
  try {
    for (const { level, files } of levels) {
      for (const path of files) {
        if (/\.npy$/i.test(path)) {
          const file = await NpyFile.open(path)
          const own = level === '' ? 'dense' : level
          if (source.form === 'labels') await copyLabelArray(file, own, source, copies)
          else {
            members.push(...membersOf(file, own, source.form))
            shapes.push({ path, classes: file.columns, classNames: undefined })
          }
        } else {
          const shape = await copyTable(await openTable(path), level, source, copies)
          if (shape !== undefined) shapes.push(shape)
        }
      }
    }
    const form = source.form === 'labels' ? 'codes' : 'logits'
    for (const { file, ...copy } of await copies.close()) {
      members.push({ ...copy, file: await NpyFile.open(file), from: 0, form })
    }
  } catch (error) {
    await copies.abort()
    throw error
  }
  const shape = shapes.find(({ classNames }) => classNames !== undefined) ?? shapes[0]
  for (const other of shapes) requireSameClasses(other, shape)
  if (shape !== undefined) requireClasses(shape)
  return { levels: denseFirst(byLevel(members)), shape }
}

/** Levels in the order in which they came, their members in that of their numbers. */
function byLevel(members: readonly Member[]): LevelMembers[] {
  return [...grouped(members, ({ level }) => level)].map(([level, ofLevel]) => {
    const seeds = memberNumbers(ofLevel.map(({ name }) => name))
    const order = [...seeds.keys()].sort((a, b) => seeds[a] - seeds[b])
    return { level, members: order.map(m => ofLevel[m]), seeds: order.map(m => seeds[m]) }
  })
}

/** One member of a matrix, [examples, classes]; several of [members, examples, classes]. */
function membersOf(file: NpyFile, level: string, form: PredictionForm): Member[] {
  const { path, shape } = file
  if ((shape.length !== 2 && shape.length !== 3) || file.isText) {
    throw new DataError(`the array is [${shape.join(', ')}]`, {
      file: path,
      mend: 'It must be [examples, classes], or [members, examples, classes]; predicted labels need --form labels.',
    })
  }
  const count = shape.length === 3 ? shape[0] : 1
  const examples = file.rows / Math.max(1, count)
  return Array.from({ length: count }, (_, m) => ({
    level,
    name: count === 1 ? basename(path) : `${basename(path)} ${m}`,
    path,
    file,
    from: m * examples,
    examples,
    form,
  }))
}

/** One member of a vector, [examples]; several of [members, examples]. */
async function copyLabelArray(
  file: NpyFile,
  level: string,
  { vocabulary }: MemberSource,
  copies: MemberCopies,
): Promise<void> {
  const { path, shape } = file
  if ((shape.length !== 1 && shape.length !== 2) || file.isText) {
    throw new DataError(`the array is [${shape.join(', ')}]${file.isText ? ' of text' : ''}`, {
      file: path,
      mend: 'Predicted labels are class indexes, [examples] or [members, examples].',
    })
  }
  const source = sourceOf(path)
  const examples = shape.at(-1)!
  let row = 0
  for await (const values of file.blocks(shape.length === 1 ? 65_536 : 1)) {
    const codes = Int32Array.from(values, (value, at) =>
      codeOf(value, source, (row + at) % examples, 'predicted', vocabulary),
    )
    const name = shape.length === 1 ? basename(path) : `${basename(path)} ${row / examples}`
    await copies.append({ level, name, path }, codes, 1)
    row += values.length
  }
}

/**
 * Copies the members of a table: one; or as many as its column `member` or `seed` tells apart, in any order as long
 * as each has the examples in theirs; or, of predicted labels, one a column. A column `level` is heeded.
 */
async function copyTable(
  table: Table,
  level: string,
  { form, vocabulary, others, ids }: MemberSource,
  copies: MemberCopies,
): Promise<MatrixShape | undefined> {
  const { path } = table
  const has = (name: string) => table.columns.some(column => column.name === name)
  const memberColumn = ['member', 'seed'].find(has)
  const levelColumn = has('level') ? 'level' : undefined
  const idColumn = idColumnOf(table)
  const labelColumns = form === 'labels' ? predictedColumns(table, others, memberColumn) : []
  const columns = form === 'labels' ? undefined : predictionColumns(table, others)
  const classes = columns === undefined ? 1 : await matrixClasses(table, columns)
  const source = sourceOf(path)
  const text = [memberColumn, levelColumn, idColumn, ...labelColumns].filter(name => name !== undefined)
  let firstRow = 0
  for await (const batch of rowsOf(table, text)) {
    const batchIds = idColumn === undefined ? undefined : stringColumn(batch, idColumn)
    const logits =
      columns === undefined || form === 'labels'
        ? undefined
        : logitsOf(predictionsOf(batch, columns, path, firstRow, classes), classes, form, path, firstRow)
    for (const { level: of, member, rows } of parts(batch, level, levelColumn, memberColumn)) {
      const whole = { level: of, name: member ?? basename(path), path }
      const requireIds = (name: MemberName) =>
        requireOrder(batchIds, ids, rows, copies.examples(name), path, firstRow)
      if (logits !== undefined) {
        requireIds(whole)
        await copies.append(whole, rowsAt(logits, rows, classes), classes)
        continue
      }
      for (const name of labelColumns) {
        const labels = column(batch, name)
        const codes = rows.map(row =>
          codeOf(labels.get(row) as RawLabel, source, firstRow + row, name, vocabulary),
        )
        const own = labelColumns.length === 1 ? whole : { ...whole, name }
        requireIds(own)
        await copies.append(own, codes, 1)
      }
    }
    firstRow += batch.numRows
  }
  return columns && { path, classes, classNames: columns.isVector ? undefined : columns.names }
}

function predictedColumns(
  table: Table,
  others: readonly string[],
  memberColumn: string | undefined,
): readonly string[] {
  const usual = ['predicted', 'prediction', 'pred'].find(usual =>
    table.columns.some(({ name }) => name === usual),
  )
  if (usual !== undefined) return [usual]
  const { names, isVector } = predictionColumns(table, others, ['number', 'text'])
  if (!isVector && (names.length === 1 || memberColumn === undefined)) return names
  throw new DataError('which column holds the predicted labels?', {
    file: table.path,
    mend: 'Call it "predicted".',
  })
}

function logitsOf(
  values: Float64Array,
  classes: number,
  form: PredictionForm,
  path: string,
  firstRow: number,
): Float32Array {
  requireSound(values, classes, form, path, firstRow)
  return toLogits(values, form)
}

interface Part {
  readonly level: string
  /** As the table calls it; undefined where the table is one member. */
  readonly member: string | undefined
  /** Its rows of the batch. */
  readonly rows: Int32Array
}

/** The rows of a batch by level and member; those of other levels than the one asked for are left out. */
function parts(
  batch: RecordBatch,
  level: string,
  levelColumn: string | undefined,
  memberColumn: string | undefined,
): Part[] {
  const levels = levelColumn === undefined ? undefined : stringColumn(batch, levelColumn)
  const members = memberColumn === undefined ? undefined : stringColumn(batch, memberColumn)
  const keyOf = (row: number) => `${levels?.[row] ?? ''}\0${members?.[row] ?? ''}`
  const rows = grouped(Array(batch.numRows).keys(), keyOf)
  return [...rows.values()]
    .map(
      (of): Part => ({
        level: level === '' ? (levels?.[of[0]] ?? 'dense') : level,
        member: members?.[of[0]],
        rows: Int32Array.from(of),
      }),
    )
    .filter(({ rows: [row] }) => level === '' || levels === undefined || levels[row] === level)
}

/** @throws DataError if a member's next rows are not about the next examples */
function requireOrder(
  found: readonly string[] | undefined,
  expected: readonly string[] | undefined,
  rows: Int32Array,
  begin: number,
  file: string,
  firstRow: number,
): void {
  if (found === undefined || expected === undefined) return
  const wrong = rows.findIndex((row, k) => found[row] !== expected[begin + k])
  if (wrong < 0) return
  const should = expected[begin + wrong]
  const row = rows[wrong]
  throw new DataError(
    should === undefined
      ? `example "${found[row]}" comes after all that have labels`
      : `example "${found[row]}" stands where "${should}" should`,
    { file, row: firstRow + row, mend: 'Each member needs the examples in the order of the labels.' },
  )
}

function rowsAt(values: Float32Array, rows: Int32Array, width: number): Float32Array {
  if (rows.length * width === values.length) return values
  const chosen = new Float32Array(rows.length * width)
  for (const [k, row] of rows.entries())
    chosen.set(values.subarray(row * width, (row + 1) * width), k * width)
  return chosen
}

function grouped<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}
