/**
 * The audit of a data set by populations of models: PIEs, label quality and class impact, from what the members of
 * every level say about every example, wherever that is read from.
 *
 * Two passes. The first takes the answers of all levels in lock-step and keeps a few bytes an example and level.
 * When it is through, it is known how far each level can be trusted, and the second judges the labels.
 */
import { join } from 'node:path'
import type { RecordBatch, Schema } from 'apache-arrow'
import { ConfigError } from '../errors.js'
import type { Pipeline } from '../pipeline/config.js'
import { writeTable } from '../pipeline/files.js'
import { isTrainedQuantized } from '../pipeline/levels.js'
import type { Progress } from '../pipeline/progress.js'
import { splits } from '../scoring/accuracy-tally.js'
import { labelIssues } from '../scoring/decision.js'
import { ensembleProbabilities } from '../scoring/ensemble-probabilities.js'
import { candour, evidenceOfAll } from '../scoring/evidence.js'
import { compareWithTruth, type JudgedLabels, noiseShare, unknownTruth } from '../scoring/known-truth.js'
import { LabelQuality } from '../scoring/label-quality.js'
import { pieFlags } from '../scoring/modal-labels.js'
import { addNeighbors, type NeighborLabels, neighborShare } from '../scoring/neighbor-labels.js'
import { type EstimatedCount, estimatedCount, noiseCounts } from '../scoring/noise-counts.js'
import type { IssueKind } from '../scoring/noise-model.js'
import { PieStability } from '../scoring/pie-stability.js'
import { type LevelAnswers, PopulationScores } from '../scoring/population-scores.js'
import { issueKindsOf, type SuggestedLabels, suggestedLabels } from '../scoring/suggested-labels.js'
import { recordBatch } from '../tables/columns.js'
import {
  classesSchema,
  membersSchema,
  noiseSchema,
  overlapSchema,
  scoresSchema,
  stabilitySchema,
} from '../tables/schemas.js'
import {
  type AuditedRun,
  classRows,
  type LevelRow,
  levelRows,
  memberRows,
  overlapRows,
  stabilityRows,
} from './audit-rows.js'
import type { LevelFigures, ScoreHeadline } from './headlines.js'

/** What is kept of the examples beside their scores, [examples] each. */
export interface AuditedExamples extends JudgedLabels {
  /** Index into {@link splits}. */
  readonly split: Uint8Array
  readonly groups: readonly SubgroupAttribute[]
  /** Whether anybody knows the truth, so that it stands beside the given label. */
  readonly knowsTruth: boolean
}

export interface SubgroupAttribute {
  readonly name: string
  /** In the order in which they first occur. */
  readonly values: readonly string[]
  /** Number of each example's value, −1 where it has none. */
  readonly numbers: Int32Array
}

/** How the tables know some consecutive examples. */
export interface AuditedRows {
  readonly ids: readonly string[]
  /** `train` or `test`. */
  readonly splits: readonly string[]
}

export interface AuditedPopulations extends Pick<AuditedRun, 'levels' | 'classNames' | 'ranked'> {
  readonly examples: AuditedExamples
  /** What the members of each level say, from the first example to the last, some at a time. */
  answers(): AsyncIterable<readonly LevelAnswers[]>
  /** Mean probabilities of each level, again from the first example to the last. */
  probabilities(): AsyncIterable<readonly LevelProbabilities[]>
  /** The same examples once more, without what anybody says about them. */
  rows(): AsyncIterable<AuditedRows>
  /** What their nearest neighbours are labeled, where anybody has looked. */
  readonly neighbors?: NeighborLabels | undefined
  /** That of `levels.parquet`. */
  readonly levelsSchema: Schema
}

/** A level's mean class probabilities of some consecutive examples, [examples, classes] each. */
export interface LevelProbabilities {
  /** By the members that did not train on the example; by all where every member did. */
  readonly judging: Float32Array
  /** By the members that did, or by all where none did; absent where no example has both. */
  readonly trained?: Float32Array | undefined
}

/** The tables that an audit writes. */
export const auditTables = [
  'scores',
  'levels',
  'classes',
  'members',
  'overlap',
  'stability',
  'noise',
] as const

