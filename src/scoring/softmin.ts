/**
 * One score out of several, near the lowest: Σ s w ÷ Σ w with w = e^((1 − s) / T), taken up one after another. Thyagarajan
 * et al. 2022 (arXiv 2211.13895), section 3.2, of the labels of an example that has several.
 */
export class Softmin {
  readonly #weighted: Float64Array
  readonly #weights: Float64Array

  constructor(examples: number) {
    this.#weighted = new Float64Array(examples)
    this.#weights = new Float64Array(examples)
  }

  /** Takes up one more score of every example, 0 to 1, [examples]. */
  add(scores: ArrayLike<number>): void {
    for (let i = 0; i < scores.length; i++) {
      const weight = Math.exp((1 - scores[i]) / temperature)
      this.#weighted[i] += scores[i] * weight
      this.#weights[i] += weight
    }
  }

  /** [examples] */
  values(): Float32Array {
    return Float32Array.from(this.#weights, (weight, i) => this.#weighted[i] / weight)
  }
}

/** The paper's T. */
const temperature = 0.1
