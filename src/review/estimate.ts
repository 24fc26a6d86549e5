/**
 * What a review has found so far, and what is likely left to find.
 *
 * The run says of every suspect how likely its label is wrong, and may be off by much or little, at the top of the queue
 * otherwise than at its end. So the log-odds of the run are corrected by a shift δ for each bin of the queue, and the
 * decisions tell the shifts: logit p(wrong) = logit(run) + δ(bin), calibration-in-the-large (Cox, Biometrika 45, 1958)
 * that moves along the queue. Neighbouring bins differ little: δ is a Gaussian random walk (Rue and Held, Gaussian
 * Markov Random Fields, 2005, section 3.3), so what is found at the top is passed on to where nobody has looked, and
 * counts for less the farther it is. The posterior is Laplace's approximation (Bishop, Pattern Recognition and Machine
 * Learning, section 4.4), found by Newton's method.
 */
import { CholeskyDecomposition, Matrix } from 'ml-matrix'

/** What is known of a suspect's given label. */
export const Outcome = { open: 0, right: 1, wrong: 2, unsure: 3 } as const

/** An estimated number of labels. */
export interface Expected {
  readonly mean: number
  /** 95 % interval, in labels. */
  readonly low: number
  readonly high: number
}

/** How far a review is, and what is likely left to find. */
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
  /** Whether going on is likely to find little: see `stopShare`. */
  readonly canStop: boolean
}

/** Standard deviation of the first bin's shift before anybody looked, and of the steps from bin to bin. */
const firstDeviation = 0.7
const stepDeviation = 0.3
/** Suspects of the first bin; each next one holds twice as many. */
const firstBin = 50
/** Nothing that a run says is surer than this. */
const surest = 0.999
/** How many suspects ahead the advice to stop looks. */
const ahead = 100
/** One can stop where at most this share of the next hundred is wrong, at the upper end of the interval … */
export const stopShare = 0.1
/** … and somebody has looked at this many, or at all. */
export const leastDecided = 50
/** Standard normal quantile of 0.975. */
const z = 1.959963984540054
/** Newton's steps end when no shift moves more than this, which takes less than ten. */
const tolerance = 1e-8
const mostSteps = 50

/**
 * @param labelQuality probability that each given label is right, by the run, most suspicious first, [suspects]
 * @param outcomes an {@link Outcome} of each, [suspects]
 */
export function reviewProgress(labelQuality: Float32Array, outcomes: Uint8Array): Progress {
  const suspects = outcomes.length
  const seen = [0, 0, 0, 0]
  for (const outcome of outcomes) seen[outcome]++
  const [open, right, wrong, unsure] = seen
  const odds = oddsRight(labelQuality)
  const bins = binEnds(suspects)
  const posterior = fitShifts(odds, outcomes, bins)
  const still = (most: number) => openRows(outcomes, most)
  const next = expected(still(ahead), odds, bins, posterior)
  const count = Math.min(ahead, open)
  const decided = suspects - open
  return {
    suspects,
    decided,
    right,
    wrong,
    unsure,
    precision: right + wrong === 0 ? undefined : wrong / (right + wrong),
    left: expected(still(open), odds, bins, posterior),
    next: { ...next, count },
    canStop: open === 0 || (decided >= leastDecided && next.high <= stopShare * count),
  }
}

/** The run's odds that each label is right. */
function oddsRight(labelQuality: Float32Array): Float64Array {
  const odds = new Float64Array(labelQuality.length)
  for (let row = 0; row < odds.length; row++) {
    const quality = Math.min(surest, Math.max(1 - surest, labelQuality[row]))
    odds[row] = quality / (1 - quality)
  }
  return odds
}

/** Where each bin ends, in rows. */
function binEnds(suspects: number): number[] {
  const ends: number[] = []
  for (let end = firstBin, size = firstBin; ; size *= 2, end += size) {
    ends.push(Math.min(end, suspects))
    if (end >= suspects) return ends
  }
}

interface Posterior {
  /** Most likely shift of each bin, in log-odds. */
  readonly shifts: Float64Array
  /** Their covariance. */
  readonly covariance: Matrix
}

/**
 * Probability that a label is wrong, by the run's odds that it is right and the factor e^(−δ) of its bin's shift: one
 * exponential a bin, none a suspect.
 */
