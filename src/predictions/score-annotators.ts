/** The consensus of several annotators and a model, from labels and predictions that somebody has already. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { LabelVocabulary } from '../dataset/labels.js'
import { writeTable } from '../pipeline/files.js'
import { silentProgress } from '../pipeline/progress.js'
import type { Annotations } from '../scoring/annotations.js'
import { type AnnotatorQuality, type Consensus, consensusOf } from '../scoring/consensus.js'
import { CrowdPredictions } from '../scoring/crowd-predictions.js'
import { labelIssues, mostSuspiciousFirst } from '../scoring/decision.js'
import { compareWithTruth, unknownTruth } from '../scoring/known-truth.js'
import { exponentiate, type PredictionForm } from '../scoring/matrix-scores.js'
import { type EstimatedCount, estimatedCount } from '../scoring/noise-counts.js'
import { type AuditedExamples, rowsBatch } from '../stages/audit.js'
import type { TruthFigures } from '../stages/headlines.js'
import { recordBatch } from '../tables/columns.js'
import { annotatorsSchema, consensusSchema } from '../tables/schemas.js'
import { type AnnotationCodes, type AnnotationColumns, readAnnotations } from './annotations.js'
import { classesOf, labeledExamples } from './labels.js'
import { type Matrix, openMatrix, requireClasses } from './matrix.js'
import { exampleId, requireExamples } from './populations-audit.js'
import {
  batchRows,
  blockValues,
  requireSameIds,
  type ScorePredictionsOptions,
  scoringOf,
} from './score-predictions.js'

/** Which predictions and labels, and how to judge. */
export interface ScoreAnnotatorsOptions
  extends Pick<
    ScorePredictionsOptions,
    'labels' | 'classNames' | 'out' | 'decision' | 'progress' | 'signal'
  > {
  /** A file of one matrix of out-of-sample predictions, [examples, classes]. */
  readonly matrix: string
  /** Default `probabilities`. */
  readonly form?: PredictionForm
  readonly columns?: AnnotationColumns
}

/** An example whose consensus deserves a second look. */
export interface DoubtfulConsensus {
  readonly exampleId: string
  /** How many annotators gave which label, the most frequent first. */
  readonly votes: readonly { readonly label: string; readonly annotators: number }[]
  readonly label: string
  readonly quality: number
  readonly secondLabel: string | null
  readonly secondP: number | null
}

/** How good an annotator is. */
export interface NamedAnnotator extends Omit<AnnotatorQuality, 'weakest'> {
  readonly annotator: string
  readonly weakest?: { readonly label: string; readonly agreement: number }
}

/** What annotators and model say together. */
export interface ScoredAnnotators {
  readonly examples: number
  readonly classNames: readonly string[]
  /** Labels an example, mean. */
  readonly labelsPerExample: number
  /** Mean share of an example's annotators who gave the consensus. */
  readonly agreement: number
  /** Examples on which the consensus is another label than the majority's. */
  readonly overruled: number
  readonly labelIssues: number
  /** Estimated number of examples whose consensus is wrong. */
  readonly wrongLabels: EstimatedCount
  /** The least accurate first. */
  readonly annotators: readonly NamedAnnotator[]
  /** The examples of lowest quality, as many as are marked, but no more than asked for. */
  suspects(most: number): DoubtfulConsensus[]
  /** How well wrong consensus labels are found, where the truth is known. */
  readonly truth?: TruthFigures
  /** Shares of right labels, where the truth is known. */
  readonly accuracy?: { readonly consensus: number; readonly majority: number; readonly model: number }
  /** Paths of the tables. */
  readonly files: readonly string[]
}

/**
 * Finds the consensus and how good each annotator is, and writes `consensus.parquet` and `annotators.parquet`.
 * @throws DataError, ConfigError as `scorePredictions` does
 */
