/**
 * Class probabilities of the whole ensemble: the weighted mean of those of its levels, [examples, classes]; a row of
 * NaN where no level has any.
 *
 * @param probabilities mean class probabilities of each level, [examples, classes]; a row of NaN means unknown
 * @param weights of each level, ≥ 0
 */
export function ensembleProbabilities(
  probabilities: readonly Float32Array[],
  weights: ArrayLike<number>,
  classes: number,
): Float32Array {
  const mean = new Float32Array(probabilities[0].length)
  for (let row = 0; row < mean.length; row += classes) {
    let total = 0
    for (const [level, of] of probabilities.entries()) {
      if (weights[level] === 0 || Number.isNaN(of[row])) continue
      total += weights[level]
      for (let at = row; at < row + classes; at++) mean[at] += weights[level] * of[at]
    }
    for (let at = row; at < row + classes; at++) mean[at] /= total
  }
  return mean
}
