/** What a population says whose members only name a class: no probabilities, no ranks. */

export interface LabelVotes {
  /** How many classes rank above the given label, as far as is known: 0 where it is predicted, else 1, [examples, members]. */
  readonly ranks: Int32Array
  /** Each member's margin, the population's own: see {@link labelVotes}, [examples, members]. */
  readonly margins: Float32Array
  /** Share of the members that predict each class, [examples, classes]. */
  readonly probabilities: Float32Array
}

/**
 * Members that only name a class have no margin of their own, so each is given that of the population: the log odds
 * of the given label against its strongest rival, log (n_given + ½) − log (n_rival + ½) over the votes. The halves
 * are the usual correction that keeps log odds of counts finite and nearly unbiased (Haldane, Ann. Hum. Genet. 20,
 * 1956).
 *
 * @param predicted class indexes, [examples, members]
 * @param labels given labels, [examples]
 */
export function labelVotes(predicted: Int32Array, labels: Int32Array, classes: number): LabelVotes {
  const members = predicted.length / labels.length
  const ranks = new Int32Array(predicted.length)
  const margins = new Float32Array(predicted.length)
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
    let rival = 0
    for (let c = 0; c < classes; c++) {
      probabilities[i * classes + c] = counts[c] / members
      if (c !== given && counts[c] > rival) rival = counts[c]
    }
    margins.fill(Math.log((counts[given] + 0.5) / (rival + 0.5)), begin, begin + members)
  }
  return { ranks, margins, probabilities }
}
