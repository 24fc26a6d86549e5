/** What changed between two runs, or two versions of a data set: `a` is the earlier, `b` the later. */
import { interval } from '../scoring/mean-difference.js'
import { sampleDeviation } from '../scoring/moments.js'
import { welchTest } from '../scoring/welch-test.js'
import type { ChangedSetting } from './changed-settings.js'
import type { ClassBalance } from './class-balance.js'
import type { TwoSampleTest } from './kolmogorov-smirnov.js'
import type { NoiseChange } from './noise-change.js'

/** One side of the comparison. */
export interface ComparedSide {
  /** Such as `glyphs/20260131T235959.123Z`, or the path of the data. */
  readonly name: string
  readonly folder: string
  readonly examples: number
}

/** An example of which something changed. */
export interface ChangedExample {
  readonly id: string
  readonly split: string
  /** Names of its given labels; null on the side that does not have it. */
  readonly labels: readonly [a: string | null, b: string | null]
  /** Label quality where it is judged last; null where it is not judged. */
  readonly quality: number | null
  /** Name of the suggested label of a label issue. */
  readonly suggested: string | null
}

/** Some examples, and the first of them. */
export interface ChangedExamples {
  readonly count: number
  readonly listed: readonly ChangedExample[]
}

/** Examples by id. */
export interface ExampleChanges {
  readonly added: ChangedExamples
  readonly removed: ChangedExamples
  /** Of another given label. */
  readonly relabeled: ChangedExamples
  /** Of other content under the same id. */
  readonly edited: ChangedExamples
  /** In the other split. */
  readonly moved: ChangedExamples
  /** From which label to which, most frequent first. */
  readonly relabelings: readonly { readonly from: string; readonly to: string; readonly count: number }[]
  /** Whether the test examples and their labels are the same, so that accuracies can be compared. */
  readonly sameTest: boolean
}

/** What became of the examples that are marked, as label issues or PIEs. */
export interface MarkChanges {
  readonly a: number
  readonly b: number
  /** Marked in b and not in a: because the example was added, or relabeled, or is judged otherwise. */
  readonly new: ChangedExamples & { readonly added: number; readonly relabeled: number }
  /** Marked in a and no more in b: because the example was removed, or relabeled, or is judged otherwise. */
  readonly gone: ChangedExamples & { readonly removed: number; readonly relabeled: number }
  readonly still: ChangedExamples
}

/** A level's accuracy on both sides; NaN where one does not have it. */
export interface LevelChange {
  readonly level: string
  readonly a: MemberAccuracy
  readonly b: MemberAccuracy
  /** Mean b − mean a with its 95 % interval and p value, by Welch's test over members. */
  readonly difference: number
  readonly low: number
  readonly high: number
  readonly p: number
}

/** Accuracy of a level's members, 0 to 1. */
export interface MemberAccuracy {
  readonly mean: number
  readonly sd: number
  readonly members: number
}

/** How an image statistic moved; the test is of the examples that are new to b against all of a. */
export interface StatisticDrift extends TwoSampleTest {
  readonly statisticName: string
  /** Medians; NaN of nothing. */
  readonly a: number
  readonly b: number
  readonly fresh: number
  /** p adjusted by Benjamini–Hochberg over the statistics. */
  readonly q: number
}

/** All that changed between two runs, or two versions of a data set. */
export interface Difference {
  readonly a: ComparedSide
  readonly b: ComparedSide
  readonly examples: ExampleChanges
  readonly classes: ClassBalance
  /** Absent where a side is no run, or its run does not have what it takes. */
  readonly issues?: MarkChanges
  /** At the levels that both have. */
  readonly pies?: MarkChanges
  readonly noise?: NoiseChange
  readonly levels: readonly LevelChange[]
  /** Split on which the levels' accuracy is measured. */
  readonly audited?: string
  readonly images?: readonly StatisticDrift[]
  readonly settings: readonly ChangedSetting[]
  readonly versions: readonly ChangedSetting[]
}

/** Compares the accuracies of a level's members, [members] each; empty where a side does not have the level. */
export function levelChange(level: string, a: Float64Array, b: Float64Array): LevelChange {
  const test = welchTest(b, a)
  const [low, high] = interval(test, 0.95)
  return { level, a: summary(a), b: summary(b), difference: test.difference, low, high, p: test.p }
}

function summary(accuracies: Float64Array): MemberAccuracy {
  const members = accuracies.length
  const mean = accuracies.reduce((sum, value) => sum + value, 0) / members
  return { mean, sd: sampleDeviation(accuracies), members }
}