export async function scoreAnnotators(options: ScoreAnnotatorsOptions): Promise<ScoredAnnotators> {
  const { matrix: path, form = 'probabilities', out = 'scores', classNames } = options
  const { decision } = scoringOf(options)
  const vocabulary = new LabelVocabulary()
  const matrix = await openMatrix(path, form)
  requireClasses(matrix)
  const codes = await readAnnotations(options.labels, options.columns ?? {}, vocabulary, await idsOf(matrix))
  const { names, classOf } = classesOf(vocabulary, codes, {
    count: matrix.classes,
    declared: classNames,
    columns: matrix.classNames,
  })
  const annotations: Annotations = {
    ...codes.annotations,
    label: codes.annotations.label.map(code => classOf[code]),
  }
  const predictions = await readPredictions(matrix, codes, annotations, options)
  const consensus = consensusOf(annotations, predictions)
  const examples = { ...labeledExamples(codes, names, classOf), labels: consensus.label }
  const wrong = consensus.quality.reduce((sum, quality) => sum + 1 - quality, 0)
  const issues = labelIssues(consensus.quality, decision, wrong)

  await mkdir(out, { recursive: true })
  const files = { consensus: join(out, 'consensus.parquet'), annotators: join(out, 'annotators.parquet') }
  const schema = consensusSchema({ trueLabel: examples.knowsTruth })
  await writeTable(
    files.consensus,
    schema,
    consensusBatches({ examples, codes, names, annotations, consensus, issues }),
  )
  const annotators = namedAnnotators(consensus, codes.annotators, names)
  await writeTable(files.annotators, annotatorsSchema, [
    rowsBatch(annotatorsSchema, annotatorRows(consensus, codes.annotators, names)),
  ])
  const truth = compareWithTruth(examples, consensus.quality, issues)
  return {
    examples: examples.labels.length,
    classNames: names,
    labelsPerExample: annotations.label.length / examples.labels.length,
    agreement: consensus.agreement.reduce((sum, share) => sum + share, 0) / examples.labels.length,
    overruled: consensus.label.reduce((sum, label, i) => sum + (label === consensus.majority[i] ? 0 : 1), 0),
    labelIssues: issues.reduce((sum, flag) => sum + flag, 0),
    wrongLabels: estimatedCount(wrong, examples.labels.length),
    annotators,
    ...(truth === undefined ? {} : { truth }),
    ...(examples.knowsTruth
      ? {
          accuracy: {
            consensus: rightShare(consensus.label, examples.truth),
            majority: rightShare(consensus.majority, examples.truth),
            model: rightShare(predictions.top, examples.truth),
          },
        }
      : {}),
    suspects: suspectsOf({ codes, names, annotations, consensus, issues }),
    files: Object.values(files),
  }
}

/** Ids of the examples, where the file of the predictions has them. */
async function idsOf(matrix: Matrix): Promise<string[] | undefined> {
  const ids: string[] = []
  for await (const block of matrix.blocks(batchRows)) {
    if (block.ids === undefined) return undefined
    for (const id of block.ids) ids.push(id)
  }
  return ids
}

async function readPredictions(
  matrix: Matrix,
  codes: AnnotationCodes,
  annotations: Annotations,
  { form, progress = silentProgress, signal }: ScoreAnnotatorsOptions,
): Promise<CrowdPredictions> {
  const { path, classes } = matrix
  const predictions = new CrowdPredictions(annotations, classes)
  const labels = codes.codes.length
  progress.start('score', labels)
  let row = 0
  for await (const { values, ids } of matrix.blocks(Math.max(1, Math.floor(blockValues / classes)))) {
    signal?.throwIfAborted()
    const count = values.length / classes
    requireSameIds(ids, codes.ids, row, path)
    if (form === 'logits') exponentiate(values, classes)
    if (row + count <= labels) predictions.add(values)
    row += count
    progress.advance(count)
  }
  requireExamples({ path, examples: row }, labels, codes.path)
  return predictions
}

const rightShare = (labels: Int32Array, truth: Int32Array): number => {
  let [known, right] = [0, 0]
  for (const [i, label] of labels.entries()) {
    if (truth[i] === unknownTruth) continue
    known++
    if (truth[i] === label) right++
  }
  return right / known
}

