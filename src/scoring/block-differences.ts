/** Differences between treatments that were all tried on the same blocks, such as arms trained with the same seeds. */
import t from '@stdlib/stats-base-dists-t'
import { mean } from './moments.js'

export interface BlockDifference {
  readonly mean: number
  /** Ends of its interval; NaN where there is only one block or one treatment. */
  readonly low: number
  readonly high: number
}

/**
 * Differences of means in a randomized complete block design: every difference is judged by the residual variance of
 * treatment + block, pooled over all treatments, with (treatments − 1)(blocks − 1) degrees of freedom (Montgomery,
 * Design and Analysis of Experiments, section 4.1). For two treatments that is Student's paired t. Three seeds say
 * little of one pair, and more where the spread of all arms is known together.
 *
 * @param outcomes of each treatment, one value a block, in the order of the blocks
 * @param comparisons how many differences are looked at: intervals hold for all of them at once (Bonferroni)
 * @returns a function that compares two treatments by their names, as first − second
 * @throws RangeError if treatments have different numbers of blocks
 */
export function blockDifferences(
  outcomes: ReadonlyMap<string, ArrayLike<number>>,
  comparisons: number,
  confidence = 0.95,
): (first: string, second: string) => BlockDifference {
  const rows = [...outcomes.values()].map(values => Float64Array.from(values))
  const blocks = rows[0]?.length ?? 0
  if (rows.some(({ length }) => length !== blocks)) {
    throw new RangeError('not every treatment was tried on every block')
  }
  const means = rows.map(mean)
  const blockMeans = Float64Array.from({ length: blocks }, (_, block) =>
    mean(Float64Array.from(rows, row => row[block]!)),
  )
  const grand = mean(blockMeans)
  let squares = 0
  for (const [treatment, row] of rows.entries()) {
    for (const [block, value] of row.entries()) {
      squares += (value - means[treatment]! - blockMeans[block]! + grand) ** 2
    }
  }
  const freedom = (rows.length - 1) * (blocks - 1)
  const reach =
    freedom < 1
      ? Number.NaN
      : t.quantile(1 - (1 - confidence) / (2 * comparisons), freedom) *
        Math.sqrt((2 * squares) / freedom / blocks)
  const names = [...outcomes.keys()]
  const meanOf = (name: string) => means[names.indexOf(name)]!
  return (first, second) => {
    const difference = meanOf(first) - meanOf(second)
    return { mean: difference, low: difference - reach, high: difference + reach }
  }
}
