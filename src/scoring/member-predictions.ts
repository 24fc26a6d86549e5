/** What each member says about each example, and what all of them say together, from their logits. */

/** One value for each pair of example and member: examples in order, and for each the members in order. */
export interface MemberPredictions {
  /** Class of the highest logit; the lower index on a tie. */
  readonly predicted: Int32Array
  /** How many classes rank above the given label; 0 where it is predicted. */
  readonly rankGiven: Int32Array
  /** Softmax probability of the given label. */
  readonly pGiven: Float32Array
  /** Softmax probability of the predicted class. */
  readonly pTop: Float32Array
  /** log p of the given label − log p of the best other class, in nats: the difference of their logits. */
  readonly margin: Float32Array
}

/**
 * @param logits of each member, [examples, classes], all finite
 * @param labels given labels, [examples]
 * @param classes ≥ 2
 */
export function memberPredictions(
  logits: readonly Float32Array[],
  labels: Int32Array,
  classes: number,
): MemberPredictions {
  const members = logits.length
  const pairs = labels.length * members
  const predicted = new Int32Array(pairs)
  const rankGiven = new Int32Array(pairs)
  const pGiven = new Float32Array(pairs)
  const pTop = new Float32Array(pairs)
  const margin = new Float32Array(pairs)
  for (let member = 0; member < members; member++) {
    const scores = logits[member]
    for (let example = 0; example < labels.length; example++) {
      const row = example * classes
      const top = highest(scores, row, classes)
      const given = labels[example]
      const own = scores[row + given]
      let total = 0
      let bestOther = Number.NEGATIVE_INFINITY
      let rank = 0
      for (let c = 0; c < classes; c++) {
        const score = scores[row + c]
        total += Math.exp(score - scores[row + top])
        if (c === given) continue
        if (score > bestOther) bestOther = score
        if (score > own || (score === own && c < given)) rank++
      }
      const pair = example * members + member
      predicted[pair] = top
      rankGiven[pair] = rank
      pGiven[pair] = Math.exp(own - scores[row + top]) / total
      pTop[pair] = 1 / total
      margin[pair] = own - bestOther
    }
  }
  return { predicted, rankGiven, pGiven, pTop, margin }
}

/**
 * Mean softmax probabilities over the members that are asked about each example, [examples, classes]; over all of them
 * where none is.
 *
 * @param logits of each member, [examples, classes], all finite
 * @param leftOut 1 where the member is not asked about the example, such as where it trained on it, [examples, members]
 */
export function meanProbabilities(
  logits: readonly Float32Array[],
  leftOut: Uint8Array,
  classes: number,
): Float32Array {
  const members = logits.length
  const examples = leftOut.length / members
  const probabilities = new Float32Array(examples * classes)
  const softmax = new Float64Array(classes)
  const mean = new Float64Array(classes)
  for (let example = 0; example < examples; example++) {
    const without = leftOut.subarray(example * members, (example + 1) * members)
    const nobody = !without.includes(0)
    const row = example * classes
    let judges = 0
    mean.fill(0)
    for (let member = 0; member < members; member++) {
      if (without[member] === 1 && !nobody) continue
      judges++
      const scores = logits[member]
      const top = scores[row + highest(scores, row, classes)]
      let total = 0
      for (let c = 0; c < classes; c++) {
        softmax[c] = Math.exp(scores[row + c] - top)
        total += softmax[c]
      }
      for (let c = 0; c < classes; c++) mean[c] += softmax[c] / total
    }
    for (let c = 0; c < classes; c++) probabilities[row + c] = mean[c] / judges
  }
  return probabilities
}

/** Index of the highest score of the row that begins at `row`, the lower one on a tie. */
function highest(scores: Float32Array, row: number, classes: number): number {
  let top = 0
  for (let c = 1; c < classes; c++) if (scores[row + c] > scores[row + top]) top = c
  return top
}
