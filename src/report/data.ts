/** What the report is drawn from. Shares, accuracies and probabilities lie between 0 and 1. */
import type { InputShape } from '../model/architecture.js'
import type { CompressionConfig } from '../pipeline/config.js'
import type { ClassTest } from '../scoring/class-impact.js'
import type { ReliabilityBin } from '../scoring/known-truth.js'
import type { EstimatedCount } from '../scoring/noise-counts.js'
import type { Resampled } from '../scoring/pie-stability.js'

/** Mean over members, and their sample standard deviation (NaN where there is one member). */
export interface Spread {
  readonly mean: number
  readonly sd: number
}

/** Change in recall that people ask about: where the tests could not find one, page and terminal say so. */
export const tellingChange = 0.02

/** One level of compression as it does on one split. */
export interface LevelSummary {
  readonly name: string
  readonly method: string
  /** Share of kernel weights that are zero. */
  readonly sparsity: number
  /** Bits a kernel weight takes. */
  readonly bits: number
  readonly members: number
  /** Mean size of a member's file. */
  readonly bytes: number
  /** Accuracy against the given labels. */
  readonly top1: Spread
  readonly top5: Spread
  /** The same on the PIEs of the level (of any level, for `dense`) and on the rest; NaN where there are none. */
  readonly top1OnPies: Spread
  readonly top1OffPies: Spread
  /** PIEs of the level (of any level, for `dense`). */
  readonly pies: number
  readonly pieRate: number
  /** Classes whose recall changed significantly. */
  readonly significantClasses: number
  /** How classes were compared with dense; undefined for dense. */
  readonly test: ClassTest | undefined
  /** Change of a lone class that would have been found with 80 % power, median over classes; NaN where nothing could. */
  readonly detectableChange: number
  /** How unevenly the loss falls on the classes; NaN for dense. */
  readonly impactSpread: number
  readonly worstTenthShare: number
}

/** PIEs that two levels share, over all splits. */
export interface LevelOverlap {
  readonly levels: readonly [string, string]
  readonly both: number
  /** NaN where neither has any. */
  readonly jaccard: number
  /** Common ones if levels chose theirs independently. */
  readonly expected: number
}

/** What other populations of this size would find, over all splits. */
export interface LevelStability {
  readonly level: string
  readonly members: number
  readonly pies: Resampled
  readonly recurrence: Resampled
}

/** Every level on one split, `dense` first. */
export interface SplitSummary {
  readonly split: string
  readonly examples: number
  readonly levels: readonly LevelSummary[]
}

/** What compression does to one class, or to one subgroup of a class. */
export interface ClassImpact {
  readonly level: string
  readonly split: string
  /** Class index. */
  readonly class: number
  /** Subgroup such as `sex=female`; absent for the whole class. */
  readonly group?: string
  readonly examples: number
  readonly denseRecall: Spread
  readonly levelRecall: Spread
  /** Change of recall beyond the change of the level's accuracy on all classes. */
  readonly relativeChange: number
  /** Benjamini–Hochberg adjusted p. */
  readonly q: number
  readonly significant: boolean
}

/** Examples whose given and suggested labels form this pair, among the label issues. */
export interface ConfusionPair {
  readonly given: number
  readonly suggested: number
  readonly examples: number
}

/** Counts of label quality in bins of equal width over 0 to 1. */
export interface QualityHistogram {
  readonly issues: readonly number[]
  readonly others: readonly number[]
}

/** How well the label issues and label quality fit the truth, over the examples of which it is known. */
export interface KnownTruth {
  /** Given labels that are wrong. */
  readonly wrong: number
  /** Label issues that are wrong indeed, as shares of the label issues and of the wrong labels. */
  readonly precision: number
  readonly recall: number
  /** Of label quality, low meaning wrong. */
  readonly averagePrecision: number
  /** Label quality in bins against the share of right labels in each, and its expected calibration error. */
  readonly reliability: readonly ReliabilityBin[]
  readonly calibrationError: number
  readonly auroc: number
}

export interface LabelSummary {
  /** Examples judged and label issues among them, in both splits together and in each. */
  readonly examples: number
  readonly issues: number
  readonly bySplit: readonly { readonly split: string; readonly examples: number; readonly issues: number }[]
  /** Examples and label issues by given class. */
  readonly byClass: readonly { readonly examples: number; readonly issues: number }[]
  /** Estimated number of wrong labels, in all and by given class. */
  readonly wrong: EstimatedCount
  readonly wrongByClass: readonly EstimatedCount[]
  /** The same by what they likely are in truth, as `suggested`, in expected examples; most frequent first. */
  readonly noise: readonly ConfusionPair[]
  /** The decision rule in words, such as “label quality below 0.5”. */
  readonly rule: string
  readonly quality: QualityHistogram
  /** Every pair that occurs, most frequent first. */
  readonly confusion: readonly ConfusionPair[]
  readonly truth?: KnownTruth
}

export interface ArmSummary {
  readonly arm: string
  /** Training examples of the arm, and those of them with another label than the given one. */
  readonly examples: number
  readonly relabeled: number
  /** Test accuracy by seed. */
  readonly runs: readonly number[]
  readonly top1: Spread
  /** Test accuracy on PIEs and on the rest, means over seeds; NaN where there are none. */
  readonly top1OnPies: number
  readonly top1OffPies: number
  /** Difference to the arm `all`, paired by seed, with its 95 % interval; absent for `all`. */
  readonly difference?: { readonly mean: number; readonly low: number; readonly high: number }
  /** The same to the arm that removes as many at random; absent where that was not trained. */
  readonly overRandom?: { readonly mean: number; readonly low: number; readonly high: number }
}

