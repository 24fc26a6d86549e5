/** Label issues and PIEs from predictions that somebody has already: no data, no models, no training. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { LabelVocabulary } from '../dataset/labels.js'
import { ConfigError, DataError } from '../errors.js'
import { type Pipeline, pipelineSchema } from '../pipeline/config.js'
import { writeTable } from '../pipeline/files.js'
import { type Progress, silentProgress } from '../pipeline/progress.js'
import { type DecisionRule, labelIssues, mostSuspiciousFirst } from '../scoring/decision.js'
import { compareWithTruth, unknownTruth } from '../scoring/known-truth.js'
import { wrongLabels } from '../scoring/label-quality.js'
import type { PredictionForm } from '../scoring/matrix-scores.js'
import { type EstimatedCount, estimatedCount } from '../scoring/noise-counts.js'
import type { IssueKind } from '../scoring/noise-model.js'
import { issueKindsOf, suggestedLabels } from '../scoring/suggested-labels.js'
import { type AuditedExamples, audit, auditTables, noiseRows, rowsBatch } from '../stages/audit.js'
import type { LevelFigures, TruthFigures } from '../stages/headlines.js'
import { numeralsData, recordBatch } from '../tables/columns.js'
import { labelScoresSchema, noiseSchema } from '../tables/schemas.js'
import { classesOf, type LabelCodes, type LabelColumns, labeledExamples, readLabels } from './labels.js'
import { type Matrix, openMatrix, requireClasses } from './matrix.js'
import { MatrixJudge } from './matrix-judge.js'
import { openMembers } from './members.js'
import { findLevels } from './populations.js'
import { exampleId, predictedPopulations, requireExamples } from './populations-audit.js'

/** Which predictions and labels, and how to judge. */
export interface ScorePredictionsOptions {
  /** A file of one matrix of out-of-sample predictions, [examples, classes]; this, or {@link populations}. */
  readonly matrix?: string
  /**
   * For a whole audit: for each level, `dense` among them, a file or a folder with a file for every member; or one
   * path that says itself which levels there are, by its folders or by a column `level`.
   */
  readonly populations?: string | Readonly<Record<string, string>>
  /** What the predictions are; `labels`, class indexes or names, of populations alone. Default `probabilities`. */
  readonly form?: PredictionForm | 'labels'
  /** A file of the given labels: a vector in `.npy`, or a table. */
  readonly labels: string
  readonly columns?: LabelColumns
  /** Names of the classes in the order of the predictions' columns; found when absent. */
  readonly classNames?: readonly string[]
  /** Folder in which the tables are written. Default `scores`. */
  readonly out?: string
  /** Which labels are issues. Default: as in a pipeline. */
  readonly decision?: DecisionRule
  /** False discovery rate of the class tests. Default 0.05. */
  readonly alpha?: number
  readonly progress?: Progress
  /** Stops the work at the next portion, which throws the signal's reason. */
  readonly signal?: AbortSignal
}

/** An example whose label deserves a second look. */
export interface Suspect {
  readonly exampleId: string
  readonly label: string
  readonly quality: number
  readonly kind: IssueKind
  readonly suggestedLabel: string
  readonly suggestedP: number
}

/** What predictions say of the labels. */
export interface ScoredPredictions {
  readonly examples: number
  readonly classNames: readonly string[]
  /** Share of the given labels that are the most likely class; of populations, mean over the dense members. */
  readonly accuracy: number
  readonly labelIssues: number
  /** Estimated number of wrong labels, with its 95 % interval for chance alone. */
  readonly wrongLabels: EstimatedCount
  /** The examples of lowest label quality, as many as are marked, but no more than asked for. */
  suspects(most: number): Suspect[]
  /** Of populations: what the audit says about each level. */
  readonly levels?: readonly LevelFigures[]
  /** How well wrong labels are found, where the truth is known. */
  readonly truth?: TruthFigures
  /** Paths of the tables. */
  readonly files: readonly string[]
}

/**
 * Scores given labels by predictions that are there already, and writes the tables: `scores.parquet`, and of
 * populations `levels.parquet` and `classes.parquet` beside it, as a run does. Streams: what is held is about a
 * hundred bytes an example, and of the predictions a few megabytes.
 *
 * @throws DataError that names file and row: predictions that are missing, no numbers, of other examples or classes
 *   than the labels, or no probabilities where they should be; labels that are no class. ConfigError where the
 *   classes cannot be told, or a column that is named is not there.
 */
