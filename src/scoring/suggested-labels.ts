export interface SuggestedLabels {
  /** The most likely class, [examples]; −1 where no level has probabilities. */
  readonly label: Int32Array
  /** Its probability, [examples]; NaN where there is none. */
  readonly probability: Float32Array
}

/**
 * The label that the ensemble would give each example: the class with the highest weighted mean probability. It is
 * the given label itself where no class is more likely; other ties go to the lower index.
 *
 * @param probabilities mean class probabilities of each level, [examples, classes]; a row of NaN means unknown
 * @param weights of each level, ≥ 0
 */
export function suggestedLabels(
  probabilities: readonly Float32Array[],
  weights: ArrayLike<number>,
  given: Int32Array,
  classes: number,
): SuggestedLabels {
  const label = new Int32Array(given.length)
  const probability = new Float32Array(given.length)
  const mean = new Float64Array(classes)
  for (let i = 0; i < given.length; i++) {
    const row = i * classes
    let total = 0
    mean.fill(0)
    for (let level = 0; level < probabilities.length; level++) {
      const weight = weights[level]
      const of = probabilities[level]
      if (weight === 0 || Number.isNaN(of[row])) continue
      total += weight
      for (let c = 0; c < classes; c++) mean[c] += weight * of[row + c]
    }
    if (total === 0) {
      label[i] = -1
      probability[i] = Number.NaN
      continue
    }
    let best = given[i]
    for (let c = 0; c < classes; c++) if (mean[c] > mean[best]) best = c
    label[i] = best
    probability[i] = mean[best] / total
  }
  return { label, probability }
}
