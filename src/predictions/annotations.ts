/**
 * Labels of several annotators: a column each (or, of an array, [examples, annotators]), or one after another in rows
 * of example, annotator and label.
 */
import type { LabelVocabulary } from '../dataset/labels.js'
import { ConfigError, DataError } from '../errors.js'
import type { Annotations } from '../scoring/annotations.js'
import {
  codeOf,
  columnOf,
  type LabelCodes,
  type LabelColumns,
  refuseColumns,
  sourceOf,
  textOf,
} from './labels.js'
import { NpyFile } from './npy.js'
import { isAttribute, openTable, type Table } from './table.js'

/** Which columns of the labels of several annotators play which part; found by their names when absent. */
export interface AnnotationColumns extends LabelColumns {
  /** Columns that hold the labels of an annotator each; found when absent. */
  readonly annotators?: readonly string[]
}

/** Labels of several annotators, as long as nobody knows the classes. */
export interface AnnotationCodes extends LabelCodes {
  /** Labels are numbers in the vocabulary. */
  readonly annotations: Annotations
  /** Names of the annotators. */
  readonly annotators: readonly string[]
}

const exampleNames = ['example_id', 'id', 'example']
const annotatorNames = ['annotator', 'annotator_id', 'worker', 'worker_id']

/**
 * @param vocabulary takes up the distinct labels
 * @param ids of the examples in the order of the predictions, where these have them; without, columns are in their
 *   order, and rows of annotations name their example by its row
 * @throws DataError that names file, row and column; ConfigError if a column is not there
 */
export async function readAnnotations(
  path: string,
  columns: AnnotationColumns,
  vocabulary: LabelVocabulary,
  ids: readonly string[] | undefined,
): Promise<AnnotationCodes> {
  if (/\.npy$/i.test(path)) return readArray(path, columns, vocabulary)
  const table = await openTable(path)
  const annotator = annotatorNames.find(name => table.columns.some(column => column.name === name))
  return annotator !== undefined && columns.annotators === undefined
    ? readRows(table, annotator, columns, vocabulary, ids)
    : readColumns(table, columns, vocabulary, ids)
}

/** Labels as they come, a list an example. */
class Collected {
  readonly annotator: number[][] = []
  readonly label: number[][] = []

  add(example: number, annotator: number, label: number): void {
    while (this.label.length <= example) {
      this.annotator.push([])
      this.label.push([])
    }
    this.annotator[example].push(annotator)
    this.label[example].push(label)
  }

  /** @throws DataError if an example has none */
  annotations(path: string, examples: number, annotators: number): Annotations {
    const begin = new Uint32Array(examples + 1)
    for (let i = 0; i < examples; i++) {
      const own = this.label[i]?.length ?? 0
      if (own === 0) {
        throw new DataError(`no annotator has labeled example ${i}`, {
          file: path,
          mend: 'Leave it out, of the predictions too.',
        })
      }
      begin[i + 1] = begin[i] + own
    }
    return {
      begin,
      annotator: Int32Array.from(this.annotator.flat()),
      label: Int32Array.from(this.label.flat()),
      annotators,
    }
  }
}

async function readArray(
  path: string,
  columns: AnnotationColumns,
  vocabulary: LabelVocabulary,
): Promise<AnnotationCodes> {
  refuseColumns(path, columns)
  const file = await NpyFile.open(path)
  if (file.shape.length !== 2 || file.isText) {
    throw new DataError(`the array is [${file.shape.join(', ')}]${file.isText ? ' of text' : ''}`, {
      file: path,
      mend: 'Labels of several annotators are class indexes, [examples, annotators], −1 where there is none.',
    })
  }
  const source = sourceOf(path)
  const collected = new Collected()
  let row = 0
  for await (const values of file.blocks(65_536)) {
    for (let at = 0; at < values.length; row++) {
      for (let j = 0; j < file.columns; j++, at++) {
        if (values[at] >= 0) collected.add(row, j, codeOf(values[at], source, row, 'labels', vocabulary))
      }
    }
  }
  return {
    ...codesOf(path, 'labels', collected.annotations(path, row, file.columns)),
    annotators: Array.from({ length: file.columns }, (_, j) => String(j)),
  }
}

