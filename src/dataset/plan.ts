/**
 * What ingest will do, decided after the first reading of all parts: the classes, the size of the input, who is
 * held out, who is in which fold, and what ids are made of.
 */
import { ConfigError, DataError } from '../errors.js'
import type { InputShape } from '../model/architecture.js'
import type { DatasetConfig } from '../pipeline/config.js'
import { GrowingArray } from './growing.js'
import { type IdKind, repeatedHashes } from './identity.js'
import { chooseInputShape } from './input-shape.js'
import { type Classes, type LabelVocabulary, resolveClasses, unknownLabel } from './labels.js'
import { openReader } from './open.js'
import { resolveRoles, rolesInTest } from './roles.js'
import type { Part, Reader, Roles, SourceDescription } from './source.js'
import { assignFolds, holdOut } from './split.js'
import { type ReadingOptions, type Survey, surveyPart } from './survey.js'

export interface PartPlan {
  readonly part: Part
  readonly reader: Reader
  readonly description: SourceDescription
  readonly roles: Roles
  readonly survey: Survey
  /** Class of each row; −1 where it is skipped, [rows]. */
  readonly classes: Int32Array
  /** 1 where the row is a test example, [rows]. */
  readonly isTest: Uint8Array
  /** Fold of each row; −1 where it has none, [rows]. */
  readonly folds: Int32Array
}

export interface IngestPlan {
  readonly parts: readonly PartPlan[]
  readonly classes: Classes
  readonly input: InputShape
  readonly featureNames: readonly string[]
  readonly ids: IdKind
  /** Hashes of the content of exact duplicates, whose ids need a suffix. */
  readonly repeatedContents: ReadonlySet<bigint>
}

export interface PlanOptions {
  /** Number of folds; 0: none. */
  readonly crossFit: number
  readonly seed: number
  readonly signal: AbortSignal
  /** Called before each part is read, with its number of rows where it is known, else 0. */
  start(part: Part, rows: number): void
  advance(rows: number): void
  log(message: string): void
}

/**
 * Reads all parts once.
 * @throws ConfigError if the data set is not where the pipeline says
 * @throws DataError if it is damaged, or holds bad examples that are not to be skipped, or nothing to learn from
 */
export async function planIngest(config: DatasetConfig, options: PlanOptions): Promise<IngestPlan> {
  const train = await readPart(config, 'train', undefined, options)
  const test = config.test === undefined ? undefined : await readPart(config, 'test', train.roles, options)

  const { vocabulary, codes } = train.survey
  const file = config.path
  if (train.survey.rows === 0) throw new DataError('the data set is empty', { file })
  if (vocabulary.labels.length === 0) throw new DataError('every example of the data set is bad', { file })
  if (test !== undefined && test.survey.rows === 0) {
    throw new DataError('the test data are empty', { file: config.test!, mend: 'Leave out `dataset.test`.' })
  }
  checkDistinctness(train, config)
  const column = train.roles.label
  const classes = resolveClasses(vocabulary, declaredNames(config, train), column)
  if (classes.names.length < 2) {
    throw new DataError(`all examples have the label ${classes.names[0]}`, {
      file,
      key: column,
      mend: limited(config) ?? 'There is nothing to tell apart: two classes are needed.',
    })
  }

  const parts = [
    splitTraining(train, classesOfRows(codes, vocabulary, classes, column), config, options),
    ...(test === undefined
      ? []
      : [allTest(test, classesOfRows(test.survey.codes, test.survey.vocabulary, classes, column))]),
  ]
  checkFeatures(parts)
  const [{ classes: ofRows, isTest }] = parts
  checkNoneEmpty(
    classes,
    countClasses(ofRows, classes.names.length, row => isTest[row] === 0),
    config,
  )

  const { input, note } = chooseInputShape(
    config,
    parts.map(({ survey }) => survey),
  )
  if (note !== undefined) options.log(note)
  const ids = chooseIds(parts)
  return {
    parts,
    classes,
    input,
    featureNames: input.kind === 'features' ? featureNames(train.roles, input.features) : [],
    ids,
    repeatedContents: ids === 'content' ? repeated(parts, 'content') : new Set(),
  }
}

type ReadPart = Pick<PartPlan, 'part' | 'reader' | 'description' | 'roles' | 'survey'>

async function readPart(
  config: DatasetConfig,
  part: Part,
  trainRoles: Roles | undefined,
  options: PlanOptions,
): Promise<ReadPart> {
  const reader = await openReader(config, part)
  const description = await reader.describe()
  const roles =
    trainRoles === undefined
      ? resolveRoles(config, description)
      : rolesInTest(trainRoles, config, description)
  const reading: ReadingOptions = {
    onBadExample: config.onBadExample,
    limit: part === 'train' ? config.limit : undefined,
    signal: options.signal,
    advance: options.advance,
  }
  const rows = Math.min(description.rows ?? 0, reading.limit ?? Number.POSITIVE_INFINITY)
  options.start(part, rows)
  return { part, reader, description, roles, survey: await surveyPart(reader, roles, reading) }
}

function declaredNames(
  config: DatasetConfig,
  { description, roles }: ReadPart,
): readonly string[] | undefined {
  const names = config.classNames
  const twice = names?.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) {
    throw new ConfigError(`the class "${twice}" is named twice`, { key: 'dataset.classNames' })
  }
  return names ?? description.columns.find(({ name }) => name === roles.label)?.classNames
}

