/** The given labels that predictions are held against, and what else is known about the examples. */
import { type LabelVocabulary, unknownLabel } from '../dataset/labels.js'
import type { RawLabel, SourceFile } from '../dataset/source.js'
import { ConfigError, DataError } from '../errors.js'
import { didYouMean } from '../nearest.js'
import { noClass, unknownTruth } from '../scoring/known-truth.js'
import type { AuditedExamples } from '../stages/audit.js'
import { NpyFile } from './npy.js'
import { openTable, type Table } from './table.js'

/** Which columns of the table of labels play which part; found by their names when absent. */
export interface LabelColumns {
  /** Given label. */
  readonly label?: string
  /** Stable id of the example. */
  readonly id?: string
  /** Known truth, only ever read to score the result; missing: unknown, −1: belongs to no class. */
  readonly trueLabel?: string
  /** `train` or `test`; all are training examples, predicted out of sample, when absent. */
  readonly split?: string
  readonly groups?: readonly string[]
}

/** Labels by their number in the vocabulary, as long as nobody knows the classes. */
export interface LabelCodes {
  readonly path: string
  /** Column or, of an array, the file's own word for it. */
  readonly column: string
  readonly codes: readonly number[]
  readonly truth: readonly string[] | undefined
  readonly ids: readonly string[] | undefined
  readonly split: Uint8Array
  readonly groups: AuditedExamples['groups']
  /** Columns that hold no predictions, should these be in the same file. */
  readonly columns: readonly string[]
  readonly classNames: readonly string[] | undefined
}

const labelNames = ['label', 'given_label', 'labels', 'y']
const idNames = ['example_id', 'id']

/**
 * Reads labels from an `.npy` vector of integers or text, or from a table.
 * @param vocabulary takes up the distinct labels
 * @throws DataError that names file, row and column; ConfigError if a column that was named is not there
 */
export async function readLabels(
  path: string,
  columns: LabelColumns,
  vocabulary: LabelVocabulary,
): Promise<LabelCodes> {
  const labels = /\.npy$/i.test(path)
    ? await readArray(path, columns, vocabulary)
    : await readColumns(await openTable(path), columns, vocabulary)
  if (labels.codes.length > 0) return labels
  throw new DataError('there are no labels', { file: path, mend: 'Give a label for every example.' })
}

async function readArray(
  path: string,
  columns: LabelColumns,
  vocabulary: LabelVocabulary,
): Promise<LabelCodes> {
  refuseColumns(path, columns)
  const file = await NpyFile.open(path)
  const { shape } = file
  if (shape.length !== 1 && !(shape.length === 2 && shape[1] === 1)) {
    throw new DataError(`the array is [${shape.join(', ')}]`, {
      file: path,
      mend: 'Labels are a vector, one class index or name an example; of one-hot rows save the argmax.',
    })
  }
  const codes: number[] = []
  const source = sourceOf(path)
  if (file.isText) {
    for (const text of await file.texts())
      codes.push(codeOf(text, source, codes.length, 'labels', vocabulary))
  } else {
    const known = new Map<number, number>()
    for await (const values of file.blocks(65_536)) {
      for (const value of values) {
        let code = known.get(value)
        if (code === undefined) {
          code = codeOf(value, source, codes.length, 'labels', vocabulary)
          known.set(value, code)
        }
        codes.push(code)
      }
    }
  }
  return {
    path,
    column: 'labels',
    codes,
    truth: undefined,
    ids: undefined,
    split: new Uint8Array(codes.length),
    groups: [],
    columns: [],
    classNames: undefined,
  }
}