async function readColumns(
  table: Table,
  named: AnnotationColumns,
  vocabulary: LabelVocabulary,
  known: readonly string[] | undefined,
): Promise<AnnotationCodes> {
  const { path } = table
  const id = columnOf(table, named.id, exampleNames)
  const trueLabel = columnOf(table, named.trueLabel, ['true_label'])
  const places =
    id === undefined || known === undefined ? undefined : new Map(known.map((name, i) => [name, i]))
  const annotators =
    named.annotators?.map(name => columnOf(table, name, [])!) ??
    table.columns.map(({ name }) => name).filter(name => !isAttribute(name) && name !== id)
  if (annotators.length < 2) {
    throw new ConfigError(
      `there ${annotators.length === 1 ? `is one annotator, "${annotators[0]}"` : 'are no columns of annotators'}`,
      {
        file: path,
        mend: 'Name a column for each, --annotators a,b,c; or give rows with a column "annotator".',
      },
    )
  }
  const source = sourceOf(path)
  const collected = new Collected()
  const truth: string[] = []
  const ids: string[] = []
  let rows = 0
  const roles = {
    label: annotators[0],
    content: { kind: 'features' as const, columns: [] },
    ...(id === undefined ? {} : { id }),
    ...(trueLabel === undefined ? {} : { trueLabel }),
    groups: annotators,
  }
  for await (const examples of table.reader.examples(roles)) {
    for (const example of examples) {
      const own = example.id ?? ''
      const place = places === undefined ? rows++ : places.get(own)
      if (place === undefined) {
        throw new DataError(`the predictions have no example "${own}"`, {
          file: path,
          row: example.row,
          ...(id !== undefined && { key: id }),
          mend: 'Leave it out, or give its predictions.',
        })
      }
      if (collected.label[place]?.length) {
        throw new DataError(`example "${own}" comes twice`, {
          file: path,
          row: example.row,
          mend: 'Keep one.',
        })
      }
      for (const [j, label] of example.groups.entries()) {
        if (textOf(label) === '' || label === 'NaN') continue
        collected.add(place, j, codeOf(label, source, example.row, annotators[j], vocabulary))
      }
      if (trueLabel !== undefined) truth[place] = textOf(example.trueLabel ?? null)
      if (id !== undefined) ids[place] = own
    }
  }
  return {
    ...codesOf(path, annotators[0], collected.annotations(path, places?.size ?? rows, annotators.length)),
    ...(trueLabel === undefined ? {} : { truth }),
    ...(id === undefined ? {} : { ids }),
    columns: [id, trueLabel, ...annotators].filter(name => name !== undefined),
    classNames: table.columns.find(({ name }) => name === annotators[0])?.classNames,
    annotators,
  }
}

async function readRows(
  table: Table,
  annotatorColumn: string,
  named: AnnotationColumns,
  vocabulary: LabelVocabulary,
  known: readonly string[] | undefined,
): Promise<AnnotationCodes> {
  const { path } = table
  const id = columnOf(table, named.id, exampleNames)
  const label = columnOf(table, named.label, ['label', 'given_label'])
  if (id === undefined || label === undefined) {
    throw new ConfigError(`which column is the ${id === undefined ? 'example' : 'label'}?`, {
      file: path,
      mend: 'Rows of annotations have the columns example_id, annotator and label (--id and --label name others).',
    })
  }
  const trueLabel = columnOf(table, named.trueLabel, ['true_label'])
  const source = sourceOf(path)
  const collected = new Collected()
  const numbers = known && new Map(known.map((name, i) => [name, i]))
  const annotators = new Map<string, number>()
  const truth: string[] = []
  const roles = {
    label,
    content: { kind: 'features' as const, columns: [] },
    id,
    ...(trueLabel === undefined ? {} : { trueLabel }),
    groups: [annotatorColumn],
  }
  const fail = (message: string, row: number, key: string, mend: string): never => {
    throw new DataError(message, { file: path, row, key, mend })
  }
  for await (const examples of table.reader.examples(roles)) {
    for (const { id: name, groups, label: given, trueLabel: truly, row } of examples) {
      const who = groups[0]
      if (name == null) fail('the example is missing', row, id, 'Say which example the label is of.')
      if (who === null) fail('the annotator is missing', row, annotatorColumn, 'Say whose label it is.')
      const example = numbers === undefined ? rowNumber(name!) : numbers.get(name!)
      if (example === undefined) {
        const mend =
          numbers === undefined
            ? 'The predictions have no ids: name examples by their row in them, from 0.'
            : 'Leave it out, or give its predictions.'
        fail(`the predictions have no example "${name}"`, row, id, mend)
      }
      if (!annotators.has(who!)) annotators.set(who!, annotators.size)
      const j = annotators.get(who!)!
      if (collected.annotator[example!]?.includes(j)) {
        fail(`"${who}" has labeled example "${name}" before`, row, annotatorColumn, 'Keep one of the two.')
      }
      collected.add(example!, j, codeOf(given, source, row, label, vocabulary))
      if (trueLabel === undefined) continue
      const text = textOf(truly ?? null)
      if ((truth[example!] ?? text) !== text) {
        fail(
          `the true label is "${text}", in an earlier row "${truth[example!]}"`,
          row,
          trueLabel,
          'Mend one.',
        )
      }
      truth[example!] = text
    }
  }
  const examples = known?.length ?? collected.label.length
  return {
    ...codesOf(path, label, collected.annotations(path, examples, annotators.size)),
    ...(trueLabel === undefined ? {} : { truth }),
    ids: known,
    columns: [id, label, annotatorColumn, ...(trueLabel === undefined ? [] : [trueLabel])],
    classNames: table.columns.find(({ name }) => name === label)?.classNames,
    annotators: [...annotators.keys()],
  }
}

/** The row that a text names; at most ten million, so that a wrong id does not fill the memory. */
function rowNumber(text: string): number | undefined {
  return /^(0|[1-9]\d{0,6})(\.0+)?$/.test(text) ? Number(text) : undefined
}

/** What all forms have in common. The one label of an example that {@link LabelCodes} ask for is its first. */
function codesOf(
  path: string,
  column: string,
  annotations: Annotations,
): Omit<AnnotationCodes, 'annotators'> {
  const { begin, label } = annotations
  const codes = Array.from(begin.subarray(0, -1), first => label[first])
  return {
    path,
    column,
    codes,
    annotations,
    truth: undefined,
    ids: undefined,
    split: new Uint8Array(codes.length),
    groups: [],
    columns: [],
    classNames: undefined,
  }
}
