/** Of every example the probability of its given label, and the most likely of the other classes. */
import { withoutOwnLabel } from './own-label.js'

export class LeadingClasses {
  /** Probability of the given label, [examples]; NaN where nothing is known. */
  readonly givenP: Float32Array
  /** The most likely other class, [examples]. */
  readonly rival: Int32Array
  readonly rivalP: Float32Array

  constructor(examples: number) {
    this.givenP = new Float32Array(examples).fill(Number.NaN)
    this.rival = new Int32Array(examples)
    this.rivalP = new Float32Array(examples)
  }

  /** Takes up the examples from `first` on. @param probabilities [block, classes] @param labels [block] */
  add(first: number, probabilities: Float32Array, labels: Int32Array, classes: number): void {
    for (let k = 0, begin = 0; k < labels.length; k++, begin += classes) {
      const given = labels[k]
      let rival = given === 0 ? 1 : 0
      for (let t = rival + 1; t < classes; t++) {
        if (t !== given && probabilities[begin + t] > probabilities[begin + rival]) rival = t
      }
      this.givenP[first + k] = probabilities[begin + given]
      this.rival[first + k] = rival
      this.rivalP[first + k] = probabilities[begin + rival]
    }
  }

  /**
   * Highest probability of an example: positive where it is that of the given label, negative where it is the rival's.
   * @param influence what its own label has added, see {@link withoutOwnLabel}
   */
  signedConfidence(example: number, influence = 0): number {
    const p = this.givenP[example]
    const own = withoutOwnLabel(p, influence)
    const rival = (this.rivalP[example] * (1 - own)) / (1 - p)
    return own >= rival || p === 1 ? own : -rival
  }
}
