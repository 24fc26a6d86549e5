/** Compares what the members of all levels say about every example: PIEs, label quality, class impact. */
import { readFile } from 'node:fs/promises'
import type { RecordBatch } from 'apache-arrow'
import { readDatasetInfo } from '../dataset/info.js'
import { DataError } from '../errors.js'
import { openTable } from '../pipeline/files.js'
import { isPairedWithDense, type Level, levelsOf } from '../pipeline/levels.js'
import type { Stage, StageContext } from '../pipeline/stage.js'
import { splits } from '../scoring/accuracy-tally.js'
import { unknownTruth } from '../scoring/known-truth.js'
import type { NeighborLabels } from '../scoring/neighbor-labels.js'
import type { LevelAnswers } from '../scoring/population-scores.js'
import {
  booleanColumn,
  int32Column,
  nullableInt32Column,
  nullableStringColumn,
  numberColumn,
  stringColumn,
  vectorColumn,
} from '../tables/columns.js'
import { RowReader } from '../tables/row-reader.js'
import { levelsOfPredictionsSchema, levelsSchema } from '../tables/schemas.js'
import { type AuditedExamples, type AuditedRows, audit, type LevelProbabilities } from './audit.js'
import type { MemberFile } from './audit-rows.js'
import type { ScoreHeadline } from './headlines.js'
import { readTakenLevels } from './models.js'
import { leavesFoldsOut } from './population-logits.js'

export const score: Stage = {
  name: 'score',
  version: 10,
  inputs: ['ingest', 'predict', 'models', 'inspect'],
  settings: ({ scoring }) => scoring,
  run: async context => ({ ...(await scoreRun(context)) }),
}

/** What `members.json` holds: the members of each level, in the order of their seeds. */
type Members = Readonly<Record<string, readonly MemberFile[]>>

/** Rows of a level's predictions taken at a time. */
const portionRows = 65_536

async function scoreRun(context: StageContext): Promise<ScoreHeadline> {
  const { pipeline, output, progress, signal } = context
  const levels = await auditedLevels(context)
  const dataset = await readDatasetInfo(context.input('dataset.json'))
  const members = JSON.parse(await readFile(context.input('members.json'), 'utf8')) as Members
  const { seeds, crossFit } = pipeline.population
  if (pipeline.scoring.evidence === 'auto' && seeds < crossFit) {
    progress.log(
      `${crossFit - seeds} of ${crossFit} folds are judged by members that trained on them: set population.seeds to ${crossFit} or more`,
    )
  }
  const examples = await readExamples(context, dataset.trainExamples + dataset.testExamples)
  const { headline } = await audit(
    {
      levels: levels.map(level => ({
        level,
        members: members[level.name],
        test: isPairedWithDense(level) ? 'paired' : 'welch',
      })),
      classNames: dataset.classNames,
      ranked: true,
      examples,
      answers: () => readAnswers(context, levels, members, examples.labels.length),
      probabilities: () => readProbabilities(context, levels),
      rows: () => readRows(context),
      neighbors: await readNeighbors(context, examples.labels.length),
      levelsSchema: levels.some(({ bits }) => Number.isNaN(bits)) ? levelsOfPredictionsSchema : levelsSchema,
    },
    { scoring: pipeline.scoring, output, progress, signal },
  )
  return headline
}

/** The levels with the figures that the pipeline asks for, or that the models' own weights tell. */
async function auditedLevels(context: StageContext): Promise<Level[]> {
  const levels = levelsOf(context.pipeline)
  if (context.pipeline.population.models === undefined) return levels
  const taken = await readTakenLevels(context)
  return levels.map((level, l) => {
    const { sparsity, bits } = taken[l]!
    return { ...level, sparsity: sparsity ?? Number.NaN, bits: bits ?? Number.NaN }
  })
}

