import t from '@stdlib/stats-base-dists-t'
import { largest, type MeanDifference, studentTest } from './mean-difference.js'
import { mean, sampleDeviation } from './moments.js'

export interface PairedDifference {
  /** Mean of a − b. */
  readonly mean: number
  /** Sample standard deviation of a − b. */
  readonly sd: number
  /** Interval of the mean by Student's t with n − 1 degrees of freedom; NaN for fewer than two pairs. */
  readonly low: number
  readonly high: number
}

/**
 * Mean of a − b over pairs, with its confidence interval.
 * @throws RangeError if the samples are of different lengths
 */
export function pairedDifference(a: Float64Array, b: Float64Array, confidence = 0.95): PairedDifference {
  const differences = pairs(a, b)
  const centre = mean(differences)
  const sd = sampleDeviation(differences)
  if (Number.isNaN(sd)) return { mean: centre, sd, low: Number.NaN, high: Number.NaN }
  const reach = (t.quantile((1 + confidence) / 2, a.length - 1) * sd) / Math.sqrt(a.length)
  return { mean: centre, sd, low: centre - reach, high: centre + reach }
}

/**
 * Student's t test for the mean of a − b over pairs (Biometrika 6, 1908), with n − 1 degrees of freedom.
 * @throws RangeError if the samples are of different lengths
 */
export function pairedTest(a: Float64Array, b: Float64Array): MeanDifference {
  const differences = pairs(a, b)
  const error = sampleDeviation(differences) / Math.sqrt(a.length)
  return studentTest(mean(differences), error, a.length - 1, largest(a, b))
}

function pairs(a: Float64Array, b: Float64Array): Float64Array {
  if (a.length !== b.length) throw new RangeError(`${a.length} values cannot be paired with ${b.length}`)
  return a.map((value, i) => value - b[i])
}
