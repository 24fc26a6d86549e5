/**
 * Label quality of a data set whose predictions come in portions, in two passes over them.
 *
 * ```ts
 * const labels = new LabelQuality({ labels, classes, group, outOfSample })
 * for (const portion of portions) labels.sample(portion)
 * labels.fit()
 * for (const portion of portions) labels.judge(portion)
 * const { quality } = labels.judgement
 * ```
 */
import {
  emptyJudgement,
  fitNoiseModel,
  judgeLabels,
  type LabeledProbabilities,
  type LabelJudgement,
  type NoiseModel,
} from './noise-model.js'

export interface LabelQualityOptions {
  /** Given labels, [examples]. */
  readonly labels: Int32Array
  /** ≥ 2 */
  readonly classes: number
  /** Groups that may differ in their noise, such as splits, by number from 0, [examples]; one when absent. */
  readonly group?: Uint8Array
  /** 1 where members judge that did not train on the example, [examples]; all of them when absent. */
  readonly outOfSample?: Uint8Array
}

/** Values that a sample holds at most. Beyond a hundred thousand examples of ten classes, more change nothing. */
const sampleValues = 2 ** 21

export class LabelQuality {
  readonly judgement: LabelJudgement
  /** Expected examples of each pair of given (row) and true class (column), by group, [classes, classes] each. */
  readonly joint: readonly Float64Array[]
  readonly #options: LabelQualityOptions
  /** Every how many-th example is in the sample. */
  readonly #stride: number
  readonly #rows: number[] = []
  readonly #sample: Float32Array
  readonly #groups: number
  #models: NoiseModel[] = []
  #sampled = 0
  #judged = 0

  constructor(options: LabelQualityOptions) {
    const { labels, classes, group } = options
    this.#options = options
    this.#stride = Math.ceil((labels.length * classes) / sampleValues)
    this.#sample = new Float32Array(Math.ceil(labels.length / this.#stride) * classes)
    this.#groups = group === undefined ? 1 : group.reduce((most, value) => Math.max(most, value), 0) + 1
    this.judgement = emptyJudgement(labels.length)
    this.joint = Array.from({ length: this.#groups }, () => new Float64Array(classes * classes))
  }

  /** Takes notice of the next examples. @param probabilities their mean class probabilities, [block, classes] */
  sample(probabilities: Float32Array): void {
    const { classes } = this.#options
    const first = this.#sampled
    this.#sampled += probabilities.length / classes
    const next = Math.ceil(first / this.#stride) * this.#stride
    for (let i = next; i < this.#sampled; i += this.#stride) {
      const begin = (i - first) * classes
      if (Number.isNaN(probabilities[begin])) continue
      this.#sample.set(probabilities.subarray(begin, begin + classes), this.#rows.length * classes)
      this.#rows.push(i)
    }
  }

  /**
   * Fits a noise model to each group. Networks are surer of what they trained on, so all share the sharpness that
   * examples out of sample have, where there are any.
   */
  fit(): void {
    const { classes, group, outOfSample } = this.#options
    const unseen = this.#examplesOf(i => outOfSample === undefined || outOfSample[i] === 1)
    const shared = unseen.labels.length > 0 ? fitNoiseModel(unseen, classes) : undefined
    this.#models = this.joint.map((_, g) =>
      shared !== undefined && this.#groups === 1 && unseen.labels.length === this.#rows.length
        ? shared
        : fitNoiseModel(
            this.#examplesOf(i => group === undefined || group[i] === g),
            classes,
            shared?.sharpness,
          ),
    )
  }

  #examplesOf(isChosen: (example: number) => boolean): LabeledProbabilities {
    const { labels, classes } = this.#options
    const places = Array.from(this.#rows.keys()).filter(place => isChosen(this.#rows[place]))
    const probabilities = new Float32Array(places.length * classes)
    for (const [k, place] of places.entries()) {
      probabilities.set(this.#sample.subarray(place * classes, (place + 1) * classes), k * classes)
    }
    return { probabilities, labels: Int32Array.from(places, place => labels[this.#rows[place]]) }
  }

  /** Judges the next examples, from the first on once more. */
  judge(probabilities: Float32Array): void {
    const { labels, classes, group } = this.#options
    const end = this.#judged + probabilities.length / classes
    while (this.#judged < end) {
      const first = this.#judged
      const own = group?.[first] ?? 0
      let last = first
      while (last < end && (group?.[last] ?? 0) === own) last++
      const begin = probabilities.length - (end - first) * classes
      judgeLabels(
        this.#models[own],
        probabilities.subarray(begin, begin + (last - first) * classes),
        labels.subarray(first, last),
        this.judgement,
        first,
        this.joint[own],
      )
      this.#judged = last
    }
  }

  /** Estimated number of wrong labels: what `joint` holds beside its diagonals. */
  wrongLabels(): number {
    const { classes } = this.#options
    return this.joint.reduce((sum, joint) => sum + offDiagonal(joint, classes), 0)
  }
}

/** Sum of a square matrix beside its diagonal. */
function offDiagonal(matrix: Float64Array, size: number): number {
  let sum = 0
  for (let at = 0; at < matrix.length; at++) if (at % (size + 1) !== 0) sum += matrix[at]
  return sum
}
