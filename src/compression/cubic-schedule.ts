/**
 * Sparsity at a training step under gradual pruning (Zhu & Gupta 2017, arXiv 1710.01878, eq. 1, from an initial
 * sparsity of 0): s(t) = s_f (1 − (1 − (t − t₀) / (t₁ − t₀))³) from `begin` t₀ to `end` t₁, 0 before and s_f
 * after. It prunes fast while there is much to spare and slowly near the end.
 *
 * @param step training step, ≥ 0
 * @param final sparsity to reach, 0 to 1
 * @param begin step up to which nothing is pruned
 * @param end step from which the final sparsity holds; ≥ `begin`
 */
export function cubicSparsity(step: number, final: number, begin: number, end: number): number {
  if (step >= end) return final
  if (step <= begin) return 0
  return final * (1 - (1 - (step - begin) / (end - begin)) ** 3)
}
