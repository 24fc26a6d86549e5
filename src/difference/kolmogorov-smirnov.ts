/** Whether two samples of a number come from the same distribution. */

export interface TwoSampleTest {
  /** Largest distance between both empirical distribution functions, 0 to 1. */
  readonly statistic: number
  /** Two-sided p value; NaN where a sample is empty. */
  readonly p: number
}

/**
 * The two-sample test of Kolmogorov and Smirnov (Smirnov, Bull. Math. Univ. Moscou 2, 1939). The p value is that of the
 * limiting distribution at λ = (√n + 0.12 + 0.11/√n) D with n = n₁n₂/(n₁ + n₂), a correction by which it is good from
 * n = 4 on (Stephens, J. R. Stat. Soc. B 32, 1970). Ties make it larger than it is, never smaller.
 *
 * @param a finite values in any order, [n₁]
 * @param b likewise, [n₂]
 */
export function kolmogorovSmirnov(a: Float32Array, b: Float32Array): TwoSampleTest {
  if (a.length === 0 || b.length === 0) return { statistic: Number.NaN, p: Number.NaN }
  const [x, y] = [a.toSorted(), b.toSorted()]
  let [i, j, statistic] = [0, 0, 0]
  while (i < x.length && j < y.length) {
    const value = Math.min(x[i], y[j])
    while (i < x.length && x[i] === value) i++
    while (j < y.length && y[j] === value) j++
    statistic = Math.max(statistic, Math.abs(i / x.length - j / y.length))
  }
  const root = Math.sqrt((x.length * y.length) / (x.length + y.length))
  return { statistic, p: kolmogorovSurvival((root + 0.12 + 0.11 / root) * statistic) }
}

/**
 * Chance that the supremum of a Brownian bridge exceeds λ (Kolmogorov, Giorn. Ist. Ital. Attuari 4, 1933), by
 * whichever of its two series converges faster.
 */
export function kolmogorovSurvival(lambda: number): number {
  if (!(lambda > 0)) return 1
  let sum = 0
  if (lambda < 1.18) {
    for (let k = 1; k <= 7; k += 2) sum += Math.exp((-(k ** 2) * Math.PI ** 2) / (8 * lambda ** 2))
    return Math.max(0, 1 - (Math.sqrt(2 * Math.PI) / lambda) * sum)
  }
  for (let k = 1; k <= 5; k++) sum += (k % 2 === 1 ? 1 : -1) * Math.exp(-2 * k ** 2 * lambda ** 2)
  return 2 * sum
}
