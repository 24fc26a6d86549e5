/** What a t test says about the difference of two means, whichever way its standard error was found. */
import t from '@stdlib/stats-base-dists-t'

export interface MeanDifference {
  /** Mean a − mean b; NaN where either has no values. */
  readonly difference: number
  /** Its standard error; NaN where the samples are too small to have one. */
  readonly error: number
  /** difference ÷ error. */
  readonly t: number
  /** Degrees of freedom. */
  readonly df: number
  /** Two-sided p value. */
  readonly p: number
}

/** Standard errors under this share of the values are what rounding leaves of none. */
const rounding = 1e-12

/**
 * Student's test of a difference. t, df and p are NaN where the test says nothing: too few values, or no variance.
 * (Constant samples that differ would give t = ±∞ and p = 0 by the formula: certainty out of no information.)
 *
 * @param scale largest absolute value in the samples: standard errors that are zero but for rounding count as zero
 */
export function studentTest(difference: number, error: number, df: number, scale: number): MeanDifference {
  if (!(error > rounding * scale)) {
    return { difference, error, t: Number.NaN, df: Number.NaN, p: Number.NaN }
  }
  const statistic = difference / error
  return { difference, error, t: statistic, df, p: 2 * t.cdf(-Math.abs(statistic), df) }
}

/** The interval of the difference at this confidence, 0 to 1; NaN where there is no test. */
export function interval({ difference, error, df }: MeanDifference, confidence: number): [number, number] {
  if (Number.isNaN(df)) return [Number.NaN, Number.NaN]
  const reach = t.quantile((1 + confidence) / 2, df) * error
  return [difference - reach, difference + reach]
}

/** Chance of finding a difference at which {@link detectableDifference} calls it detectable. */
export const power = 0.8

/**
 * The smallest true difference, in absolute value, that the test would have found at level `alpha` in 80 % of the
 * populations like these: (t_{1 − α/2} + t_{0.8}) · standard error, both quantiles at the test's degrees of freedom
 * (minimum detectable effect: Bloom, Evaluation Review 19, 1995). NaN where there is no test.
 */
export function detectableDifference({ error, df }: MeanDifference, alpha: number): number {
  if (Number.isNaN(df)) return Number.NaN
  return (t.quantile(1 - alpha / 2, df) + t.quantile(power, df)) * error
}

/**
 * About how many members it takes to detect a smaller difference than so many do, as the standard error falls with
 * their root; a little too many where they are few, since the quantiles of Student's t fall too.
 */
export function membersToDetect(change: number, detectable: number, members: number): number {
  return Math.ceil(members * (detectable / change) ** 2)
}

/** The largest absolute value. */
export function largest(...samples: readonly Float64Array[]): number {
  let most = 0
  for (const sample of samples) for (const value of sample) most = Math.max(most, Math.abs(value))
  return most
}
