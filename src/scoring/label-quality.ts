/**
 * Label quality of a data set whose predictions come in portions, in one pass over them.
 *
 * Members that learned a label are too sure of it for it to be counted by them, and yet, where most members learned
 * every label, they tell apart right ones from wrong ones better than the few that did not: those are fewer, and each
 * has learned from less. So how many labels are wrong is told by members out of sample, and which by all.
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

/** Examples of a group that its model is fitted to, at most: more change nothing. */
const sampleSize = 2 ** 15

export class LabelQuality {
  readonly judgement: LabelJudgement
  readonly joint: JointCounts
  readonly #options: LabelQualityOptions
  readonly #leading: LeadingClasses
  /** The same of all members; undefined where they are those that count. */
  #ranking: LeadingClasses | undefined
  #added = 0

  constructor(options: LabelQualityOptions) {
    const { labels, classes, group } = options
    this.#options = options
    this.#leading = unknownClasses(labels, classes)
    const groups = group === undefined ? 1 : group.reduce((most, value) => Math.max(most, value), 0) + 1
    this.judgement = emptyJudgement(labels.length)
    this.joint = noCounts(groups, classes)
  }

  /**
   * Takes up the next examples.
   * @param probabilities their mean class probabilities, [block, classes], of members out of sample where there are any
   * @param ranking those of all members, where others than these have something to say; with all examples or with none
   */
  add(probabilities: Float32Array | Float64Array, ranking?: Float32Array | Float64Array): void {
    const { labels, classes } = this.#options
    takeProbabilities(this.#leading, this.#added, probabilities)
    if (ranking !== undefined) {
      this.#ranking ??= unknownClasses(labels, classes)
      takeProbabilities(this.#ranking, this.#added, ranking)
    }
    this.#added += probabilities.length / classes
  }

  /** Judges all labels, when every example is there. */
  judge(): void {
    const { labels, classes, group, outOfSample } = this.#options
    const all = [0, labels.length] as const
    if (outOfSample !== undefined) {
      const trained = outOfSample.map(flag => 1 - flag)
      const influence = ownLabelInfluence(this.#leading, trained)
      removeOwnLabels(this.#leading, trained, influence)
      if (this.#ranking !== undefined) removeOwnLabels(this.#ranking, trained, influence)
    }
    const models = this.joint.map((_, of) => fitGroup(this.#leading, of, group))
    judgeLabels(models, this.#leading, group, all, this.judgement, this.joint)
    const ranking = this.#ranking
    if (ranking === undefined) return
    const rankingModels = this.joint.map((counts, of) =>
      fitGroup(ranking, of, group, wrongShare(counts, classes)),
    )
    judgeLabels(rankingModels, ranking, group, all, this.judgement, noCounts(rankingModels.length, classes))
  }

  wrongLabels(): number {
    return wrongLabels(this.joint, this.#options.classes)
  }
}

/**
 * The noise model of one group's labels.
 * @param leastShare of wrong labels, by better evidence than these probabilities; that of the anchors when absent
 */
export function fitGroup(
  leading: LeadingClasses,
  of: number,
  group?: Uint8Array,
  leastShare?: number,
): NoiseModel {
  const { classes, labels, givenP, rivals, rival, rivalP } = leading
  const known = (i: number) => (group === undefined || group[i] === of) && !Number.isNaN(givenP[i])
  let count = 0
  for (let i = 0; i < labels.length; i++) if (known(i)) count++
  const given = new Int32Array(count)
  const predicted = new Int32Array(count)
  const confidence = new Float32Array(count)
  const stride = Math.ceil(count / sampleSize)
  const sample: number[] = []
  for (let i = 0, k = 0; i < labels.length; i++) {
    if (!known(i)) continue
    const first = i * rivals
    const agrees = givenP[i] >= rivalP[first]
    given[k] = labels[i]
    predicted[k] = agrees ? labels[i] : rival[first]
    confidence[k] = agrees ? givenP[i] : rivalP[first]
    if (k++ % stride === 0) sample.push(i)
  }
  const anchors = anchorCounts(confidence, predicted, given, classes)
  return fitNoiseModel(
    leading,
    Int32Array.from(sample),
    anchoredTransition(anchors, classes),
    leastShare ?? (count === 0 ? 0 : anchoredCount(anchors, given, classes) / count),
  )
}

/** Estimated number of wrong labels: what the counts hold beside their diagonals. */
export function wrongLabels(joint: JointCounts, classes: number): number {
  let sum = 0
  for (const counts of joint) {
    for (let at = 0; at < counts.length; at++) if (at % (classes + 1) !== 0) sum += counts[at]
  }
  return sum
}

/** The same as a share of a group's labels, 0 where it has none. */
function wrongShare(counts: Float64Array, classes: number): number {
  const labels = counts.reduce((sum, count) => sum + count, 0)
  return labels === 0 ? 0 : wrongLabels([counts], classes) / labels
}
