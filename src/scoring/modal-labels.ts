/**
 * What a population votes. Predictions are laid out [examples, members], each a class index; all functions
 * look at one row of votes at a time and are blind to the order of the members.
 */

/**
 * Which of several classes with the most votes is the modal label: `probability` takes the one with the higher
 * mean probability, then the lower index; `reference` takes the highest index, as the code of Hooker et al.
 * (arXiv 1911.05248) does.
 */
export type TieBreak = 'probability' | 'reference'

export interface Votes {
  /** Predicted class of each member, [examples, members]. */
  readonly predicted: ArrayLike<number>
  readonly members: number
  readonly classes: number
}

export interface ModalLabels {
  /** The class most members predict, [examples]. */
  readonly modal: Int32Array
  /** Share of the members that predict it, [examples], above 0 and at most 1. */
  readonly agreement: Float32Array
}

/**
 * The modal label of each example and the share of members that vote for it.
 *
 * @param probabilities mean class probabilities of the population, [examples, classes], for breaking ties; a row
 *   of NaN means unknown, and its ties go to the lower index.
 */
export function modalLabels(
  { predicted, members, classes }: Votes,
  ties: TieBreak,
  probabilities?: Float32Array,
): ModalLabels {
  const examples = predicted.length / members
  const modal = new Int32Array(examples)
  const agreement = new Float32Array(examples)
  const counts = new Int32Array(classes)
  for (let i = 0; i < examples; i++) {
    const begin = i * members
    const end = begin + members
    let most = 0
    for (let k = begin; k < end; k++) {
      const count = ++counts[predicted[k]]
      if (count > most) most = count
    }
    let winner = -1
    for (let k = begin; k < end; k++) {
      const candidate = predicted[k]
      if (counts[candidate] !== most || candidate === winner) continue
      if (winner < 0 || beats(candidate, winner, ties, probabilities, i * classes)) winner = candidate
    }
    for (let k = begin; k < end; k++) counts[predicted[k]] = 0
    modal[i] = winner
    agreement[i] = most / members
  }
  return { modal, agreement }
}

/**
 * Whether a class takes the place of another that has as many votes.
 * @param row where the example's probabilities begin
 */
export function beats(
  candidate: number,
  winner: number,
  ties: TieBreak,
  probabilities: Float32Array | undefined,
  row: number,
): boolean {
  if (ties === 'reference') return candidate > winner
  if (probabilities !== undefined) {
    const difference = probabilities[row + candidate] - probabilities[row + winner]
    if (difference !== 0 && !Number.isNaN(difference)) return difference > 0
  }
  return candidate < winner
}

/**
 * Marks pruning identified exemplars: 1 where the modal label of the compressed population differs from the
 * dense one's (Hooker et al., arXiv 1911.05248, section 3.2).
 */
export function pieFlags(dense: Int32Array, compressed: Int32Array): Uint8Array {
  const flags = new Uint8Array(dense.length)
  for (let i = 0; i < flags.length; i++) flags[i] = dense[i] === compressed[i] ? 0 : 1
  return flags
}
