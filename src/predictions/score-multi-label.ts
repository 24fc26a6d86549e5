/** Label issues of examples that may be of several classes, from predictions that somebody has already. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { ConfigError, DataError } from '../errors.js'
import { writeTable } from '../pipeline/files.js'
import { silentProgress } from '../pipeline/progress.js'
import { type ClassErrors, confidentCounts } from '../scoring/confident-counts.js'
import { type DecisionRule, labelIssues } from '../scoring/decision.js'
import type { PredictionForm } from '../scoring/matrix-scores.js'
import { Softmin } from '../scoring/softmin.js'
import { rowsBatch } from '../stages/audit.js'
import { recordBatch } from '../tables/columns.js'
import { multiLabelClassesSchema, multiLabelIssuesSchema, multiLabelScoresSchema } from '../tables/schemas.js'
import type { LabelColumns } from './labels.js'
import { type Matrix, openMatrix } from './matrix.js'
import { type MultiLabels, readMultiLabels } from './multi-labels.js'
import type { Numbers } from './npy.js'
import { exampleId, requireExamples } from './populations-audit.js'
import {
  batchRows,
  blockValues,
  requireSameIds,
  type ScorePredictionsOptions,
  scoringOf,
} from './score-predictions.js'

/** Which predictions and labels, and how to judge. */
export interface ScoreMultiLabelOptions
  extends Pick<
    ScorePredictionsOptions,
    'labels' | 'classNames' | 'out' | 'decision' | 'progress' | 'signal'
  > {
  /** A file of out-of-sample predictions, [examples, classes], each class for itself. */
  readonly matrix: string
  /** `logits` are those before a sigmoid. Default `probabilities`. */
  readonly form?: PredictionForm
  readonly columns?: LabelColumns
}

/** A class that an example seems to be given, or not given, wrongly. */
export interface ClassIssue {
  readonly exampleId: string
  readonly className: string
  /** Whether the example is given the class. */
  readonly given: boolean
  readonly quality: number
}

/** Examples of a class. */
export interface MultiLabelClass {
  readonly className: string
  readonly given: number
  /** Estimated: of the class and not given it. */
  readonly missing: number
  /** Estimated: given the class and not of it. */
  readonly superfluous: number
  readonly issues: number
}

/** What predictions say of labels of several classes. */
export interface ScoredMultiLabels {
  readonly examples: number
  /** Mean number of classes that an example is given. */
  readonly classesPerExample: number
  /** Pairs of example and class that are marked, and examples with one or more of them. */
  readonly issues: number
  readonly examplesWithIssues: number
  /** In the order of the predictions. */
  readonly classes: readonly MultiLabelClass[]
  /** Most suspicious first, no more than asked for. */
  suspects(most: number): ClassIssue[]
  /** Paths of the tables. */
  readonly files: readonly string[]
}

/** Probabilities held at a time: as many classes as that many values of all examples make. */
const heldValues = 2 ** 25

/**
 * Judges every class for itself: the quality of a label is the probability of what is given, and as many are issues as
 * confident learning estimates to be wrong. Writes `scores.parquet`, `issues.parquet` and
 * `classes.parquet`. The rule `budget` counts pairs of example and class; the others hold for each class.
 * @throws DataError, ConfigError as `scorePredictions` does
 */
export async function scoreMultiLabel(options: ScoreMultiLabelOptions): Promise<ScoredMultiLabels> {
  const { matrix: path, form = 'probabilities', out = 'scores', progress = silentProgress } = options
  const { decision } = scoringOf(options)
  // Rows need not sum to 1, so that nothing but finiteness is asked of them on reading.
  const matrix = await openMatrix(path, 'logits')
  if (matrix.classes === 0) throw new ConfigError('there are no classes', { file: path })
  const labels = await readMultiLabels(options.labels, options.columns ?? {}, {
    count: matrix.classes,
    names: namesOf(matrix, options.classNames),
  })
  const { examples, given, classNames } = labels
  if (examples === 0) throw new DataError('there are no labels', { file: labels.path })

  const together = new Softmin(examples)
  const issuesOf = new Int32Array(examples)
  const classes: MultiLabelClass[] = []
  const found: Pair[] = []
  const atOnce = Math.max(1, Math.floor(heldValues / examples))
  progress.start('score', matrix.classes)
  for (let first = 0; first < matrix.classes; first += atOnce) {
    const columns = await readClasses(
      matrix,
      labels,
      form,
      first,
      Math.min(first + atOnce, matrix.classes),
      options,
    )
    for (const [k, probabilities] of columns.entries()) {
      const c = first + k
      const own = Int32Array.from({ length: examples }, (_, i) => given[i * matrix.classes + c])
      const quality = probabilities.map((p, i) => (own[i] === 1 ? p : 1 - p))
      together.add(quality)
      const errors = confidentCounts(probabilities, own)
      for (const i of issuesOfClass(quality, own, errors, decision)) {
        found.push({ example: i, class: c, given: own[i] === 1, quality: quality[i] })
      }
      classes.push({
        className: classNames[c],
        given: own.reduce((sum, flag) => sum + flag, 0),
        ...errors,
        issues: 0,
      })
      progress.advance(1)
    }
  }
  found.sort((a, b) => a.quality - b.quality || a.example - b.example || a.class - b.class)
  const pairs = decision.rule === 'budget' ? found.slice(0, decision.count) : found
  const counts = new Int32Array(matrix.classes)
  for (const pair of pairs) {
    issuesOf[pair.example]++
    counts[pair.class]++
  }
  const judged = classes.map((own, c) => ({ ...own, issues: counts[c] }))

  await mkdir(out, { recursive: true })
  const files = ['scores', 'issues', 'classes'].map(name => join(out, `${name}.parquet`))
  await writeTable(files[0], multiLabelScoresSchema, scoreBatches(labels, together.values(), issuesOf))
  await writeTable(files[1], multiLabelIssuesSchema, issueBatches(labels, pairs))
  await writeTable(files[2], multiLabelClassesSchema, [rowsBatch(multiLabelClassesSchema, classRows(judged))])
  return {
    examples,
    classesPerExample: given.reduce((sum, flag) => sum + flag, 0) / examples,
    issues: pairs.length,
    examplesWithIssues: issuesOf.reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0),
    classes: judged,
    suspects: most => pairs.slice(0, most).map(pair => issueOf(labels, pair)),
    files,
  }
}