async function readExamples(context: StageContext, count: number): Promise<AuditedExamples> {
  const { trueLabel, groups: attributes } = context.pipeline.dataset
  const path = context.input('examples.parquet')
  const labels = new Int32Array(count)
  const truth = new Int32Array(count).fill(unknownTruth)
  const split = new Uint8Array(count)
  const groups = attributes.map(name => ({
    name,
    numbers: new Int32Array(count),
    known: new Map<string, number>(),
  }))
  const columns = ['split', 'label', ...attributes.map(name => `group_${name}`)]
  if (trueLabel !== undefined) columns.push('true_label')
  let row = 0
  for await (const batch of openTable(path, { columns })) {
    if (row + batch.numRows <= count) {
      labels.set(int32Column(batch, 'label'), row)
      split.set(
        stringColumn(batch, 'split').map(name => (name === splits[1] ? 1 : 0)),
        row,
      )
      if (trueLabel !== undefined) truth.set(nullableInt32Column(batch, 'true_label', unknownTruth), row)
      for (const { name, numbers, known } of groups) {
        numbers.set(
          nullableStringColumn(batch, `group_${name}`).map(value => {
            if (value === null) return -1
            if (!known.has(value)) known.set(value, known.size)
            return known.get(value)!
          }),
          row,
        )
      }
    }
    row += batch.numRows
  }
  if (row !== count) throw new DataError(`the table has ${row} rows, the data set ${count}`, { file: path })
  return {
    labels,
    truth,
    knowsTruth: trueLabel !== undefined,
    split,
    groups: groups.map(({ name, numbers, known }) => ({ name, numbers, values: [...known.keys()] })),
  }
}

/** Predictions of all levels, in lock-step, example by example. */
async function* readAnswers(
  context: StageContext,
  levels: readonly Level[],
  members: Members,
  count: number,
): AsyncGenerator<LevelAnswers[]> {
  const readers = levels.map(({ name }) => ({
    predictions: new TableReader(context.input(`predictions/${name}.parquet`), predictionColumns),
    probabilities: new TableReader(context.input(`probabilities/${name}.parquet`), ['probabilities']),
    seeds: Int32Array.from(members[name], ({ seed }) => seed),
  }))
  const largest = Math.max(...readers.map(({ seeds }) => seeds.length))
  const portion = Math.max(1, Math.floor(portionRows / largest))
  try {
    for (let begin = 0; begin < count; begin += portion) {
      const end = Math.min(count, begin + portion)
      const answers: LevelAnswers[] = []
      for (const { predictions, probabilities, seeds } of readers) {
        answers.push(await takeAnswers(predictions, probabilities, seeds, end - begin))
      }
      yield answers
    }
    for (const { predictions, probabilities } of readers) {
      await predictions.end()
      await probabilities.end()
    }
  } finally {
    for (const { predictions, probabilities } of readers) {
      await predictions.close()
      await probabilities.close()
    }
  }
}

const predictionColumns = ['seed', 'in_sample', 'predicted', 'rank_given']

async function takeAnswers(
  predictions: TableReader,
  probabilities: TableReader,
  seeds: Int32Array,
  count: number,
): Promise<LevelAnswers> {
  const rows = count * seeds.length
  const predicted = new Int32Array(rows)
  const ranks = new Int32Array(rows)
  const inSample = new Uint8Array(rows)
  let row = 0
  for (const slice of await predictions.take(rows)) {
    const seed = int32Column(slice, 'seed')
    for (let k = 0; k < seed.length; k++) {
      if (seed[k] !== seeds[(row + k) % seeds.length]) {
        throw new DataError(`seed ${seed[k]} stands where ${seeds[(row + k) % seeds.length]} should`, {
          file: predictions.path,
          row: predictions.taken - rows + row + k,
          mend: 'Every example needs a row of each member, in the order of the examples and then of the seeds.',
        })
      }
    }
    predicted.set(int32Column(slice, 'predicted'), row)
    ranks.set(int32Column(slice, 'rank_given'), row)
    inSample.set(booleanColumn(slice, 'in_sample'), row)
    row += slice.numRows
  }
  return {
    predicted,
    ranks,
    inSample,
    probabilities: vectorsOf(await probabilities.take(count), 'probabilities'),
  }
}

