/**
 * False discovery rate adjusted p values: q_(i) = min_{j ≥ i} p_(j) m / j over the m p values in ascending order
 * (Benjamini & Hochberg, J. R. Stat. Soc. B 57, 1995). Rejecting all q ≤ α holds the expected share of false
 * discoveries at α. NaN where the p value is NaN: a test that was not made is no part of the family.
 */
export function benjaminiHochberg(p: Float64Array): Float64Array {
  const q = new Float64Array(p.length).fill(Number.NaN)
  const descending = Array.from(p.keys())
    .filter(i => !Number.isNaN(p[i]))
    .sort((a, b) => p[b] - p[a])
  const family = descending.length
  let least = 1
  descending.forEach((i, position) => {
    least = Math.min(least, p[i] * (family / (family - position)))
    q[i] = least
  })
  return q
}
