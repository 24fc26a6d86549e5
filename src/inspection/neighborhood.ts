/** What an example's nearest neighbours in feature space say of it. */
import type { NeighborLabels } from '../scoring/neighbor-labels.js'

export interface NeighborTable {
  /** Nearest rows of each example, nearest first, [examples, count]; −1 for none. */
  readonly indices: Int32Array
  /** Their cosines, [examples, count]. */
  readonly similarities: Float32Array
  readonly count: number
}

/** A tie goes to the nearer ones, then to the lower class. @param labels given labels, [examples] */
export function neighborLabels(
  { indices, similarities, count }: NeighborTable,
  labels: Int32Array,
  classes: number,
): NeighborLabels {
  const examples = labels.length
  const agreement = new Float32Array(examples).fill(Number.NaN)
  const majority = new Int32Array(examples).fill(-1)
  const majorityShare = new Float32Array(examples).fill(Number.NaN)
  const votes = new Int32Array(classes)
  const nearness = new Float64Array(classes)
  for (let row = 0; row < examples; row++) {
    votes.fill(0)
    nearness.fill(0)
    let known = 0
    for (let i = row * count; i < (row + 1) * count && indices[i] >= 0; i++, known++) {
      votes[labels[indices[i]]]++
      nearness[labels[indices[i]]] += similarities[i]
    }
    if (known === 0) continue
    let best = 0
    for (let label = 1; label < classes; label++) {
      const ahead = votes[label] - votes[best] || nearness[label] - nearness[best]
      if (ahead > 0) best = label
    }
    agreement[row] = votes[labels[row]] / known
    majority[row] = best
    majorityShare[row] = votes[best] / known
  }
  return { agreement, majority, majorityShare }
}

export interface Isolation {
  /**
   * Mean cosine distance (1 − cosine) to the neighbours, 0 to 2, [examples]; NaN without neighbours (Angiulli and
   * Pizzuti 2002; on the normalised features of a network, Sun et al., arXiv 2204.06507, take the k-th).
   */
  readonly distance: Float32Array
  /**
   * That distance over the mean of the neighbours' own, [examples]: 1 in the midst of others, larger outside
   * (the local outlier factor of Breunig et al. 2000 with mean distances in place of reachabilities).
   */
  readonly relative: Float32Array
}

/** Cosine distances below the precision of float32 products, which are none. */
const zeroDistance = 1e-6

export function isolation({ indices, similarities, count }: NeighborTable): Isolation {
  const examples = count === 0 ? 0 : indices.length / count
  const distance = new Float32Array(examples).fill(Number.NaN)
  for (let row = 0; row < examples; row++) {
    let sum = 0
    let known = 0
    for (let i = row * count; i < (row + 1) * count && indices[i] >= 0; i++, known++) {
      sum += Math.max(0, 1 - similarities[i])
    }
    if (known > 0) distance[row] = sum / known
  }
  const relative = new Float32Array(examples).fill(Number.NaN)
  for (let row = 0; row < examples; row++) {
    let theirs = 0
    let known = 0
    for (let i = row * count; i < (row + 1) * count && indices[i] >= 0; i++, known++) {
      theirs += distance[indices[i]]
    }
    if (known > 0) relative[row] = (distance[row] + zeroDistance) / (theirs / known + zeroDistance)
  }
  return { distance, relative }
}
