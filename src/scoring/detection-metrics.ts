/**
 * How well a score finds the positives among examples: high score means positive. Tied scores are treated as one
 * step, so that the order of the examples plays no part, as scikit-learn does.
 */

/** Rows by descending score, and where each run of equal scores ends. */
function steps(score: ArrayLike<number>): { rows: Uint32Array; ends: number[] } {
  const rows = Uint32Array.from(score, (_, i) => i).sort((a, b) => score[b] - score[a])
  const ends: number[] = []
  for (let i = 0; i < rows.length; i++) {
    if (i + 1 === rows.length || score[rows[i]] !== score[rows[i + 1]]) ends.push(i + 1)
  }
  return { rows, ends }
}

/**
 * Area under the receiver operating characteristic: the probability that a random positive scores above a random
 * negative, ties counting half. NaN without positives or without negatives.
 */
export function auroc(score: ArrayLike<number>, positive: ArrayLike<number>): number {
  const { rows, ends } = steps(score)
  let positives = 0
  let negatives = 0
  let pairs = 0
  let begin = 0
  for (const end of ends) {
    let hits = 0
    for (let i = begin; i < end; i++) if (positive[rows[i]]) hits++
    const misses = end - begin - hits
    pairs += misses * (positives + hits / 2)
    positives += hits
    negatives += misses
    begin = end
  }
  return pairs / (positives * negatives)
}

/**
 * Average precision, Σ_n (R_n − R_{n−1}) P_n over the distinct scores in descending order. NaN without positives.
 */
export function averagePrecision(score: ArrayLike<number>, positive: ArrayLike<number>): number {
  const { rows, ends } = steps(score)
  let hits = 0
  let sum = 0
  let begin = 0
  for (const end of ends) {
    const before = hits
    for (let i = begin; i < end; i++) if (positive[rows[i]]) hits++
    sum += (hits - before) * (hits / end)
    begin = end
  }
  return sum / hits
}

/**
 * Share of positives among the k highest scores, 1 ≤ k ≤ examples. Where the k-th place is tied, its run of equal
 * scores counts with the share of positives in the run: the expectation over all orders.
 */
export function precisionAt(score: ArrayLike<number>, positive: ArrayLike<number>, k: number): number {
  const { rows, ends } = steps(score)
  let hits = 0
  let begin = 0
  for (const end of ends) {
    let inStep = 0
    for (let i = begin; i < end; i++) if (positive[rows[i]]) inStep++
    if (end >= k) return (hits + (inStep * (k - begin)) / (end - begin)) / k
    hits += inStep
    begin = end
  }
  throw new RangeError(`there are ${score.length} scores, not ${k}`)
}