async function readColumns(
  table: Table,
  named: LabelColumns,
  vocabulary: LabelVocabulary,
): Promise<LabelCodes> {
  const { path } = table
  const source = sourceOf(path)
  const label = columnOf(table, named.label, labelNames) ?? onlyColumn(table)
  const id = columnOf(table, named.id, idNames)
  const trueLabel = columnOf(table, named.trueLabel, ['true_label'])
  const split = columnOf(table, named.split, ['split'])
  const groups = (named.groups ?? []).map(name => columnOf(table, name, [])!)
  const attributes = groups.map(name => ({ name, known: new Map<string, number>(), numbers: [] as number[] }))
  const codes: number[] = []
  const truth: string[] = []
  const ids: string[] = []
  const splits: number[] = []
  const roles = {
    label,
    content: { kind: 'features' as const, columns: [] },
    ...(id === undefined ? {} : { id }),
    ...(trueLabel === undefined ? {} : { trueLabel }),
    groups: split === undefined ? groups : [...groups, split],
  }
  for await (const examples of table.reader.examples(roles)) {
    for (const example of examples) {
      codes.push(codeOf(example.label, source, example.row, label, vocabulary))
      if (trueLabel !== undefined) truth.push(textOf(example.trueLabel ?? null))
      if (id !== undefined) ids.push(example.id ?? missing(path, example.row, id, 'id'))
      for (const [g, { known, numbers }] of attributes.entries()) {
        const value = example.groups[g]
        if (value !== null && !known.has(value)) known.set(value, known.size)
        numbers.push(value === null ? -1 : known.get(value)!)
      }
      if (split !== undefined) splits.push(splitOf(example.groups.at(-1)!, path, example.row, split))
    }
  }
  return {
    path,
    column: label,
    codes,
    truth: trueLabel === undefined ? undefined : truth,
    ids: id === undefined ? undefined : ids,
    split: split === undefined ? new Uint8Array(codes.length) : Uint8Array.from(splits),
    groups: attributes.map(({ name, known, numbers }) => ({
      name,
      values: [...known.keys()],
      numbers: Int32Array.from(numbers),
    })),
    columns: [label, id, trueLabel, split, ...groups].filter(name => name !== undefined),
    classNames: table.columns.find(({ name }) => name === label)?.classNames,
  }
}

/** A label's number. Numbers and their spellings are the same label: `3`, `3.0` in a column of floats, `"3"`. */
export function codeOf(
  label: RawLabel,
  source: SourceFile,
  row: number,
  column: string,
  vocabulary: LabelVocabulary,
): number {
  if (label === null || Number.isNaN(label)) missing(source.path, row, column, 'label')
  return vocabulary.add(textOf(label), { file: source, row })
}

/** How labels look in errors and in the vocabulary; missing: empty. */
export const textOf = (label: RawLabel): string =>
  label === null || Number.isNaN(label) ? '' : String(label)

/** @throws ConfigError if a column is named, which an array has not */
export function refuseColumns(path: string, columns: LabelColumns): void {
  const [named] = Object.values(columns).flat()
  if (named === undefined) return
  throw new ConfigError(`an array has no column "${named}"`, {
    file: path,
    mend: 'Give the labels as a table, with their columns.',
  })
}

/** The file as errors about labels know it. */
export const sourceOf = (path: string): SourceFile => ({ path, name: path })

function missing(file: string, row: number, key: string, what: string): never {
  throw new DataError(`the ${what} is missing`, {
    file,
    row,
    key,
    mend: 'Give it, or leave the example out.',
  })
}

function splitOf(split: string | null, file: string, row: number, key: string): number {
  if (split === 'train' || split === 'test') return split === 'test' ? 1 : 0
  throw new DataError(`the split is ${split === null ? 'missing' : `"${split}"`}`, {
    file,
    row,
    key,
    mend: 'It is "train" or "test".',
  })
}

/** The column of this name, or else the first of the usual ones that is there. @throws ConfigError if it is not */
export function columnOf(
  { path, columns }: Table,
  named: string | undefined,
  usual: readonly string[],
): string | undefined {
  const names = columns.map(({ name }) => name)
  if (named === undefined) return usual.find(name => names.includes(name))
  if (names.includes(named)) return named
  throw new ConfigError(`there is no column "${named}"`, {
    file: path,
    mend: `${didYouMean(named, names)}The table has the columns ${names.join(', ')}.`,
  })
}

function onlyColumn({ path, columns }: Table): string {
  const possible = columns.filter(({ name }) => name !== '' && !idNames.includes(name))
  if (possible.length === 1) return possible[0].name
  throw new ConfigError(`which column is the label: ${columns.map(({ name }) => name).join(', ')}?`, {
    file: path,
    mend: 'Name it with --label; a CSV needs a header.',
  })
}

/** What may tell the classes, apart from the labels themselves. */
export interface KnownClasses {
  /** How many there are; undefined where only the labels tell. */
  readonly count: number | undefined
  /** Their names as the user gives them. */
  readonly declared: readonly string[] | undefined
  /** Names of the matrix's columns. */
  readonly columns: readonly string[] | undefined
}

/**
 * The classes, and each vocabulary entry's index among them. Labels are names of classes, or else indexes from 0.
 * Without any names, text is in the order of its code units, which is that of scikit-learn's `predict_proba`.
 *
 * @throws DataError that names the row of the first label that is no class; ConfigError if the labels do not tell
 *   the classes, or the number of names is not theirs
 */
