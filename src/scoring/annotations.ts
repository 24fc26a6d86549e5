/** Labels that several annotators gave to the same examples, and what can be said of them without a model. */

/** All labels, those of an example after those of the one before it. */
export interface Annotations {
  /** Where the labels of each example begin, and where those of the last end, [examples + 1]. */
  readonly begin: Uint32Array
  /** Who gave each label, by number from 0, [labels]. No annotator labels an example twice. */
  readonly annotator: Int32Array
  /** Class index, [labels]. */
  readonly label: Int32Array
  readonly annotators: number
}

export const examplesOf = ({ begin }: Annotations): number => begin.length - 1

/**
 * The label that most annotators of each example gave, [examples].
 * @param weight decides between labels with equally many votes: the one whose votes have the larger sum, then the
 *   lower class; [labels]
 */
export function majorityVote(annotations: Annotations, weight: ArrayLike<number>): Int32Array {
  const { begin, label } = annotations
  const majority = new Int32Array(examplesOf(annotations))
  for (let i = 0; i < majority.length; i++) {
    let [best, most, heaviest] = [-1, 0, 0]
    for (let a = begin[i]; a < begin[i + 1]; a++) {
      let [votes, sum] = [0, 0]
      for (let b = begin[i]; b < begin[i + 1]; b++) {
        if (label[b] !== label[a]) continue
        votes++
        sum += weight[b]
      }
      const isBetter =
        votes > most || (votes === most && (sum > heaviest || (sum === heaviest && label[a] < best)))
      if (isBetter) [best, most, heaviest] = [label[a], votes, sum]
    }
    majority[i] = best
  }
  return majority
}

/** Share of an example's annotators who gave it this label, [examples]. */
export function agreementWith(annotations: Annotations, labels: Int32Array): Float32Array {
  const { begin, label } = annotations
  return Float32Array.from(labels, (own, i) => {
    let votes = 0
    for (let a = begin[i]; a < begin[i + 1]; a++) if (label[a] === own) votes++
    return votes / (begin[i + 1] - begin[i])
  })
}