function vectorsOf(slices: readonly RecordBatch[], column: string): Float32Array {
  const parts = slices.map(slice => vectorColumn(slice, column).values)
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

/** Takes rows of a table on disk that must have exactly as many as are asked for. */
class TableReader {
  readonly #rows: RowReader
  taken = 0

  constructor(
    readonly path: string,
    columns: readonly string[],
  ) {
    this.#rows = new RowReader(openTable(path, { columns }))
  }

  async take(rows: number): Promise<RecordBatch[]> {
    const slices = await this.#rows.take(rows)
    const got = slices.reduce((sum, slice) => sum + slice.numRows, 0)
    this.taken += got
    if (got < rows) throw this.#wrongLength(`ends after ${this.taken} rows`)
    return slices
  }

  /** Makes sure that every row was taken. */
  async end(): Promise<void> {
    if ((await this.#rows.take(1)).length > 0) throw this.#wrongLength(`has more than ${this.taken} rows`)
  }

  #wrongLength(what: string): DataError {
    return new DataError(`the table ${what}`, {
      file: this.path,
      mend: 'It must have a row for each example (and member) of examples.parquet and members.json.',
    })
  }

  close(): Promise<void> {
    return this.#rows.close()
  }
}

/** The mean probabilities of all levels, in lock-step with the examples. */
async function* readProbabilities(
  context: StageContext,
  levels: readonly Level[],
): AsyncGenerator<LevelProbabilities[]> {
  const { population, scoring } = context.pipeline
  const asksAll = leavesFoldsOut(population) && scoring.evidence === 'auto'
  const columns = ['example_id', 'probabilities', ...(asksAll ? ['in_sample_probabilities'] : [])]
  const readers = levels.map(
    ({ name }) => new TableReader(context.input(`probabilities/${name}.parquet`), columns),
  )
  let begin = 0
  try {
    for await (const { ids } of readRows(context)) {
      for (let row = 0; row < ids.length; row += mostRows) {
        const portion = ids.slice(row, row + mostRows)
        const probabilities: LevelProbabilities[] = []
        for (const reader of readers) {
          const slices = await reader.take(portion.length)
          requireSameExamples(portion, slices, reader, begin)
          probabilities.push({
            judging: vectorsOf(slices, 'probabilities'),
            trained: asksAll ? vectorsOf(slices, 'in_sample_probabilities') : undefined,
          })
        }
        yield probabilities
        begin += portion.length
      }
    }
  } finally {
    for (const reader of readers) await reader.close()
  }
}

/** Examples whose probabilities are taken at a time: of a thousand classes, a few megabytes a level. */
const mostRows = 1024

/**
 * What the neighbours of every example are labeled; undefined where nobody has looked, or where nothing may judge an
 * example that has learned its label, as the member has in whose features neighbours are near.
 */
async function readNeighbors(context: StageContext, count: number): Promise<NeighborLabels | undefined> {
  const { inspect, scoring } = context.pipeline
  if (inspect === false || scoring.evidence === 'out-of-sample') return undefined
  const reader = new TableReader(context.input('inspection.parquet'), [
    'example_id',
    'neighbor_agreement',
    'neighbor_label',
    'neighbor_label_share',
  ])
  const agreement = new Float32Array(count)
  const majority = new Int32Array(count)
  const majorityShare = new Float32Array(count)
  let begin = 0
  try {
    for await (const { ids } of readRows(context)) {
      const slices = await reader.take(ids.length)
      requireSameExamples(ids, slices, reader, begin)
      for (const slice of slices) {
        agreement.set(
          numberColumn(slice, 'neighbor_agreement').map(value => value ?? Number.NaN),
          begin,
        )
        majority.set(nullableInt32Column(slice, 'neighbor_label', -1), begin)
        majorityShare.set(
          numberColumn(slice, 'neighbor_label_share').map(value => value ?? Number.NaN),
          begin,
        )
        begin += slice.numRows
      }
    }
  } finally {
    await reader.close()
  }
  return { agreement, majority, majorityShare }
}

async function* readRows(context: StageContext): AsyncGenerator<AuditedRows> {
  const path = context.input('examples.parquet')
  for await (const batch of openTable(path, { columns: ['example_id', 'split'] })) {
    yield { ids: stringColumn(batch, 'example_id'), splits: stringColumn(batch, 'split') }
  }
}

function requireSameExamples(
  ids: readonly string[],
  slices: readonly RecordBatch[],
  { path }: TableReader,
  begin: number,
): void {
  const theirs = slices.flatMap(slice => stringColumn(slice, 'example_id'))
  const other = ids.findIndex((id, i) => id !== theirs[i])
  if (other < 0) return
  throw new DataError(`example ${theirs[other]} stands where ${ids[other]} should`, {
    file: path,
    row: begin + other,
    mend: 'Its rows must be in the order of examples.parquet.',
  })
}
