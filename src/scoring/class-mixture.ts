/** Brings the true classes of one example at a time out of what networks say that have learned from noisy labels. */

/** Below this a probability counts as this: what is impossible to a network need not be so. */
const least = 1e-9
/** Classes less likely than this, against the likeliest one, are left out: of many, few are in question. */
const negligible = 1e-4
const steps = 3

export class ClassMixture {
  readonly #transition: Float64Array
  readonly #classes: number
  /** The classes in question, the first {@link size} entries; the given one is among them. */
  readonly support: Int32Array
  /** Probability of each to be the true class; they sum to 1. */
  readonly share: Float64Array
  readonly #said: Float64Array
  readonly #ratio: Float64Array
  size = 0
  #given = 0
  #givenPlace = 0

  /** @param transition noise matrix, [classes, classes] */
  constructor(transition: Float64Array, classes: number) {
    this.#transition = transition
    this.#classes = classes
    this.support = new Int32Array(classes)
    this.share = new Float64Array(classes)
    this.#said = new Float64Array(classes)
    this.#ratio = new Float64Array(classes)
  }

  /**
   * Finds q for one example, of which p^β is the mixture Σ_t q_t T_ty.
   * @param probabilities its class probabilities p, from `begin` on
   * @param given its given label
   * @returns Σ_y p_y^β, which is small where no class is likely
   */
  separate(probabilities: Float32Array, begin: number, given: number, sharpness: number): number {
    const { support, share } = this
    const [transition, classes, said, ratio] = [this.#transition, this.#classes, this.#said, this.#ratio]
    let highest = least
    for (let at = begin; at < begin + classes; at++) {
      if (probabilities[at] > highest) highest = probabilities[at]
    }
    const floor = highest * negligible ** (1 / sharpness)
    let size = 0
    let sum = 0
    for (let t = 0; t < classes; t++) {
      const p = Math.max(probabilities[begin + t], least)
      if (p < floor && t !== given) continue
      if (t === given) this.#givenPlace = size
      const power = (p / highest) ** sharpness
      support[size] = t
      said[size++] = power
      sum += power
    }
    for (let s = 0; s < size; s++) {
      said[s] /= sum
      share[s] = said[s]
    }
    for (let step = 0; step < steps; step++) {
      for (let y = 0; y < size; y++) {
        let mixed = 0
        for (let t = 0; t < size; t++) mixed += share[t] * transition[support[t] * classes + support[y]]
        ratio[y] = said[y] / Math.max(mixed, least)
      }
      let all = 0
      for (let t = 0; t < size; t++) {
        let gain = 0
        const row = support[t] * classes
        for (let y = 0; y < size; y++) gain += ratio[y] * transition[row + support[y]]
        share[t] *= gain
        all += share[t]
      }
      for (let t = 0; t < size; t++) share[t] /= all
    }
    this.size = size
    this.#given = given
    return sum * highest ** sharpness
  }

  /** P(given | x) = Σ_t q_t T_ty, y the given label. */
  likelihood(): number {
    let sum = 0
    for (let t = 0; t < this.size; t++) {
      sum += this.share[t] * this.#transition[this.support[t] * this.#classes + this.#given]
    }
    return sum
  }

  /** Its part that comes from the given label's being right. */
  shareOfGiven(): number {
    return this.share[this.#givenPlace] * this.#transition[this.#given * (this.#classes + 1)]
  }
}