/** What the population of one level says of an example. */
export interface Vote {
  /** Modal label. */
  readonly modal: number
  /** Share of the population that predicts it. */
  readonly agreement: number
  readonly pie: boolean
}

/** An example worth a second look: a label issue, a PIE at some level, or both. */
export interface Suspect {
  /** Place in the order of suspicion, from 1. */
  readonly rank: number
  readonly id: string
  readonly split: string
  readonly given: number
  readonly suggested: number
  readonly suggestedProbability: number
  readonly labelQuality: number
  readonly disagreement: number
  readonly issue: boolean
  /** Kinds of example it may be, such as `blurry`. */
  readonly hints: readonly string[]
  /** One for each level, in the order of {@link SplitSummary.levels}. */
  readonly votes: readonly Vote[]
  /** Data URI, where the size budget of the file allows one. */
  readonly picture?: string
  /** Values in the order of {@link SuspectList.featureNames}. */
  readonly features?: readonly number[]
  /** The text that people see, or its beginning. */
  readonly text?: string
}

export interface SuspectList {
  /** Examples in `pies.parquet`, and how many of them are label issues and PIEs. */
  readonly total: number
  readonly issues: number
  readonly pies: number
  /** Those that the report lists, most suspicious first. */
  readonly listed: readonly Suspect[]
  /** Names of the features shown; empty for images. */
  readonly featureNames: readonly string[]
}

/** What the checks of the data set found. */
export interface DataChecks {
  /** Splits that there are, in order. */
  readonly splits: readonly string[]
  /** Examples of every kind of hint, by split in the order of `splits`. */
  readonly hints: readonly { readonly kind: string; readonly bySplit: readonly number[] }[]
  /** Examples with a duplicate in the other split, and with one of another label. */
  readonly leaks: number
  readonly otherLabel: number
  /** Share of an example's neighbours that have its given label, mean over examples. */
  readonly neighborAgreement: number
}

/** A level on one category of corrupted pictures, or on a natural set. */
export interface RobustnessSummary {
  readonly level: string
  /** A category of corruptions, `all`, or the name of the natural set. */
  readonly category: string
  readonly top1: Spread
  /** Accuracy on the same examples before corruption. */
  readonly clean: number
  /** Corrupted ÷ clean accuracy, and that ÷ that of dense. */
  readonly relative: number
  readonly relativeToDense: number
  /** NaN where there is no test. */
  readonly p: number
}

export interface ReportData {
  /** Name of the pipeline. */
  readonly pipeline: string
  readonly classNames: readonly string[]
  readonly input: InputShape
  readonly examples: { readonly train: number; readonly test: number; readonly skipped: number }
  readonly population: { readonly seeds: number; readonly crossFit: number; readonly architecture: string }
  /** `train`, then `test` where there is one; the same levels in each. */
  readonly splits: readonly SplitSummary[]
  /** Whole classes and subgroups at each compressed level. */
  readonly classes: readonly ClassImpact[]
  readonly overlaps: readonly LevelOverlap[]
  readonly stability: readonly LevelStability[]
  /** Level of the significance tests. */
  readonly alpha: number
  readonly labels: LabelSummary
  /** Categories level by level, `dense` first; absent where the pipeline measures no robustness. */
  readonly robustness?: readonly RobustnessSummary[]
  /** Absent where the pipeline retrains nothing. */
  readonly retrain?: readonly ArmSummary[]
  /** Absent where the pipeline leaves the checks out. */
  readonly checks?: DataChecks
  readonly suspects: SuspectList
}

/** What a level's method says of fine-tuning. */
type Tuning = 'tuned' | 'reweighted' | 'distilled'

/** A level in words, as it follows “PIE rate”: “at 90 % sparsity”, “in float16”. */
export function levelInWords(level: Pick<LevelSummary, 'name' | 'method' | 'sparsity'>): string {
  const share = `${Number((level.sparsity * 100).toFixed(2))}\u202f%`
  const after = /-after-/.test(level.name) ? ', pruned after training' : ''
  const phrases: Record<CompressionConfig['method'] | Tuning, string> = {
    magnitude: `at ${share} sparsity${after}`,
    random: `at ${share} random sparsity${after}`,
    'first-order': `at ${share} first-order sparsity`,
    filter: `with ${share} of the filters removed${after}`,
    float16: 'in float16',
    'int8-dynamic': 'with dynamic int8 quantization',
    'int8-static': 'with static int8 quantization',
    'int8-aware': 'with int8 quantization that was trained for',
    int4: 'with int4 weights',
    tuned: 'and fine-tuned',
    reweighted: 'fine-tuned with class weights',
    distilled: 'distilled from dense members',
  }
  const words = level.method.split('+').map(method => phrases[method as keyof typeof phrases])
  return words.includes(undefined as never) ? `at level ${level.name}` : words.join(' ')
}

/**
 * The split on which compression is audited: `test` where there is one, because every member of every level sees it
 * unseen; else the only one.
 */
export function auditedSplit(data: ReportData): SplitSummary {
  return data.splits.find(({ split }) => split === 'test') ?? data.splits[0]!
}