export async function scorePredictions(options: ScorePredictionsOptions): Promise<ScoredPredictions> {
  const { matrix, populations, form = 'probabilities', out = 'scores' } = options
  await mkdir(out, { recursive: true })
  if (populations !== undefined && matrix === undefined) {
    return scorePopulations(populations, form, out, options)
  }
  if (matrix === undefined || populations !== undefined || form === 'labels') {
    throw new ConfigError('which predictions?', {
      mend: 'Give one matrix of probabilities or logits, or else populations, of which predicted labels are enough.',
    })
  }
  return scoreSingle(matrix, form, out, options)
}

/** @throws ConfigError if the rule or the rate is none */
export function scoringOf({
  decision,
  alpha,
}: Pick<ScorePredictionsOptions, 'decision' | 'alpha'>): Pipeline['scoring'] {
  const parsed = pipelineSchema.shape.scoring.safeParse({
    ...(decision === undefined ? {} : { decision }),
    ...(alpha === undefined ? {} : { alpha }),
  })
  if (parsed.success) return parsed.data
  const [{ path, message }] = parsed.error.issues
  throw new ConfigError(message, { key: path.join('.') })
}

/** Values of a matrix read at a time: few enough to stay in a core's cache. */
export const blockValues = 2 ** 18

async function scoreSingle(
  path: string,
  form: PredictionForm,
  out: string,
  options: ScorePredictionsOptions,
): Promise<ScoredPredictions> {
  const { decision } = scoringOf(options)
  const vocabulary = new LabelVocabulary()
  const codes = await readLabels(options.labels, options.columns ?? {}, vocabulary)
  const matrix = await openMatrix(path, form, codes.path === path ? codes.columns : [])
  requireClasses(matrix)
  const { names, classOf } = classesOf(vocabulary, codes, {
    count: matrix.classes,
    declared: options.classNames,
    columns: matrix.classNames,
  })
  const examples = labeledExamples(codes, names, classOf)
  const { labels } = examples
  const { judgement, joint } = await judgeByMatrix(matrix, form, examples.labels, codes, options)
  const wrong = wrongLabels([joint], matrix.classes)
  const issues = labelIssues(judgement.quality, decision, wrong)
  const suggested = suggestedLabels(labels, issues, judgement)
  const verdicts: LabelVerdicts = {
    quality: judgement.quality,
    issues,
    kinds: issueKindsOf(issues, judgement),
    suggested: suggested.label,
    probability: suggested.probability,
  }
  const files = { scores: join(out, 'scores.parquet'), noise: join(out, 'noise.parquet') }
  await writeTable(
    files.scores,
    labelScoresSchema({ trueLabel: examples.knowsTruth }),
    scoreBatches(examples, codes, verdicts),
    { distinct: ['example_id'], scattered: ['label_quality', 'suggested_p'] },
  )
  await writeTable(files.noise, noiseSchema, [rowsBatch(noiseSchema, noiseRows([joint], names))])
  const truth = compareWithTruth(examples, judgement.quality, issues)
  return {
    examples: labels.length,
    classNames: names,
    accuracy: judgement.agrees.reduce((sum, flag) => sum + flag, 0) / labels.length,
    labelIssues: issues.reduce((sum, flag) => sum + flag, 0),
    wrongLabels: estimatedCount(wrong, labels.length),
    ...(truth === undefined ? {} : { truth }),
    suspects: suspectsOf(examples, codes, names, verdicts),
    files: Object.values(files),
  }
}

async function judgeByMatrix(
  matrix: Matrix,
  form: PredictionForm,
  labels: Int32Array,
  codes: LabelCodes,
  { progress = silentProgress, signal }: ScorePredictionsOptions,
): ReturnType<MatrixJudge['judge']> {
  const judge = new MatrixJudge(labels, matrix.classes, form)
  try {
    progress.start('score', labels.length)
    let row = 0
    for await (const { values, ids } of matrix.blocks(judge.blockRows)) {
      signal?.throwIfAborted()
      const count = values.length / matrix.classes
      requireSameIds(ids, codes.ids, row, matrix.path)
      if (row + count <= labels.length) await judge.take(values)
      row += count
      progress.advance(count)
    }
    requireExamples({ path: matrix.path, examples: row }, labels.length, codes.path)
    return await judge.judge()
  } finally {
    await judge.close()
  }
}