const wrong = (odds: number, factor: number): number => 1 / (1 + odds * factor)

function fitShifts(odds: Float64Array, outcomes: Uint8Array, bins: readonly number[]): Posterior {
  const prior = walkPrecision(bins.length)
  const shifts = new Float64Array(bins.length)
  for (let step = 0; step < mostSteps; step++) {
    const gradient = prior.mmul(Matrix.columnVector(shifts)).mul(-1)
    const precision = prior.clone()
    for (let bin = 0, row = 0; bin < bins.length; bin++) {
      const factor = Math.exp(-shifts[bin])
      let slope = 0
      let curvature = 0
      for (; row < bins[bin]; row++) {
        const outcome = outcomes[row]
        if (outcome !== Outcome.right && outcome !== Outcome.wrong) continue
        const p = wrong(odds[row], factor)
        slope += Number(outcome === Outcome.wrong) - p
        curvature += p * (1 - p)
      }
      gradient.set(bin, 0, gradient.get(bin, 0) + slope)
      precision.set(bin, bin, precision.get(bin, bin) + curvature)
    }
    const factor = new CholeskyDecomposition(precision)
    const move = factor.solve(gradient)
    // Where every decision says the same, the first steps would overshoot.
    const largest = Math.max(...move.to1DArray().map(Math.abs))
    const damping = Math.min(1, 1 / largest)
    for (let bin = 0; bin < bins.length; bin++) shifts[bin] += damping * move.get(bin, 0)
    if (largest < tolerance || step === mostSteps - 1) {
      return { shifts, covariance: factor.solve(Matrix.eye(bins.length)) }
    }
  }
  throw new Error('unreachable')
}

/** Precision of a random walk whose first value has a distribution of its own: tridiagonal, [bins, bins]. */
function walkPrecision(bins: number): Matrix {
  const precision = Matrix.zeros(bins, bins)
  precision.set(0, 0, 1 / firstDeviation ** 2)
  for (let bin = 1; bin < bins; bin++) {
    const weight = 1 / stepDeviation ** 2
    precision.set(bin - 1, bin - 1, precision.get(bin - 1, bin - 1) + weight)
    precision.set(bin, bin, weight)
    precision.set(bin, bin - 1, -weight)
    precision.set(bin - 1, bin, -weight)
  }
  return precision
}

/** The first rows that are open, in the order of suspicion. */
function openRows(outcomes: Uint8Array, most: number): Int32Array {
  const rows = new Int32Array(most)
  let found = 0
  for (let row = 0; row < outcomes.length && found < most; row++) {
    if (outcomes[row] === Outcome.open) rows[found++] = row
  }
  return rows.subarray(0, found)
}

/**
 * Wrong labels among these rows, rising. What the shifts leave uncertain is the count at both ends of their interval in
 * the direction that moves it most; what chance adds, each label being right or wrong on its own, is added in quadrature.
 */
function expected(
  rows: Int32Array,
  odds: Float64Array,
  bins: readonly number[],
  { shifts, covariance }: Posterior,
): Expected {
  const slope = Matrix.zeros(bins.length, 1)
  const countAt = (at: (bin: number) => number, each?: (bin: number, p: number) => void): number => {
    let sum = 0
    let bin = 0
    let factor = Math.exp(-at(bin))
    for (const row of rows) {
      while (row >= bins[bin]) factor = Math.exp(-at(++bin))
      const p = wrong(odds[row], factor)
      sum += p
      each?.(bin, p)
    }
    return sum
  }
  let chance = 0
  const mean = countAt(
    bin => shifts[bin],
    (bin, p) => {
      slope.set(bin, 0, slope.get(bin, 0) + p * (1 - p))
      chance += p * (1 - p)
    },
  )
  const direction = covariance.mmul(slope)
  const length = Math.sqrt(slope.transpose().mmul(direction).get(0, 0))
  const end = (sign: number) =>
    length === 0 ? mean : countAt(bin => shifts[bin] + (sign * z * direction.get(bin, 0)) / length)
  const spread = (side: number) => Math.sqrt((side - mean) ** 2 + z ** 2 * chance)
  return {
    mean,
    low: Math.max(0, mean - spread(end(-1))),
    high: Math.min(rows.length, mean + spread(end(1))),
  }
}
