/**
 * Compares what the members of all levels say about every example: PIEs, label quality, class impact.
 *
 * Two passes over the tables. The first reads the predictions of all levels in lock-step and keeps a few bytes an
 * example and level. When it is through, it is known how far each level can be trusted, and the second writes the
 * scores.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { readDatasetInfo } from '../dataset/info.js'
import { ConfigError, DataError } from '../errors.js'
import { openTable, writeTable } from '../pipeline/files.js'
import { type Level, levelsOf } from '../pipeline/levels.js'
import type { Stage, StageContext } from '../pipeline/stage.js'
import { splits } from '../scoring/accuracy-tally.js'
import { labelIssues } from '../scoring/decision.js'
import { compareWithTruth, type JudgedLabels, noiseShare, unknownTruth } from '../scoring/known-truth.js'
import { pieFlags } from '../scoring/modal-labels.js'
import { type LevelAnswers, PopulationScores } from '../scoring/population-scores.js'
import { suggestedLabels } from '../scoring/suggested-labels.js'
import {
  booleanColumn,
  float32Column,
  int32Column,
  nullableInt32Column,
  nullableStringColumn,
  recordBatch,
  stringColumn,
  vectorColumn,
} from '../tables/columns.js'
import { RowReader } from '../tables/row-reader.js'
import { classesSchema, levelsSchema, scoresSchema } from '../tables/schemas.js'
import { type AuditedRun, classRows, type LevelRow, levelRows, type MemberFile } from './audit-rows.js'
import type { LevelFigures, ScoreHeadline } from './headlines.js'

export const score: Stage = {
  name: 'score',
  version: 1,
  inputs: ['ingest', 'predict'],
  settings: ({ scoring }) => scoring,
  run: async context => ({ ...(await scoreRun(context)) }),
}

/** What is kept of the examples beside their scores, [examples] each. */
interface Examples extends JudgedLabels {
  /** Index into {@link splits}. */
  readonly split: Uint8Array
  readonly groups: readonly SubgroupAttribute[]
}

interface SubgroupAttribute {
  readonly name: string
  /** In the order in which they first occur. */
  readonly values: readonly string[]
  /** Number of each example's value, −1 where it has none. */
  readonly numbers: Int32Array
}

/** What `members.json` holds: the members of each level, in the order of their seeds. */
type Members = Readonly<Record<string, readonly MemberFile[]>>

interface Verdicts {
  readonly quality: Float32Array
  readonly issues: Uint8Array
  /** Of each level, dense first (no PIEs by definition). */
  readonly pies: readonly Uint8Array[]
}

/** Rows of a level's predictions taken at a time. */
const portionRows = 65_536

async function scoreRun(context: StageContext): Promise<ScoreHeadline> {
  const { pipeline } = context
  const levels = levelsOf(pipeline)
  const dataset = await readDatasetInfo(context.input('dataset.json'))
  const members = JSON.parse(await readFile(context.input('members.json'), 'utf8')) as Members
  const examples = await readExamples(context, dataset.trainExamples + dataset.testExamples)
  const scores = new PopulationScores({
    examples: examples.labels.length,
    classes: dataset.classNames.length,
    levels: levels.map(({ name, bits }) => ({ members: members[name].length, copy: bits < 32 })),
    ties: pipeline.scoring.ties,
    evidence: pipeline.scoring.evidence,
  })
  await addPredictions(context, levels, members, examples, scores)

  const quality = scores.labelQuality()
  const unjudged = quality.findIndex(Number.isNaN)
  if (unjudged >= 0) {
    throw new ConfigError(`no member judges example ${unjudged} out of sample`, {
      key: 'scoring.evidence',
      mend: 'Set population.crossFit to 2 or more and population.seeds to at least as many, or evidence to auto.',
    })
  }
  const issues = labelIssues(quality, pipeline.scoring.decision)
  const pies = scores.levels.map(({ modal }) => pieFlags(scores.levels[0].modal, modal))
  await writeScores(context, levels, examples, scores, { quality, issues, pies })

  const run: AuditedRun = {
    levels: levels.map(level => ({ level, members: members[level.name] })),
    classNames: dataset.classNames,
    split: examples.split,
    groups: examples.groups,
    tallies: scores.levels.map(({ tally }) => tally),
    pies,
    alpha: pipeline.scoring.alpha,
  }
  const impacts = classRows(run)
  const summary = levelRows(run, impacts)
  await writeTable(join(context.output, 'classes.parquet'), classesSchema, [batchOf(classesSchema, impacts)])
  await writeTable(join(context.output, 'levels.parquet'), levelsSchema, [batchOf(levelsSchema, summary)])
  return headline(examples, summary, { quality, issues, pies })
}

async function readExamples(context: StageContext, count: number): Promise<Examples> {
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
    split,
    groups: groups.map(({ name, numbers, known }) => ({ name, numbers, values: [...known.keys()] })),
  }
}

