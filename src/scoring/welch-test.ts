import t from '@stdlib/stats-base-dists-t'
import { mean, sampleVariance } from './moments.js'

export interface WelchTest {
  /** (mean a − mean b) / standard error. */
  readonly t: number
  /** Welch–Satterthwaite degrees of freedom. */
  readonly df: number
  /** Two-sided p value. */
  readonly p: number
}

/**
 * Welch's t test for the means of two independent samples of unequal variance (Biometrika 34, 1947).
 *
 * All NaN where the test says nothing: a sample with fewer than two values, or no variance in either. (Two
 * constant samples that differ would give t = ±∞ and p = 0 by the formula: certainty out of no information.)
 */
export function welchTest(a: Float64Array, b: Float64Array): WelchTest {
  const errorA = sampleVariance(a) / a.length
  const errorB = sampleVariance(b) / b.length
  const error = errorA + errorB
  if (!(error > 0)) return { t: Number.NaN, df: Number.NaN, p: Number.NaN }
  const statistic = (mean(a) - mean(b)) / Math.sqrt(error)
  const [shareA, shareB] = [errorA / error, errorB / error]
  const df = 1 / (shareA ** 2 / (a.length - 1) + shareB ** 2 / (b.length - 1))
  return { t: statistic, df, p: 2 * t.cdf(-Math.abs(statistic), df) }
}
