/** Whose predictions judge a label, and how much those of each level and of members in and out of sample count. */

/** Loss of skill, relative to the dense members, that halves what a level counts. */
const halvingLoss = 0.03

/**
 * How much of what members get wrong out of sample they still get wrong where they trained on it, 0 to 1: 0 where they
 * have learned all labels by heart, and can say nothing about them; 1 where they have learned none so, or where one of
 * the accuracies (against the given labels, 0 to 1) is not known.
 */
export function candour(accuracy: { inSample: number; outOfSample: number }): number {
  const ratio = (1 - accuracy.inSample) / (1 - accuracy.outOfSample)
  return Number.isNaN(ratio) ? 1 : Math.min(1, ratio)
}

/**
 * Probabilities by all members, [examples, classes]. Those that trained on the example have as much to say as those
 * that did not, however many there are, times their {@link candour}.
 *
 * @param judging by the members that did not train on it
 * @param trained by those that did
 * @param heard their candour, 0 to 1
 */
export function evidenceOfAll(judging: Float32Array, trained: Float32Array, heard: number): Float32Array {
  const share = heard / (1 + heard)
  return judging.map((p, at) => (1 - share) * p + share * trained[at])
}

export interface LevelSkill {
  /** Mean accuracy of the members against the given labels, out of sample where possible, 0 to 1. */
  readonly accuracy: number
  /** Whether the members are re-encodings of the dense ones (quantized), and not networks trained on their own. */
  readonly copy: boolean
}

/**
 * Weight of each level's probabilities in the ensemble's; the first level is dense and weighs 1.
 *
 * An ensemble gains from members that are about as good as the rest and err elsewhere, and loses from weak ones.
 * With skill = (accuracy − 1 / classes) / (1 − 1 / classes), a level weighs 2^(−(1 − skill / skill of dense) / 0.03),
 * at most 1: members that lose 3 % of the dense members' skill count half, those that lose 10 % a tenth. Only given
 * labels are looked at, never true ones. A quantized member repeats what its original said, so it weighs 0.
 *
 * Where the dense members do no better than chance, nothing can be said about the others and only dense counts.
 */
export function evidenceWeights(levels: readonly LevelSkill[], classes: number): Float64Array {
  const [dense] = levels
  return Float64Array.from(levels, ({ accuracy, copy }, level) => {
    if (level === 0) return 1
    return copy ? 0 : skillFactor(accuracy, dense.accuracy, classes)
  })
}

/** What a judge of this accuracy counts against a dense member, 0 to 1; see {@link evidenceWeights}. */
export function skillFactor(accuracy: number, dense: number, classes: number): number {
  const chance = 1 / classes
  if (!(dense > chance)) return 0
  const loss = 1 - (accuracy - chance) / (dense - chance)
  return Number.isNaN(loss) ? 0 : Math.min(1, 2 ** (-loss / halvingLoss))
}
