/**
 * Label quality of a data set whose predictions come in portions, in one pass over them.
 *
 * ```ts
 * const labels = new LabelQuality({ labels, classes, group, outOfSample })
 * for (const portion of portions) labels.add(portion)
 * labels.judge()
 * const { quality } = labels.judgement
 * ```
 */
import { anchorCounts, anchoredCount, anchoredTransition } from './anchor-points.js'
import { type LeadingClasses, takeProbabilities, unknownClasses } from './leading-classes.js'
import {
  emptyJudgement,
  fitNoiseModel,
  type JointCounts,
  judgeLabels,
  type LabelJudgement,
  type NoiseModel,
  noCounts,
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

/** Examples of a group that sharpness is fitted to, at most: more change nothing. */
const sampleSize = 2 ** 15

export class LabelQuality {
  readonly judgement: LabelJudgement
  readonly joint: JointCounts
  readonly #options: LabelQualityOptions
  readonly #leading: LeadingClasses
  #added = 0

  constructor(options: LabelQualityOptions) {
    const { labels, classes, group } = options
    this.#options = options
    this.#leading = unknownClasses(labels, classes)
    const groups = group === undefined ? 1 : group.reduce((most, value) => Math.max(most, value), 0) + 1
    this.judgement = emptyJudgement(labels.length)
    this.joint = noCounts(groups, classes)
  }

  /** Takes up the next examples. @param probabilities their mean class probabilities, [block, classes] */
  add(probabilities: Float32Array | Float64Array): void {
    takeProbabilities(this.#leading, this.#added, probabilities)
    this.#added += probabilities.length / this.#options.classes
  }

  /** Judges all labels, when every example is there. */
  judge(): void {
    const { labels, group, outOfSample } = this.#options
    if (outOfSample !== undefined) {
      const trained = outOfSample.map(flag => 1 - flag)
      removeOwnLabels(this.#leading, trained, ownLabelInfluence(this.#leading, trained))
    }
    const models = this.joint.map((_, of) => fitGroup(this.#leading, of, group))
    judgeLabels(models, this.#leading, group, [0, labels.length], this.judgement, this.joint)
  }

  /** Estimated number of wrong labels: what `joint` holds beside its diagonals. */
  wrongLabels(): number {
    const { classes } = this.#options
    return this.joint.reduce((sum, joint) => sum + offDiagonal(joint, classes), 0)
  }
}

/** The noise model of one group's labels. */
export function fitGroup(leading: LeadingClasses, of: number, group?: Uint8Array): NoiseModel {
  const { classes, labels, givenP, rivals, rival, rivalP } = leading
  const rows = Int32Array.from(labels.keys()).filter(
    i => (group === undefined || group[i] === of) && !Number.isNaN(givenP[i]),
  )
  const given = rows.map(i => labels[i])
  const anchors = anchorCounts(
    Float32Array.from(rows, i => Math.max(givenP[i], rivalP[i * rivals])),
    rows.map(i => (rivalP[i * rivals] > givenP[i] ? rival[i * rivals] : labels[i])),
    given,
    classes,
  )
  const stride = Math.ceil(rows.length / sampleSize)
  return fitNoiseModel(
    leading,
    rows.filter((_, k) => k % stride === 0),
    anchoredTransition(anchors, classes),
    rows.length === 0 ? 0 : anchoredCount(anchors, given, classes) / rows.length,
  )
}

/** Sum of a square matrix beside its diagonal. */
function offDiagonal(matrix: Float64Array, size: number): number {
  let sum = 0
  for (let at = 0; at < matrix.length; at++) if (at % (size + 1) !== 0) sum += matrix[at]
  return sum
}
