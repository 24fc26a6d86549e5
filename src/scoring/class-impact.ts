import { benjaminiHochberg } from './benjamini-hochberg.js'
import { detectableDifference, interval } from './mean-difference.js'
import { mean, sampleDeviation } from './moments.js'
import { pairedTest } from './paired-difference.js'
import { welchTest } from './welch-test.js'

/** How a level's members do on each class. */
export interface ClassRecalls {
  /** Recall of each member, of each class; members that met no example of it are left out. */
  readonly recalls: readonly Float64Array[]
  /** Accuracy on all classes, mean over the level's members. */
  readonly accuracy: number
}

export interface ClassImpactOptions {
  /** False discovery rate at which a class counts as significant; intervals have confidence 1 − alpha. */
  readonly alpha: number
  /**
   * `paired` where member i of the level was made from dense member i, so that much of the chance in both is the
   * same; `welch` where the populations are independent.
   */
  readonly test: ClassTest
}

export const classTests = ['welch', 'paired'] as const
export type ClassTest = (typeof classTests)[number]

export interface ClassImpact {
  readonly denseRecallMean: number
  readonly denseRecallSd: number
  readonly recallMean: number
  readonly recallSd: number
  /** (recall − accuracy) of the level − (recall − accuracy) of dense: below 0 the class pays more than the average. */
  readonly relativeChange: number
  /** Its standard error; NaN with fewer than two members. */
  readonly error: number
  /** Its interval of confidence 1 − alpha, for this class alone. */
  readonly low: number
  readonly high: number
  /**
   * The smallest change, in absolute value, that would have been found with 80 % power had this class been the only
   * one to change, in which case Benjamini–Hochberg asks for p ≤ alpha ÷ tests. Where more classes change, less is enough.
   */
  readonly detectable: number
  readonly t: number
  readonly df: number
  readonly p: number
  readonly q: number
  readonly significant: boolean
  readonly direction: 'worse' | 'better' | 'none'
}

/**
 * What compression does to each class beyond what it does to accuracy as a whole: a t test between the members'
 * recalls, each less the mean accuracy of its level (Hooker et al., arXiv 1911.05248, section 3.1, by Welch's test),
 * corrected for the number of classes. Figures that are undefined, such as the recall of a class without examples,
 * are NaN.
 *
 * @throws RangeError if the test is paired and the populations are of different size
 */
export function classImpact(
  dense: ClassRecalls,
  level: ClassRecalls,
  { alpha, test }: ClassImpactOptions,
): ClassImpact[] {
  const compare = test === 'paired' ? pairedTest : welchTest
  const tests = level.recalls.map((recalls, c) =>
    compare(
      recalls.map(recall => recall - level.accuracy),
      dense.recalls[c].map(recall => recall - dense.accuracy),
    ),
  )
  const adjusted = benjaminiHochberg(Float64Array.from(tests, ({ p }) => p))
  const family = tests.filter(({ p }) => !Number.isNaN(p)).length
  return tests.map((found, c) => {
    const denseRecallMean = mean(dense.recalls[c])
    const recallMean = mean(level.recalls[c])
    const relativeChange = recallMean - level.accuracy - (denseRecallMean - dense.accuracy)
    const [low, high] = interval(found, 1 - alpha)
    const q = adjusted[c]
    const significant = q <= alpha
    return {
      denseRecallMean,
      denseRecallSd: sampleDeviation(dense.recalls[c]),
      recallMean,
      recallSd: sampleDeviation(level.recalls[c]),
      relativeChange,
      error: found.error,
      low,
      high,
      detectable: detectableDifference(found, alpha / family),
      t: found.t,
      df: found.df,
      p: found.p,
      q,
      significant,
      direction: significant ? (relativeChange < 0 ? 'worse' : 'better') : 'none',
    }
  })
}