/** A class that an example is given or not. */
interface Pair {
  readonly example: number
  readonly class: number
  readonly given: boolean
  readonly quality: number
}

function issueOf({ ids, classNames }: MultiLabels, { example, class: c, given, quality }: Pair): ClassIssue {
  return { exampleId: exampleId(ids, example), className: classNames[c], given, quality }
}

function namesOf(
  { classes, classNames }: Matrix,
  declared: readonly string[] | undefined,
): readonly string[] | undefined {
  if (declared === undefined || declared.length === classes) return declared ?? classNames
  throw new ConfigError(`${declared.length} classes are named, the predictions are about ${classes}`, {
    mend: 'Name every class, in the order of the columns.',
  })
}

/** Probabilities of some classes, [classes][examples]. */
async function readClasses(
  matrix: Matrix,
  labels: MultiLabels,
  form: PredictionForm,
  first: number,
  end: number,
  { signal }: ScoreMultiLabelOptions,
): Promise<Float32Array[]> {
  const { classes, path } = matrix
  const columns = Array.from({ length: end - first }, () => new Float32Array(labels.examples))
  let row = 0
  for await (const { values, ids } of matrix.blocks(Math.max(1, Math.floor(blockValues / classes)))) {
    signal?.throwIfAborted()
    const count = values.length / classes
    requireSameIds(ids, labels.ids, row, path)
    if (form === 'probabilities') requireProbabilities(values, classes, path, row)
    for (let i = 0; i < count && row + i < labels.examples; i++) {
      for (const [k, column] of columns.entries()) {
        const value = values[i * classes + first + k]
        column[row + i] = form === 'logits' ? 1 / (1 + Math.exp(-value)) : value
      }
    }
    row += count
  }
  requireExamples({ path, examples: row }, labels.examples, labels.path)
  return columns
}

function requireProbabilities(values: Numbers, classes: number, file: string, row: number): void {
  const wrong = values.findIndex(value => value < 0 || value > 1)
  if (wrong < 0) return
  throw new DataError(`the probability of class ${wrong % classes} is ${values[wrong]}`, {
    file,
    row: row + Math.floor(wrong / classes),
    mend: 'If these are logits, say so: --logits.',
  })
}

/** Examples whose label of a class is an issue; as many of each side as are estimated to be wrong, by default. */
function issuesOfClass(
  quality: Float32Array,
  given: Int32Array,
  { missing, superfluous }: ClassErrors,
  decision: DecisionRule,
): number[] {
  const sides =
    decision.rule === 'estimate'
      ? ([
          [0, missing],
          [1, superfluous],
        ] as const)
      : ([[undefined, 0]] as const)
  return sides.flatMap(([side, wrong]) => {
    const own = side === undefined ? quality : quality.map((q, i) => (given[i] === side ? q : Number.NaN))
    const marked = labelIssues(own, decision, wrong)
    return [...marked.keys()].filter(i => marked[i] === 1)
  })
}

function* scoreBatches(
  { examples, ids, given, classNames }: MultiLabels,
  quality: Float32Array,
  issues: Int32Array,
): Generator<RecordBatch> {
  const classes = classNames.length
  for (let begin = 0; begin < examples; begin += batchRows) {
    const end = Math.min(examples, begin + batchRows)
    yield recordBatch(multiLabelScoresSchema, {
      example_id: Array.from({ length: end - begin }, (_, i) => exampleId(ids, begin + i)),
      classes: Int32Array.from({ length: end - begin }, (_, i) => {
        const own = given.subarray((begin + i) * classes, (begin + i + 1) * classes)
        return own.reduce((sum, flag) => sum + flag, 0)
      }),
      label_quality: quality.subarray(begin, end),
      issues: issues.subarray(begin, end),
    })
  }
}

function* issueBatches(labels: MultiLabels, pairs: readonly Pair[]): Generator<RecordBatch> {
  for (let begin = 0; begin === 0 || begin < pairs.length; begin += batchRows) {
    const rows = pairs.slice(begin, begin + batchRows).map((pair, i) => {
      const { exampleId, className, given, quality } = issueOf(labels, pair)
      return {
        rank: begin + i + 1,
        example_id: exampleId,
        class: pair.class,
        class_name: className,
        given,
        label_quality: quality,
      }
    })
    yield rowsBatch(multiLabelIssuesSchema, rows)
  }
}

const classRows = (classes: readonly MultiLabelClass[]): object[] =>
  classes.map(({ className, given, missing, superfluous, issues }, c) => ({
    class: c,
    class_name: className,
    given,
    missing,
    superfluous,
    issues,
  }))