function checkDistinctness({ survey, roles }: ReadPart, config: DatasetConfig): void {
  const labeled = survey.rows - survey.skipped.length
  if (survey.vocabulary.labels.length < labeled || labeled < 3) return
  throw new DataError(`the column "${roles.label}" has another value in every row`, {
    file: config.path,
    key: 'dataset.label',
    mend: limited(config) ?? 'Is it an id? Labels are classes that several examples share.',
  })
}

const limited = (config: DatasetConfig): string | undefined =>
  config.limit === undefined
    ? undefined
    : `Only the first ${config.limit} rows are read: raise the limit, or shuffle the data.`

function classesOfRows(
  codes: Int32Array,
  { labels }: LabelVocabulary,
  classes: Classes,
  column: string,
): Int32Array {
  const byCode = labels.map(({ label, first }) => {
    const index = classes.indexOf(label)
    if (index === undefined) throw unknownLabel(label, first, classes, column)
    return index
  })
  return codes.map(code => (code < 0 ? -1 : byCode[code]))
}

function splitTraining(
  train: ReadPart,
  classes: Int32Array,
  config: DatasetConfig,
  { crossFit, seed }: PlanOptions,
): PartPlan {
  const ids = idHashes(train.survey)
  const isTest =
    config.test === undefined && config.testShare > 0
      ? holdOut({ classes, ids }, config.testShare, seed)
      : new Uint8Array(classes.length)
  const training = classes.map((label, row) => (isTest[row] === 1 ? -1 : label))
  const folds =
    crossFit > 0
      ? assignFolds({ classes: training, ids }, crossFit, seed)
      : new Int32Array(classes.length).fill(-1)
  return { ...train, classes, isTest, folds }
}

const allTest = (test: ReadPart, classes: Int32Array): PartPlan => ({
  ...test,
  classes,
  isTest: new Uint8Array(classes.length).fill(1),
  folds: new Int32Array(classes.length).fill(-1),
})

/**
 * What splits and folds are drawn by: always a property of the example itself, whatever its id in the tables, so
 * that a test set that comes or goes does not move the folds.
 */
const idHashes = ({ ids }: Survey): BigUint64Array => ids.column ?? ids.path ?? ids.content

function checkFeatures(parts: readonly PartPlan[]): void {
  const [train, test] = parts
  if (test === undefined || test.survey.features === train.survey.features) return
  throw new DataError(
    `the test data have ${test.survey.features} features, the training data ${train.survey.features}`,
    { file: test.description.files[0].path },
  )
}

/**
 * Examples of each class among the rows that are asked for.
 * @returns counts, [classes]
 */
export function countClasses(
  classes: Int32Array,
  count: number,
  includes: (row: number) => boolean,
): number[] {
  const counts = new Array<number>(count).fill(0)
  for (const [row, label] of classes.entries()) if (label >= 0 && includes(row)) counts[label]++
  return counts
}

/** @throws DataError if a class has no training example */
export function checkNoneEmpty(classes: Classes, counts: readonly number[], config: DatasetConfig): void {
  const empty = classes.names.filter((_, index) => counts[index] === 0)
  if (empty.length === 0) return
  throw new DataError(
    `${empty.length === 1 ? 'the class' : 'the classes'} ${empty.map(name => `"${name}"`).join(', ')} ${
      empty.length === 1 ? 'has' : 'have'
    } no training example`,
    {
      file: config.path,
      key: config.classNames === undefined ? 'dataset.path' : 'dataset.classNames',
      mend: limited(config) ?? 'Take the class out of the class names, or add examples of it.',
    },
  )
}

function chooseIds(parts: readonly PartPlan[]): IdKind {
  if (parts[0].roles.id !== undefined) {
    const [first] = repeated(parts, 'column')
    if (first !== undefined) throw repeatedId(parts, first)
    return 'column'
  }
  const hasPaths = parts.every(({ survey }) => survey.ids.path !== undefined)
  return hasPaths && repeated(parts, 'path').size === 0 ? 'path' : 'content'
}

function repeated(parts: readonly PartPlan[], kind: IdKind): Set<bigint> {
  const hashes = new GrowingArray(BigUint64Array)
  for (const { survey, classes } of parts) {
    const ids = survey.ids[kind]!
    for (const [row, label] of classes.entries()) if (label >= 0) hashes.push(ids[row])
  }
  return repeatedHashes(hashes.values)
}

function repeatedId(parts: readonly PartPlan[], hash: bigint): DataError {
  const places = parts.flatMap(({ survey }) =>
    [...survey.ids.column!.entries()].filter(([, id]) => id === hash).map(([row]) => placeOf(survey, row)),
  )
  const [first, second] = places
  return new DataError(`the id is also that of row ${first.row} of ${first.file.name}`, {
    file: second.file.path,
    row: second.row,
    key: 'dataset.id',
    mend: 'Ids tell examples apart: every example of the training and test data needs its own.',
  })
}

function placeOf({ files }: Survey, sourceRow: number) {
  const { file, firstRow } = files.findLast(({ firstRow }) => firstRow <= sourceRow)!
  return { file, row: sourceRow - firstRow }
}

function featureNames(roles: Roles, features: number): string[] {
  const { content } = roles
  if (content.kind === 'image') return []
  if (content.columns.length === features) return [...content.columns]
  const [list] = content.columns
  const isOneList = content.columns.length === 1
  return Array.from({ length: features }, (_, index) => `${isOneList ? list : 'feature'}[${index}]`)
}
