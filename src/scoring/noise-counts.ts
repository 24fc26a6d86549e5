/** How many labels are wrong, and which classes are taken for which, by expectation under the noise model. */
import { anchorShare } from './anchor-points.js'

/** An estimated number of labels, with its 95 % interval for chance alone. */
export interface EstimatedCount {
  readonly count: number
  /** 95 % interval for what is left to chance; that the model itself is off is not in it. */
  readonly low: number
  readonly high: number
}

/** Standard normal quantile of 0.975. */
const z = 1.959963984540054

/**
 * A count with its interval. What it goes by are the anchors among the `of` examples, n of them: the interval is that
 * of Wilson (1927) for their share of wrong labels, (p + z²/2n ± z √(p (1 − p)/n + z²/4n²)) / (1 + z²/n), times `of`.
 */
export function estimatedCount(count: number, of: number): EstimatedCount {
  if (of === 0) return { count: 0, low: 0, high: 0 }
  const n = anchorShare * of
  const p = Math.min(1, Math.max(0, count / of))
  const center = p + z ** 2 / (2 * n)
  const spread = z * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2))
  const scale = of / (1 + z ** 2 / n)
  return {
    count,
    low: Math.min(count, Math.max(0, scale * (center - spread))),
    high: Math.max(count, scale * (center + spread)),
  }
}

/** Examples of one given class that are, by expectation, of one true class; null: of any but the given one. */
export interface NoiseCount extends EstimatedCount {
  readonly given: number
  readonly likely: number | null
}

/** Pairs of fewer examples than this are left out: of many classes most pairs never occur. */
const leastCount = 0.5

/**
 * The noise matrix as counts: for each given class its wrong labels, then what they likely are, in the order of the
 * classes; pairs of less than half an example are left out.
 * @param joint expected examples by given (row) and true class (column), [classes, classes]
 */
export function noiseCounts(joint: Float64Array, classes: number): NoiseCount[] {
  const counts: NoiseCount[] = []
  for (let given = 0; given < classes; given++) {
    const row = joint.subarray(given * classes, (given + 1) * classes)
    const examples = row.reduce((sum, count) => sum + count, 0)
    counts.push({ given, likely: null, ...estimatedCount(examples - row[given], examples) })
    for (const [likely, count] of row.entries()) {
      if (count >= leastCount) counts.push({ given, likely, ...estimatedCount(count, examples) })
    }
  }
  return counts
}
