/** What of a model's predictions the consensus of annotators needs, taken up in portions. */
import { type Annotations, examplesOf } from './annotations.js'

/** Exponents that may sharpen (above 1) or flatten the model's probabilities. */
export const sharpness: readonly number[] = Array.from({ length: 13 }, (_, k) => 2 ** (k / 4 - 1))

export class CrowdPredictions {
  readonly classes: number
  /** ln p of each label that an annotator gave, [labels]. */
  readonly given: Float32Array
  /** The most likely class and its ln p, [examples]. */
  readonly top: Int32Array
  readonly topP: Float32Array
  /** Σ pˢ over all classes for each {@link sharpness} s, [examples, sharpness]. */
  readonly powers: Float32Array
  /** Σ pˢ ln p, [examples, sharpness]. */
  readonly powersLog: Float32Array
  readonly #annotations: Annotations
  #examples = 0

  constructor(annotations: Annotations, classes: number) {
    const examples = examplesOf(annotations)
    this.classes = classes
    this.#annotations = annotations
    this.given = new Float32Array(annotations.label.length)
    this.top = new Int32Array(examples)
    this.topP = new Float32Array(examples)
    this.powers = new Float32Array(examples * sharpness.length)
    this.powersLog = new Float32Array(examples * sharpness.length)
  }

  /**
   * Takes up the next examples.
   * @param probabilities out of sample, [block, classes], in each row up to a factor; none counts for less than 1 % of an even share, so that no
   *   model overrules all annotators
   */
  add(probabilities: Float32Array | Float64Array): void {
    const { classes } = this
    const { begin, label } = this.#annotations
    const floor = 0.01 / classes
    const logs = new Float64Array(classes)
    for (let row = 0; row < probabilities.length; row += classes, this.#examples++) {
      const i = this.#examples
      let [top, sum] = [0, 0]
      for (let c = 0; c < classes; c++) sum += probabilities[row + c]
      for (let c = 0; c < classes; c++) {
        logs[c] = Math.log(Math.max(floor, probabilities[row + c] / sum))
        if (logs[c] > logs[top]) top = c
      }
      this.top[i] = top
      this.topP[i] = logs[top]
      for (let a = begin[i]; a < begin[i + 1]; a++) this.given[a] = logs[label[a]]
      for (const [s, exponent] of sharpness.entries()) {
        let [power, log] = [0, 0]
        for (let c = 0; c < classes; c++) {
          const own = Math.exp(exponent * logs[c])
          power += own
          log += own * logs[c]
        }
        this.powers[i * sharpness.length + s] = power
        this.powersLog[i * sharpness.length + s] = log
      }
    }
  }
}