export function classesOf(
  vocabulary: LabelVocabulary,
  { path, column, classNames }: LabelCodes,
  { count, declared, columns }: KnownClasses,
): { readonly names: readonly string[]; readonly classOf: Int32Array } {
  const labels = vocabulary.labels.map(({ label }) => String(label))
  const fitting = (names: readonly string[]) => labels.every(label => names.includes(label))
  const given = declared ?? classNames ?? namesOfColumns(columns, fitting) ?? indexNames(labels, count)
  if (given === undefined && (labels.some(isInteger) || (count ?? labels.length) !== labels.length)) {
    const about = count === undefined ? '' : `, the predictions are about ${count} classes`
    throw new ConfigError(`there are ${labels.length} different labels${about}`, {
      file: path,
      key: column,
      mend: 'Name the classes, in the order of the columns where there are any, with --class-names.',
    })
  }
  if (given !== undefined && count !== undefined && given.length !== count) {
    throw new ConfigError(`${given.length} classes are named, the predictions are about ${count}`, {
      mend: 'Name every class, in the order of the columns.',
    })
  }
  const names = given ?? labels.toSorted()
  const classOf = classIndex(names)
  const codes = vocabulary.labels.map(({ label, first }) => {
    const found = classOf(String(label))
    if (found !== undefined) return found
    const classes = { names, labels: names, indexOf: (label: string | number) => classOf(String(label)) }
    throw unknownLabel(label, first, classes, first.file.path === path ? column : 'predicted')
  })
  return { names, classOf: Int32Array.from(codes) }
}

/**
 * The index of the class that a label means: its name, or the index itself where names could not be taken for
 * indexes.
 */
function classIndex(names: readonly string[]): (label: string) => number | undefined {
  const byName = new Map(names.map((name, c) => [name, c]))
  const areNumbers = names.every(isInteger)
  return label => {
    const found = byName.get(label)
    if (found !== undefined || !isInteger(label)) return found
    const index = Number(label)
    return areNumbers ? byName.get(String(index)) : index >= 0 && index < names.length ? index : undefined
  }
}

/** Whether a label is or spells a whole number; text with leading zeros is a name. */
const isInteger = (label: string): boolean => /^-?(0|[1-9]\d{0,8})(\.0+)?$/.test(label)

/** Names of the columns as they are, or without what they all begin with (`p_cat`, `p_dog`) if the labels say so. */
function namesOfColumns(
  columns: readonly string[] | undefined,
  fitting: (names: readonly string[]) => boolean,
): readonly string[] | undefined {
  if (columns === undefined || fitting(columns)) return columns
  const [first] = columns
  let length = first.length
  for (const column of columns) while (!column.startsWith(first.slice(0, length))) length--
  const prefix = first.slice(0, first.slice(0, length).lastIndexOf('_') + 1)
  const short = columns.map(column => column.slice(prefix.length))
  return fitting(short) ? short : columns
}

/** `0`, `1`, … where labels are indexes: as many as there are classes, or as the highest asks for. */
function indexNames(labels: readonly string[], count: number | undefined): string[] | undefined {
  if (!labels.every(isInteger)) return undefined
  const highest = labels.reduce((most, label) => Math.max(most, Number(label)), 1)
  return Array.from({ length: count ?? highest + 1 }, (_, c) => String(c))
}

/** The examples, now that the classes are known. @throws DataError if a true label is of none of them */
export function labeledExamples(
  codes: LabelCodes,
  names: readonly string[],
  classOf: Int32Array,
): AuditedExamples {
  const indexOf = classIndex(names)
  const truthOf = (label: string, row: number): number => {
    if (label === '') return unknownTruth
    const found = indexOf(label)
    if (found !== undefined) return found
    if (label === '-1') return noClass
    throw new DataError(`the true label "${label}" is none of the ${names.length} classes`, {
      file: codes.path,
      row,
      mend: 'True labels are classes as the given ones, −1 (of no class) or missing (unknown).',
    })
  }
  const labels = new Int32Array(codes.codes.length)
  for (let row = 0; row < labels.length; row++) labels[row] = classOf[codes.codes[row]]
  return {
    labels,
    truth:
      codes.truth === undefined
        ? new Int32Array(labels.length).fill(unknownTruth)
        : Int32Array.from(codes.truth, truthOf),
    knowsTruth: codes.truth !== undefined,
    split: codes.split,
    groups: codes.groups,
  }
}
