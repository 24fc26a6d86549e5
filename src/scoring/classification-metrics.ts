/** How good predictions are against labels. A label of −1 belongs to no class and is left out. */

/** Share of examples whose predicted class is their label; NaN of nothing. */
export function accuracy(predicted: ArrayLike<number>, labels: ArrayLike<number>): number {
  let counted = 0
  let correct = 0
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] < 0) continue
    counted++
    if (predicted[i] === labels[i]) correct++
  }
  return correct / counted
}

/** Share of the examples of each class that are predicted as it, [classes]; NaN for a class without examples. */
export function recallPerClass(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): Float64Array {
  const counted = new Int32Array(classes)
  const recall = new Float64Array(classes)
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]
    if (label < 0) continue
    counted[label]++
    if (predicted[i] === label) recall[label]++
  }
  return recall.map((hits, c) => hits / counted[c])
}

/**
 * Rank of each example's label among its classes' scores, [examples]: 0 where the label is the first class with the
 * highest score, so that a label is the prediction exactly where its rank is 0. −1 for a label that is no class.
 *
 * @param scores logits or probabilities, [examples, classes]
 */
export function labelRanks(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): Int32Array {
  const ranks = new Int32Array(labels.length)
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]
    if (label < 0) {
      ranks[i] = -1
      continue
    }
    const row = i * classes
    const own = scores[row + label]
    let rank = 0
    for (let c = 0; c < classes; c++) {
      const other = scores[row + c]
      if (other > own || (other === own && c < label)) rank++
    }
    ranks[i] = rank
  }
  return ranks
}

/** Share of examples whose label is among the k classes with the highest scores; NaN of nothing. See {@link labelRanks}. */
export function topKAccuracy(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
  k: number,
): number {
  let counted = 0
  let within = 0
  for (const rank of labelRanks(scores, labels, classes)) {
    if (rank < 0) continue
    counted++
    if (rank < k) within++
  }
  return within / counted
}
