import { largest, type MeanDifference, studentTest } from './mean-difference.js'
import { mean, sampleVariance } from './moments.js'

/**
 * Welch's t test for the means of two independent samples of unequal variance (Biometrika 34, 1947), with
 * Welch–Satterthwaite degrees of freedom. NaN as {@link studentTest} says, and of a sample with fewer than two values.
 */
export function welchTest(a: Float64Array, b: Float64Array): MeanDifference {
  const errorA = sampleVariance(a) / a.length
  const errorB = sampleVariance(b) / b.length
  const error = errorA + errorB
  const [shareA, shareB] = [errorA / error, errorB / error]
  const df = 1 / (shareA ** 2 / (a.length - 1) + shareB ** 2 / (b.length - 1))
  return studentTest(mean(a) - mean(b), Math.sqrt(error), df, largest(a, b))
}
