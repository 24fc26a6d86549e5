/** Arithmetic mean; NaN of nothing. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]
  return sum / values.length
}

/** Unbiased variance, Σ(x − mean)² / (n − 1); NaN for fewer than two values. */
export function sampleVariance(values: ArrayLike<number>): number {
  if (values.length < 2) return Number.NaN
  const centre = mean(values)
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += (values[i] - centre) ** 2
  return sum / (values.length - 1)
}

/** Sample standard deviation; NaN for fewer than two values. */
export function sampleDeviation(values: ArrayLike<number>): number {
  return Math.sqrt(sampleVariance(values))
}