/** The first pass: predictions of all levels, in lock-step, example by example. */
async function addPredictions(
  context: StageContext,
  levels: readonly Level[],
  members: Members,
  examples: Examples,
  scores: PopulationScores,
): Promise<void> {
  const count = examples.labels.length
  const readers = levels.map(({ name }) => ({
    predictions: new TableReader(context.input(`predictions/${name}.parquet`), predictionColumns),
    probabilities: new TableReader(context.input(`probabilities/${name}.parquet`), ['probabilities']),
    seeds: Int32Array.from(members[name], ({ seed }) => seed),
  }))
  const largest = Math.max(...readers.map(({ seeds }) => seeds.length))
  const portion = Math.max(1, Math.floor(portionRows / largest))
  context.progress.start('score', count)
  try {
    for (let begin = 0; begin < count; begin += portion) {
      context.signal.throwIfAborted()
      const end = Math.min(count, begin + portion)
      const answers: LevelAnswers[] = []
      for (const { predictions, probabilities, seeds } of readers) {
        answers.push(await takeAnswers(predictions, probabilities, seeds, end - begin))
      }
      scores.add(
        {
          labels: examples.labels.subarray(begin, end),
          split: examples.split.subarray(begin, end),
          groups: examples.groups.map(({ numbers }) => numbers.subarray(begin, end)),
        },
        answers,
      )
      context.progress.advance(end - begin)
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

const predictionColumns = ['seed', 'in_sample', 'predicted', 'rank_given', 'margin']

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
  const margins = new Float32Array(rows)
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
    margins.set(float32Column(slice, 'margin'), row)
    row += slice.numRows
  }
  return {
    predicted,
    ranks,
    inSample,
    margins,
    probabilities: vectorsOf(await probabilities.take(count)),
  }
}

function vectorsOf(slices: readonly RecordBatch[]): Float32Array {
  const parts = slices.map(slice => vectorColumn(slice, 'probabilities').values)
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

/** The second pass: suggested labels, now that the levels' weights are known, and everything a row has. */
async function writeScores(
  context: StageContext,
  levels: readonly Level[],
  examples: Examples,
  scores: PopulationScores,
  { quality, issues, pies }: Verdicts,
): Promise<void> {
  const names = levels.map(({ name }) => name)
  const trueLabel = context.pipeline.dataset.trueLabel !== undefined
  const schema = scoresSchema(names, { trueLabel })
  const weights = scores.weights()
  const path = context.input('examples.parquet')

  async function* batches(): AsyncGenerator<RecordBatch> {
    const probabilities = names.map(
      name =>
        new TableReader(context.input(`probabilities/${name}.parquet`), ['example_id', 'probabilities']),
    )
    let begin = 0
    try {
      for await (const batch of openTable(path, { columns: ['example_id', 'split'] })) {
        context.signal.throwIfAborted()
        const end = begin + batch.numRows
        const ids = stringColumn(batch, 'example_id')
        const means: Float32Array[] = []
        for (const reader of probabilities) {
          const slices = await reader.take(batch.numRows)
          requireSameExamples(ids, slices, reader, begin)
          means.push(vectorsOf(slices))
        }
        const labels = examples.labels.subarray(begin, end)
        const classes = means[0].length / batch.numRows
        const suggested = suggestedLabels(means, weights, labels, classes)
        const pieLevels = new Int32Array(batch.numRows)
        for (const flags of pies) for (let i = begin; i < end; i++) pieLevels[i - begin] += flags[i]
        yield recordBatch(schema, {
          example_id: ids,
          split: stringColumn(batch, 'split'),
          label: labels,
          ...(trueLabel ? { true_label: Array.from(examples.truth.subarray(begin, end), knownOrNull) } : {}),
          ...Object.fromEntries(
            names.flatMap((name, l) => [
              [`modal_${name}`, scores.levels[l].modal.subarray(begin, end)],
              [`agreement_${name}`, scores.levels[l].agreement.subarray(begin, end)],
              ...(l === 0 ? [] : [[`is_pie_${name}`, pies[l].subarray(begin, end)]]),
            ]),
          ),
          pie_levels: pieLevels,
          disagreement: scores.disagreement.subarray(begin, end),
          label_quality: quality.subarray(begin, end),
          is_label_issue: issues.subarray(begin, end),
          suggested_label: suggested.label,
          suggested_p: suggested.probability,
        })
        begin = end
      }
    } finally {
      for (const reader of probabilities) await reader.close()
    }
  }
  await writeTable(join(context.output, 'scores.parquet'), schema, batches())
}

const knownOrNull = (label: number): number | null => (label === unknownTruth ? null : label)

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

/** A batch of rows by the names of their columns; NaN, which tables do not hold, becomes null. */
function batchOf<Row extends object>(schema: typeof levelsSchema, rows: readonly Row[]): RecordBatch {
  const columns = schema.fields.map(({ name }) => [
    name,
    rows.map(row => {
      const value = row[name as keyof Row]
      return Number.isNaN(value) ? null : value
    }),
  ])
  return recordBatch(schema, Object.fromEntries(columns))
}

/** Accuracy is that on test examples where there are any; everything else counts over all examples. */
function headline(
  examples: Examples,
  rows: readonly LevelRow[],
  { quality, issues, pies }: Verdicts,
): ScoreHeadline {
  const judged = rows.at(-1)!.split
  const levels = rows
    .filter(({ split }) => split === judged)
    .map((row, l): LevelFigures => {
      const dense = l === 0
      const marked = pies[l].reduce((sum, flag) => sum + flag, 0)
      return {
        level: row.level,
        top1Mean: row.top1_mean,
        ...defined({ top1Sd: row.top1_sd }),
        bytes: row.size_bytes,
        ...(dense
          ? {}
          : {
              pies: marked,
              pieRate: marked / pies[l].length,
              significantClasses: row.significant_classes,
              ...defined({
                noiseInPies: noiseShare(examples, pies[l], 1),
                noiseOutside: noiseShare(examples, pies[l], 0),
              }),
            }),
      }
    })
  const truth = compareWithTruth(examples, quality, issues)
  return {
    levels,
    labelIssues: issues.reduce((sum, flag) => sum + flag, 0),
    ...(truth === undefined ? {} : { truth }),
  }
}

/** The figures that are numbers. */
function defined<T extends Record<string, number>>(figures: T): Partial<T> {
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => !Number.isNaN(value))) as Partial<T>
}