export interface AuditOptions {
  readonly scoring: Pipeline['scoring']
  /** Folder in which the {@link auditTables} are written. */
  readonly output: string
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** What an audit found, [examples] each. */
export interface Audit {
  readonly headline: ScoreHeadline & { readonly wrongLabels: EstimatedCount }
  readonly quality: Float32Array
  readonly issues: Uint8Array
  /** What is wrong with each label that is an issue; null where it is none. */
  readonly kinds: readonly (IssueKind | null)[]
  /** Of each level, dense first (no PIEs by definition). */
  readonly pies: readonly Uint8Array[]
  readonly suggested: SuggestedLabels
}

type Verdicts = Pick<Audit, 'quality' | 'issues' | 'kinds' | 'pies' | 'suggested'>

/**
 * Audits the populations and writes the tables.
 * @throws ConfigError if the evidence asked for does not judge every example
 */
export async function audit(populations: AuditedPopulations, options: AuditOptions): Promise<Audit> {
  const { levels, classNames, examples } = populations
  const { scoring, output, progress, signal } = options
  const scores = new PopulationScores({
    examples: examples.labels.length,
    classes: classNames.length,
    levels: levels.map(({ level, members }) => ({
      members: members.length,
      copy: level.bits < levels[0].level.bits && !isTrainedQuantized(level),
    })),
    ties: scoring.ties,
  })
  const stability = new PieStability({
    levels: levels.map(({ members, test }) => ({ members: members.length, paired: test === 'paired' })),
    classes: classNames.length,
    ties: scoring.ties,
    examples: examples.labels.length,
  })
  progress.start('score', examples.labels.length)
  let begin = 0
  for await (const answers of populations.answers()) {
    signal.throwIfAborted()
    const end = begin + answers[0].predicted.length / levels[0].members.length
    scores.add(
      {
        labels: examples.labels.subarray(begin, end),
        split: examples.split.subarray(begin, end),
        groups: examples.groups.map(({ numbers }) => numbers.subarray(begin, end)),
      },
      answers,
    )
    stability.add(answers)
    progress.advance(end - begin)
    begin = end
  }

  const unjudged = scoring.evidence === 'out-of-sample' ? scores.outOfSample.indexOf(0) : -1
  if (unjudged >= 0) {
    throw new ConfigError(`no member judges example ${unjudged} out of sample`, {
      key: 'scoring.evidence',
      mend: 'Set population.crossFit to 2 or more and population.seeds to at least as many, or evidence to auto.',
    })
  }
  const labels = await judge(populations, scores, signal)
  const { quality } = labels.judgement
  const issues = labelIssues(quality, scoring.decision, labels.wrongLabels())
  const pies = scores.levels.map(({ modal }) => pieFlags(scores.levels[0].modal, modal))
  const suggested = suggestedLabels(examples.labels, issues, labels.judgement)
  const kinds = issueKindsOf(issues, labels.judgement)
  const verdicts = { quality, issues, pies, suggested, kinds }
  await writeScores(populations, options, scores, verdicts)

  const run: AuditedRun = {
    levels,
    classNames,
    split: examples.split,
    groups: examples.groups,
    tallies: scores.levels.map(({ tally }) => tally),
    pies,
    ranked: populations.ranked,
    alpha: scoring.alpha,
  }
  const impacts = classRows(run)
  const summary = levelRows(run, impacts)
  const members = memberRows(run)
  const write = (name: (typeof auditTables)[number], schema: Schema, rows: readonly object[], recalls = {}) =>
    writeTable(join(output, `${name}.parquet`), schema, [rowsBatch(schema, rows, recalls)])
  await write('classes', classesSchema, impacts)
  await write('levels', populations.levelsSchema, summary)
  await write('overlap', overlapSchema, overlapRows(run))
  await write('stability', stabilitySchema, stabilityRows(levels, stability.rows()))
  await write('noise', noiseSchema, noiseRows(labels.joint, classNames))
  await write('members', membersSchema(classNames.length), members, {
    recalls: Float32Array.from(members.flatMap(({ recalls }) => recalls)),
  })
  const wrongLabels = estimatedCount(labels.wrongLabels(), quality.length)
  return { headline: { ...headline(examples, summary, verdicts), wrongLabels }, ...verdicts }
}

/** The second pass: label quality, now that it is known how far each level can be trusted. */
async function judge(
  { examples, classNames, neighbors, ...populations }: AuditedPopulations,
  scores: PopulationScores,
  signal: AbortSignal,
): Promise<LabelQuality> {
  const labels = new LabelQuality({
    labels: examples.labels,
    classes: classNames.length,
    group: examples.split,
    outOfSample: scores.outOfSample,
  })
  const classes = classNames.length
  const weights = scores.weights()
  const accuracy = scores.levels[0].tally.pooledAccuracy()
  const share = neighbors === undefined ? 0 : neighborShare(neighbors, examples.labels, accuracy, classes)
  const heard = candour(scores.levels[0].tally.sampleAccuracies('train'))
  let begin = 0
  const evidenceOf = (levels: readonly Float32Array[], neighborsHeard: number): Float32Array => {
    const probabilities = ensembleProbabilities(levels, weights, classes)
    if (neighbors !== undefined) {
      addNeighbors(probabilities, begin, neighbors, examples.labels, neighborsHeard * share, classes)
    }
    return probabilities
  }
  for await (const levels of populations.probabilities()) {
    signal.throwIfAborted()
    const judging = levels.map(level => level.judging)
    const all = levels.map(({ judging, trained }) => trained && evidenceOfAll(judging, trained, heard))
    // Neighbours are near by the features of a member, which has learned the labels of both.
    const counting = evidenceOf(judging, heard)
    labels.add(counting, all.every(part => part !== undefined) ? evidenceOf(all, 1) : undefined)
    begin += counting.length / classes
  }
  labels.judge()
  return labels
}

/** Rows of `noise.parquet`. @param joint of each split */
export function noiseRows(joint: readonly Float64Array[], classNames: readonly string[]): object[] {
  return joint.flatMap((counts, split) =>
    noiseCounts(counts, classNames.length).map(({ given, likely, count, low, high }) => ({
      split: splits[split],
      label: given,
      label_name: classNames[given],
      likely_label: likely,
      likely_label_name: likely === null ? null : classNames[likely],
      count,
      low,
      high,
    })),
  )
}

/** The last pass: everything a row has. */
async function writeScores(
  { levels, examples, rows }: AuditedPopulations,
  { output, signal }: AuditOptions,
  scores: PopulationScores,
  { quality, issues, pies, suggested, kinds }: Verdicts,
): Promise<void> {
  const names = levels.map(({ level }) => level.name)
  const { knowsTruth } = examples
  const schema = scoresSchema(names, { trueLabel: knowsTruth })
  async function* batches(): AsyncGenerator<RecordBatch> {
    let begin = 0
    for await (const { ids, splits } of rows()) {
      signal.throwIfAborted()
      const end = begin + ids.length
      const labels = examples.labels.subarray(begin, end)
      const pieLevels = new Int32Array(ids.length)
      for (const flags of pies) for (let i = begin; i < end; i++) pieLevels[i - begin] += flags[i]
      yield recordBatch(schema, {
        example_id: ids,
        split: splits,
        label: labels,
        ...(knowsTruth ? { true_label: Array.from(examples.truth.subarray(begin, end), knownOrNull) } : {}),
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
        issue_kind: kinds.slice(begin, end),
        suggested_label: suggested.label.subarray(begin, end),
        suggested_p: suggested.probability.subarray(begin, end),
      })
      begin = end
    }
  }
  await writeTable(join(output, 'scores.parquet'), schema, batches())
}

const knownOrNull = (label: number): number | null => (label === unknownTruth ? null : label)

/**
 * A batch of rows by the names of their columns; NaN, which these do not hold, becomes null.
 * @param vectors the columns that are no single values
 */
export function rowsBatch<Row extends object>(
  schema: Schema,
  rows: readonly Row[],
  vectors: Readonly<Record<string, Float32Array>> = {},
): RecordBatch {
  const columns = schema.fields.map(({ name }) => [
    name,
    rows.map(row => {
      const value = row[name as keyof Row]
      return Number.isNaN(value) ? null : value
    }),
  ])
  return recordBatch(schema, { ...Object.fromEntries(columns), ...vectors })
}

/** Accuracy is that on test examples where there are any; everything else counts over all examples. */
function headline(
  examples: AuditedExamples,
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
        ...defined({ bytes: row.size_bytes }),
        ...(dense
          ? {}
          : {
              pies: marked,
              pieRate: marked / pies[l].length,
              significantClasses: row.significant_classes,
              ...(row.test !== null && { test: row.test }),
              members: row.members,
              ...defined({ detectableChange: row.detectable_change }),
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
