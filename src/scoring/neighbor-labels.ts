/**
 * What the given labels of an example's nearest neighbours in feature space say of its own (k-nearest-neighbour
 * evidence: Bahri et al. 2020, arXiv 2004.12289; Zhu et al. 2022, arXiv 2110.06283).
 *
 * Members judge an example by what they have made of all labels; its neighbours by theirs alone, which no member can
 * have talked itself into.
 */
import { skillFactor } from './evidence.js'

/** [examples] each. */
export interface NeighborLabels {
  /** Share of the neighbours with the example's own given label, 0 to 1; NaN without neighbours. */
  readonly agreement: Float32Array
  /** Given label of most neighbours; −1 without neighbours. */
  readonly majority: Int32Array
  /** Share of the neighbours that have it; NaN without neighbours. */
  readonly majorityShare: Float32Array
}

/** Share of the evidence that is the neighbours' where their majority is as good a judge as a dense member. */
const largestShare = 0.2

/**
 * Share of the evidence that is the neighbours', 0 to 0.2: weighed by the skill of their majority as a level is by that
 * of its members ({@link skillFactor}), against the given labels.
 * @param labels given labels, [examples]
 * @param accuracy mean accuracy of the dense members, out of sample where possible, 0 to 1
 */
export function neighborShare(
  { majority }: NeighborLabels,
  labels: Int32Array,
  accuracy: number,
  classes: number,
): number {
  let known = 0
  let right = 0
  for (let i = 0; i < labels.length; i++) {
    if (majority[i] < 0) continue
    known++
    if (majority[i] === labels[i]) right++
  }
  const weight = (largestShare / (1 - largestShare)) * skillFactor(right / known, accuracy, classes)
  return weight / (1 + weight)
}

/**
 * Mixes into the probabilities of the examples from `first` on, in place, how often their neighbours have each label:
 * the given one, that of most, and what is left to all others alike. Rows without neighbours stay as they are.
 *
 * @param probabilities [block, classes]
 * @param labels given labels, [examples]
 * @param share of the neighbours, 0 to 1
 */
export function addNeighbors(
  probabilities: Float32Array,
  first: number,
  { agreement, majority, majorityShare }: NeighborLabels,
  labels: Int32Array,
  share: number,
  classes: number,
): void {
  for (let begin = 0, i = first; begin < probabilities.length; begin += classes, i++) {
    if (majority[i] < 0) continue
    const given = labels[i]
    const most = majority[i]
    const known = most === given ? agreement[i] : agreement[i] + majorityShare[i]
    const others = classes - (most === given ? 1 : 2)
    const rest = others === 0 ? 0 : Math.max(0, 1 - known) / others
    for (let c = 0; c < classes; c++) {
      const among = c === given ? agreement[i] : c === most ? majorityShare[i] : rest
      probabilities[begin + c] = (1 - share) * probabilities[begin + c] + share * among
    }
  }
}
