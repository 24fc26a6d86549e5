/**
 * The headline figures of each stage: what the closing table shows, what `manifest.json` keeps and what a gate
 * may look at. JSON values only; shares and probabilities lie between 0 and 1, sizes are bytes.
 */
import type { Manifest } from '../pipeline/manifest.js'
import type { ClassTest } from '../scoring/class-impact.js'

/** What was read. */
export interface IngestHeadline {
  readonly trainExamples: number
  readonly testExamples: number
  readonly classes: number
  readonly skipped: number
}

/** What is known about one level of compression after scoring. */
export interface LevelFigures {
  readonly level: string
  /** Accuracy on test examples, out of sample on training examples where there are none; mean over members. */
  readonly top1Mean: number
  /** Its sample standard deviation; absent for a single member. */
  readonly top1Sd?: number
  /** Examples whose modal label differs from the dense one; absent for `dense`. */
  readonly pies?: number
  readonly pieRate?: number
  /** Mean size of a member's file; absent where only predictions are known. */
  readonly bytes?: number
  /** Classes whose change in recall is significant; absent for `dense`. */
  readonly significantClasses?: number
  /** How classes were compared with the dense ones; absent for `dense`, as the two below. */
  readonly test?: ClassTest
  readonly members?: number
  /** Change of a class's recall that the test finds in four of five such audits, median over the classes. */
  readonly detectableChange?: number
  /** Share of wrong given labels among PIEs and outside them, where the truth is known. */
  readonly noiseInPies?: number
  readonly noiseOutside?: number
}

/** How well label quality finds wrong labels, where the truth is known. */
export interface DetectionFigures {
  /** Wrong given labels there are. */
  readonly issues: number
  readonly auroc: number
  readonly averagePrecision: number
  /** Share of the issues that the decision rule marks. */
  readonly recall: number
}

export interface TruthFigures extends DetectionFigures {
  /** Share of wrong labels among the 1 % and 5 % of examples with the lowest label quality. */
  readonly precisionAt1: number
  readonly precisionAt5: number
  /** Share of wrong labels among those that the decision rule marks. */
  readonly precision: number
  /** Expected calibration error of label quality as the probability that a label is right. */
  readonly calibrationError: number
  /** The same by kind of error, each against the correctly labeled examples: `other class`, `no class`. */
  readonly byKind: Readonly<Record<string, DetectionFigures>>
}

/** What was found. */
export interface ScoreHeadline {
  readonly levels: readonly LevelFigures[]
  readonly labelIssues: number
  /** Estimated number of wrong labels, with its 95 % interval for chance alone. */
  readonly wrongLabels?: { readonly count: number; readonly low: number; readonly high: number }
  readonly truth?: TruthFigures
}

/** What the checks of the data set found. */
export interface InspectHeadline {
  /** Examples of each kind of hint; kinds that none has are left out. */
  readonly hints: Readonly<Record<string, number>>
  /** Groups of examples that are exact or near duplicates of each other. */
  readonly duplicateGroups: number
  /** Examples with a duplicate in the other split. */
  readonly duplicatesAcrossSplits: number
  /** Examples with a duplicate of another given label. */
  readonly duplicatesOtherLabel: number
  /** Share of an example's neighbours that have its given label, mean over the examples. */
  readonly neighborAgreement: number
  /** Share of the true neighbours that the search found: 1 where it compared every pair. */
  readonly neighborRecall: number
}

/** One arm of the retraining comparison; the difference is that to the arm `all`, paired by seed. */
export interface ArmFigures {
  readonly arm: string
  /** Training examples of the arm. */
  readonly examples: number
  /** Those of them with another label than the given one. */
  readonly relabeled: number
  readonly top1Mean: number
  readonly top1Sd?: number
  readonly difference?: number
  /** 95 % interval of the difference. */
  readonly low?: number
  readonly high?: number
}

/** What cleaning gains. */
export interface RetrainHeadline {
  readonly arms: readonly ArmFigures[]
  /** What to do with the suspects, in a sentence; absent where no arm that cleans was compared with `all`. */
  readonly recommendation?: string
}

/** How a level does on corrupted pictures. */
export interface RobustnessFigures {
  readonly level: string
  /** Accuracy on the clean pictures, mean over members; absent where published pictures are of another test set. */
  readonly cleanTop1Mean?: number
  /** Mean over corruptions and severities; absent where nothing was corrupted, as all but `natural`. */
  readonly corruptedTop1Mean?: number
  /** Corrupted ÷ clean. */
  readonly relativeTop1?: number
  /** Of its difference to dense; absent for dense and where there is no test. */
  readonly p?: number
  /** Accuracy on each natural set. */
  readonly natural?: Readonly<Record<string, number>>
}

/** How all levels do on corrupted pictures. */
export interface RobustnessHeadline {
  readonly levels: readonly RobustnessFigures[]
}

/** What the dense members alone found, while the run goes on. */
export interface PreviewHeadline extends Pick<ScoreHeadline, 'labelIssues' | 'wrongLabels'> {
  /** Its page in the run folder. */
  readonly page: string
}

/** What the stages whose figures are read by name return; other stages are free. */
export interface Headlines {
  readonly ingest?: IngestHeadline
  readonly preview?: PreviewHeadline
  readonly inspect?: InspectHeadline
  readonly score?: ScoreHeadline
  readonly robustness?: RobustnessHeadline
  readonly retrain?: RetrainHeadline
}

/** Headline figures of all stages that are done, by stage. */
export function headlinesOf({ stages }: Manifest): Headlines {
  const done = stages.filter(({ state }) => state === 'done')
  return Object.fromEntries(done.map(({ name, headline }) => [name, headline])) as Headlines
}
