/** Right answers among the first one and the first five, from logits. */

export interface TopCounts {
  readonly top1: number
  readonly top5: number
}

/**
 * Counts examples whose given label ranks first, and among the first five. A tie goes to the lower index, as everywhere.
 *
 * @param logits [examples, classes], all finite
 * @param labels given labels, [examples]; each one of `among`
 * @param among the classes that compete, in ascending order; logits of others are left out
 */
export function countTop(
  logits: Float32Array,
  labels: Int32Array,
  classes: number,
  among: readonly number[],
): TopCounts {
  let top1 = 0
  let top5 = 0
  for (let example = 0; example < labels.length; example++) {
    const row = example * classes
    const given = labels[example]
    const own = logits[row + given]
    let rank = 0
    for (const c of among) {
      const score = logits[row + c]
      if (score > own || (score === own && c < given)) rank++
    }
    if (rank < 1) top1++
    if (rank < 5) top5++
  }
  return { top1, top5 }
}
