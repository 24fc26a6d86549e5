/** What a population says whose members only name a class: no probabilities, no ranks. */

export interface LabelVotes {
  /** How many classes rank above the given label, as far as is known: 0 where it is predicted, else 1, [examples, members]. */
  readonly ranks: Int32Array
  /** Probability of each class by the members' votes, [examples, classes]. */
  readonly probabilities: Float32Array
}

/**
 * A population of votes has the class probabilities (n_c + ½) / (members + classes / 2), the posterior mean under
 * Jeffreys' prior: a class for which nobody voted is not impossible, the less so the fewer voted.
 *
 * @param predicted class indexes, [examples, members]
 * @param labels given labels, [examples]
 */
export function labelVotes(predicted: Int32Array, labels: Int32Array, classes: number): LabelVotes {
  const members = predicted.length / labels.length
  const ranks = new Int32Array(predicted.length)
  const probabilities = new Float32Array(labels.length * classes)
  const counts = new Int32Array(classes)
  for (let i = 0; i < labels.length; i++) {
    const begin = i * members
    const given = labels[i]
    counts.fill(0)
    for (let k = begin; k < begin + members; k++) {
      counts[predicted[k]]++
      if (predicted[k] !== given) ranks[k] = 1
    }
    for (let c = 0; c < classes; c++) {
      probabilities[i * classes + c] = (counts[c] + 0.5) / (members + classes / 2)
    }
  }
  return { ranks, probabilities }
}