/** Numbers of the annotators who gave labels, the least accurate first. */
const worstFirst = ({ annotators }: Consensus): number[] =>
  [...annotators.keys()]
    .filter(j => annotators[j].labels > 0)
    .sort((a, b) => annotators[a].quality - annotators[b].quality)

function namedAnnotators(
  consensus: Consensus,
  annotators: readonly string[],
  names: readonly string[],
): NamedAnnotator[] {
  return worstFirst(consensus).map(j => {
    const { weakest, ...own } = consensus.annotators[j]
    return {
      annotator: annotators[j],
      ...own,
      ...(weakest && { weakest: { label: names[weakest.label], agreement: weakest.agreement } }),
    }
  })
}

/** Rows of `annotators.parquet`. */
export function annotatorRows(
  consensus: Consensus,
  annotators: readonly string[],
  names: readonly string[],
): object[] {
  return worstFirst(consensus).map(j => {
    const { labels, quality, agreement, weakest } = consensus.annotators[j]
    return {
      annotator: annotators[j],
      labels,
      quality,
      agreement,
      weakest_label: weakest?.label ?? null,
      weakest_label_name: weakest === undefined ? null : names[weakest.label],
      weakest_agreement: weakest?.agreement ?? null,
    }
  })
}

interface Judged {
  readonly codes: AnnotationCodes
  readonly names: readonly string[]
  readonly annotations: Annotations
  readonly consensus: Consensus
  readonly issues: Uint8Array
}

function* consensusBatches({
  examples: { truth, knowsTruth },
  codes: { ids },
  names,
  annotations: { begin },
  consensus,
  issues,
}: Judged & { readonly examples: AuditedExamples }): Generator<RecordBatch> {
  const schema = consensusSchema({ trueLabel: knowsTruth })
  const { label, quality, rival, rivalP, majority, agreement } = consensus
  for (let first = 0; first < label.length; first += batchRows) {
    const end = Math.min(label.length, first + batchRows)
    const rows = Array.from({ length: end - first }, (_, i) => first + i)
    yield recordBatch(schema, {
      example_id: rows.map(row => exampleId(ids, row)),
      label: label.subarray(first, end),
      label_name: rows.map(row => names[label[row]]),
      ...(knowsTruth
        ? { true_label: rows.map(row => (truth[row] === unknownTruth ? null : truth[row])) }
        : {}),
      label_quality: quality.subarray(first, end),
      is_label_issue: issues.subarray(first, end),
      second_label: rows.map(row => (rival[row] < 0 ? null : rival[row])),
      second_p: rows.map(row => (rival[row] < 0 ? null : rivalP[row])),
      majority_label: majority.subarray(first, end),
      annotators: Int32Array.from(rows, row => begin[row + 1] - begin[row]),
      agreement: agreement.subarray(first, end),
    })
  }
}

function suspectsOf({
  codes,
  names,
  annotations,
  consensus,
  issues,
}: Judged): (most: number) => DoubtfulConsensus[] {
  const { label, quality, rival, rivalP } = consensus
  const order = mostSuspiciousFirst(quality).filter(row => issues[row] === 1)
  return most =>
    Array.from(order.subarray(0, most), row => ({
      exampleId: exampleId(codes.ids, row),
      votes: votesOf(annotations, row).map(([own, annotators]) => ({
        label: names[own],
        annotators,
      })),
      label: names[label[row]],
      quality: quality[row],
      secondLabel: rival[row] < 0 ? null : names[rival[row]],
      secondP: rival[row] < 0 ? null : rivalP[row],
    }))
}

/** How often each label was given, the most frequent first. */
function votesOf({ begin, label }: Annotations, example: number): [number, number][] {
  const votes = new Map<number, number>()
  for (const own of label.subarray(begin[example], begin[example + 1]))
    votes.set(own, (votes.get(own) ?? 0) + 1)
  return [...votes].sort((a, b) => b[1] - a[1] || a[0] - b[0])
}
