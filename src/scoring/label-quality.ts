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
import { anchorCounts, anchoredCount, anchoredTransition } from './anchor-points.js'
import { LeadingClasses } from './leading-classes.js'
import {
  emptyJudgement,
  fitNoiseModel,
  judgeLabels,
  type LabeledProbabilities,
  type LabelJudgement,
  type NoiseModel,
} from './noise-model.js'
import { ownLabelInfluence, removeOwnLabels } from './own-label.js'

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

/** Values of the sample that sharpness is fitted to, at most: beyond fifty thousand examples, more change nothing. */
const sampleValues = 2 ** 19

export class LabelQuality {
  readonly judgement: LabelJudgement
  /** Expected examples of each pair of given (row) and true class (column), by group, [classes, classes] each. */
  readonly joint: readonly Float64Array[]
  readonly #options: LabelQualityOptions
  /** Every how many-th example is in the sample. */
  readonly #stride: number
  readonly #rows: number[] = []
  readonly #sample: Float32Array
  readonly #leading: LeadingClasses
  /** 1 where members judge that trained on the example, [examples]. */
  readonly #trained: Uint8Array
  /** What their own labels have added to the probabilities of these examples. */
  #influence = 0
  #models: NoiseModel[] = []
  #sampled = 0
  #judged = 0

  constructor(options: LabelQualityOptions) {
    const { labels, classes, group, outOfSample } = options
    this.#options = options
    this.#stride = Math.ceil((labels.length * classes) / sampleValues)
    this.#sample = new Float32Array(Math.ceil(labels.length / this.#stride) * classes)
    this.#leading = new LeadingClasses(labels.length)
    this.#trained = outOfSample?.map(flag => 1 - flag) ?? new Uint8Array(labels.length)
    const groups = group === undefined ? 1 : group.reduce((most, value) => Math.max(most, value), 0) + 1
    this.judgement = emptyJudgement(labels.length)
    this.joint = Array.from({ length: groups }, () => new Float64Array(classes * classes))
  }

  /** Takes notice of the next examples. @param probabilities their mean class probabilities, [block, classes] */
  sample(probabilities: Float32Array): void {
    const { labels, classes } = this.#options
    const first = this.#sampled
    this.#sampled += probabilities.length / classes
    this.#leading.add(first, probabilities, labels.subarray(first, this.#sampled), classes)
    const next = Math.ceil(first / this.#stride) * this.#stride
    for (let i = next; i < this.#sampled; i += this.#stride) {
      const begin = (i - first) * classes
      if (Number.isNaN(probabilities[begin])) continue
      this.#sample.set(probabilities.subarray(begin, begin + classes), this.#rows.length * classes)
      this.#rows.push(i)
    }
  }

  /** Fits a noise model to each group. */
  fit(): void {
    this.#influence = ownLabelInfluence(this.#leading, this.#trained)
    this.#models = this.joint.map((_, group) => this.#fitGroup(group))
  }

  #fitGroup(group: number): NoiseModel {
    const { labels, classes, group: groups } = this.#options
    const leading = this.#leading
    let count = 0
    const all = {
      confidence: new Float32Array(labels.length),
      predicted: new Int32Array(labels.length),
      given: new Int32Array(labels.length),
    }
    for (let i = 0; i < labels.length; i++) {
      if ((groups !== undefined && groups[i] !== group) || Number.isNaN(leading.givenP[i])) continue
      const signed = this.#signedConfidence(i)
      all.confidence[count] = Math.abs(signed)
      all.predicted[count] = signed > 0 ? labels[i] : leading.rival[i]
      all.given[count++] = labels[i]
    }
    const given = all.given.subarray(0, count)
    const anchors = anchorCounts(
      all.confidence.subarray(0, count),
      all.predicted.subarray(0, count),
      given,
      classes,
    )
    return fitNoiseModel(
      this.#sampleOf(group),
      anchoredTransition(anchors, classes),
      classes,
      count === 0 ? 0 : anchoredCount(anchors, given, classes) / count,
    )
  }

  #signedConfidence(example: number): number {
    return this.#leading.signedConfidence(example, this.#trained[example] ? this.#influence : 0)
  }

  #sampleOf(group: number): LabeledProbabilities {
    const { labels, classes, group: groups } = this.#options
    const places = Array.from(this.#rows.keys()).filter(place => (groups?.[this.#rows[place]] ?? 0) === group)
    const probabilities = new Float32Array(places.length * classes)
    for (const [k, place] of places.entries()) {
      probabilities.set(this.#sample.subarray(place * classes, (place + 1) * classes), k * classes)
    }
    const rows = places.map(place => this.#rows[place])
    const given = Int32Array.from(rows, i => labels[i])
    const trained = Uint8Array.from(rows, i => this.#trained[i])
    removeOwnLabels(probabilities, given, trained, classes, this.#influence)
    return { probabilities, labels: given }
  }

  /** Judges the next examples, from the first on once more. */
  judge(probabilities: Float32Array): void {
    const { labels, classes, group } = this.#options
    const begin = this.#judged
    const end = begin + probabilities.length / classes
    const own = this.#influence === 0 ? probabilities : probabilities.slice()
    removeOwnLabels(
      own,
      labels.subarray(begin, end),
      this.#trained.subarray(begin, end),
      classes,
      this.#influence,
    )
    while (this.#judged < end) {
      const first = this.#judged
      const of = group?.[first] ?? 0
      let last = first
      while (last < end && (group?.[last] ?? 0) === of) last++
      judgeLabels(
        this.#models[of],
        own.subarray((first - begin) * classes, (last - begin) * classes),
        labels.subarray(first, last),
        this.judgement,
        first,
        this.joint[of],
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