/** What was found about every example, [examples] each. */
interface LabelVerdicts {
  readonly quality: Float32Array
  readonly issues: Uint8Array
  readonly kinds: readonly (IssueKind | null)[]
  readonly suggested: Int32Array
  readonly probability: Float32Array
}

/** Rows of a table written at a time. */
export const batchRows = 65_536

function* scoreBatches(
  { labels, truth, knowsTruth }: AuditedExamples,
  { ids }: LabelCodes,
  { quality, issues, kinds, suggested, probability }: LabelVerdicts,
): Generator<RecordBatch> {
  const schema = labelScoresSchema({ trueLabel: knowsTruth })
  for (let begin = 0; begin < labels.length; begin += batchRows) {
    const end = Math.min(labels.length, begin + batchRows)
    const known = (label: number) => (label === unknownTruth ? null : label)
    yield recordBatch(schema, {
      example_id: ids?.slice(begin, end) ?? numeralsData(begin, end),
      label: labels.subarray(begin, end),
      ...(knowsTruth ? { true_label: Array.from(truth.subarray(begin, end), known) } : {}),
      label_quality: quality.subarray(begin, end),
      is_label_issue: issues.subarray(begin, end),
      issue_kind: kinds.slice(begin, end),
      suggested_label: suggested.subarray(begin, end),
      suggested_p: probability.subarray(begin, end),
    })
  }
}

/** @throws DataError at the first id that is another than expected; `begin` is the first one's row */
export function requireSameIds(
  found: readonly string[] | undefined,
  expected: readonly string[] | undefined,
  begin: number,
  file: string,
): void {
  if (found === undefined || expected === undefined) return
  const wrong = found.findIndex((id, i) => begin + i < expected.length && id !== expected[begin + i])
  if (wrong < 0) return
  throw new DataError(`example "${found[wrong]}" stands where "${expected[begin + wrong]}" should`, {
    file,
    row: begin + wrong,
    mend: 'Predictions and labels need the examples in the same order.',
  })
}

async function scorePopulations(
  paths: string | Readonly<Record<string, string>>,
  form: PredictionForm | 'labels',
  out: string,
  options: ScorePredictionsOptions,
): Promise<ScoredPredictions> {
  const { progress = silentProgress } = options
  const signal = options.signal ?? new AbortController().signal
  const scoring = scoringOf(options)
  const vocabulary = new LabelVocabulary()
  const codes = await readLabels(options.labels, options.columns ?? {}, vocabulary)
  const levels = await findLevels(paths)
  const folder = await mkdtemp(join(out, '.members-'))
  try {
    const members = await openMembers(levels, {
      form,
      vocabulary,
      others: levels.some(({ files }) => files.includes(codes.path)) ? codes.columns : [],
      ids: codes.ids,
      folder,
    })
    const { names, classOf } = classesOf(vocabulary, codes, {
      count: members.shape?.classes,
      declared: options.classNames,
      columns: members.shape?.classNames,
    })
    const examples = labeledExamples(codes, names, classOf)
    const populations = predictedPopulations({
      levels: members.levels,
      examples,
      ids: codes.ids,
      classNames: names,
      classOf,
      labelsPath: codes.path,
    })
    const { headline, suggested, ...verdicts } = await audit(populations, {
      scoring,
      output: out,
      progress,
      signal,
    })
    return {
      examples: examples.labels.length,
      classNames: names,
      accuracy: headline.levels[0].top1Mean,
      ...headline,
      suspects: suspectsOf(examples, codes, names, {
        ...verdicts,
        suggested: suggested.label,
        probability: suggested.probability,
      }),
      files: auditTables.map(name => join(out, `${name}.parquet`)),
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function suspectsOf(
  { labels }: AuditedExamples,
  { ids }: LabelCodes,
  names: readonly string[],
  { quality, issues, kinds, suggested, probability }: LabelVerdicts,
): (most: number) => Suspect[] {
  const marked = new Uint32Array(issues.reduce((sum, flag) => sum + flag, 0))
  for (let row = 0, at = 0; row < issues.length; row++) if (issues[row]) marked[at++] = row
  const order = mostSuspiciousFirst(Float32Array.from(marked, row => quality[row]))
  return most =>
    Array.from(order.subarray(0, most), place => {
      const row = marked[place]
      return {
        exampleId: exampleId(ids, row),
        label: names[labels[row]],
        quality: quality[row],
        kind: kinds[row]!,
        suggestedLabel: names[suggested[row]],
        suggestedP: probability[row],
      }
    })
}
