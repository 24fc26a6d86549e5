/**
 * What a review has found so far, and what is likely left to find.
 *
 * Suspects lie in the order of suspicion and are put into bins that grow with the rank, since reviews begin at the top
 * and what is there tells most of its neighbourhood. The share of wrong labels in a bin has a Beta distribution: before
 * anybody looked, with the run's own expectation as its mean and the weight of `priorWeight` decisions; afterwards, with
 * the decisions added (Gelman et al., Bayesian Data Analysis, 3rd edition, section 2.4). The wrong labels among those of
 * the bin that are still open are then beta-binomial, and bins add up.
 */

/** What is known of a suspect's given label. */
export const Outcome = { open: 0, right: 1, wrong: 2, unsure: 3 } as const

export interface Expected {
  readonly mean: number
  /** 95 % interval, in labels. */
  readonly low: number
  readonly high: number
}

export interface Progress {
  readonly suspects: number
  readonly decided: number
  readonly right: number
  readonly wrong: number
  readonly unsure: number
  /** Wrong labels among the decided ones of which somebody was sure, 0 to 1; undefined where there is none. */
  readonly precision: number | undefined
  /** Wrong labels among all that are open. */
  readonly left: Expected
  /** Wrong labels among the next that are open, in the order of suspicion; `count` of them, 100 at most. */
  readonly next: Expected & { readonly count: number }
  /** Whether going on is likely to find little: see {@link stopShare}. */
  readonly canStop: boolean
}

/** Decisions that the run's own expectation counts for in a bin. */
const priorWeight = 4
/** Suspects of the first bin; each next one holds twice as many. */
const firstBin = 50
/** How many suspects ahead the advice to stop looks. */
const ahead = 100
/** One can stop where at most this share of the next hundred is wrong, at the upper end of the interval … */
export const stopShare = 0.1
/** … and somebody has looked at this many, or at all. */
export const leastDecided = 50
/** Standard normal quantile of 0.975. */
const z = 1.959963984540054

/**
 * @param labelQuality probability that each given label is right, by the run, most suspicious first, [suspects]
 * @param outcomes an {@link Outcome} of each, [suspects]
 */
export function reviewProgress(labelQuality: Float32Array, outcomes: Uint8Array): Progress {
  const suspects = outcomes.length
  const total = { mean: 0, variance: 0, count: 0 }
  const next = { mean: 0, variance: 0, count: 0 }
  const seen = [0, 0, 0, 0]
  for (let begin = 0, size = firstBin; begin < suspects; begin += size, size *= 2) {
    const end = Math.min(suspects, begin + size)
    const counts = [0, 0, 0, 0]
    let expected = 0
    for (let row = begin; row < end; row++) {
      counts[outcomes[row]]++
      expected += 1 - labelQuality[row]
    }
    for (const [outcome, count] of counts.entries()) seen[outcome] += count
    const share = Math.min(0.995, Math.max(0.005, expected / (end - begin)))
    const alpha = priorWeight * share + counts[Outcome.wrong]
    const beta = priorWeight * (1 - share) + counts[Outcome.right]
    add(total, counts[Outcome.open], alpha, beta)
    add(next, Math.min(counts[Outcome.open], ahead - next.count), alpha, beta)
  }
  const [open, right, wrong, unsure] = seen
  const decided = suspects - open
  const nextWrong = interval(next)
  return {
    suspects,
    decided,
    right,
    wrong,
    unsure,
    precision: right + wrong === 0 ? undefined : wrong / (right + wrong),
    left: interval(total),
    next: { ...nextWrong, count: next.count },
    canStop: open === 0 || (decided >= leastDecided && nextWrong.high <= stopShare * next.count),
  }
}

interface Sum {
  mean: number
  variance: number
  count: number
}

/** Adds a beta-binomial count: mean n α/(α+β), variance n αβ (α+β+n) / ((α+β)² (α+β+1)). */
function add(sum: Sum, n: number, alpha: number, beta: number): void {
  const weight = alpha + beta
  sum.mean += (n * alpha) / weight
  sum.variance += (n * alpha * beta * (weight + n)) / (weight ** 2 * (weight + 1))
  sum.count += n
}

function interval({ mean, variance, count }: Sum): Expected {
  const spread = z * Math.sqrt(variance)
  return { mean, low: Math.max(0, mean - spread), high: Math.min(count, mean + spread) }
}
