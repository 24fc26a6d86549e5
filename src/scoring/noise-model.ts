/**
 * What the members' probabilities say about the true labels behind the given ones, under a model of the noise.
 *
 * The given label y of an example x of class t comes from row t of a noise matrix T. The networks have seen such labels
 * only, so what they say is taken as the mixture p(x)^β ∝ Σ_t q_t(x) T_ty, where q are the probabilities of the true
 * classes and β sharpens what label smoothing and averaging have blurred. T is that of the anchor points; q is brought
 * out of the mixture by a few of Richardson's and Lucy's steps (Richardson 1972; the forward counterpart of Patrini et
 * al. 2017, eq. 5), stopped early as that keeps it from fitting noise; β is the one under which the given labels are
 * most likely, P(y | x) = Σ_t q_t T_ty. No true label is looked at.
 */
import { ClassMixture } from './class-mixture.js'
import type { LeadingClasses } from './leading-classes.js'

export interface NoiseModel {
  readonly classes: number
  /** β: the power to which mean probabilities are raised. */
  readonly sharpness: number
  /** T: probability of each given label (column) for each true one (row), [classes, classes]. */
  readonly transition: Float64Array
  /** Factor on the odds of any other class than the given one, so that the expected wrong labels are as many as told. */
  readonly doubt: number
}

/** The logarithm of β has a standard normal prior, and stays within these bounds. */
const sharpnessRange = [0.25, 8] as const
const searchSteps = 9
/** Examples of the sample that β is fitted to, at most. */
const sharpnessSample = 2 ** 13
const bisections = 30
/** Bounds of the logarithm of {@link NoiseModel.doubt}. */
const largestDoubt = 8

/**
 * Fits the noise model to a noise matrix that is known.
 *
 * Members' doubts tell how many labels are wrong, which is too few where they have learned the noise; the anchors tell
 * it as well, which is too few where hard examples are mislabeled more often than easy ones. Neither is expected to
 * tell too many, so the larger one is taken.
 *
 * @param sample examples to fit to, whose probabilities are known
 * @param leastShare share of wrong labels by the anchors, or by other evidence than these probabilities
 */
export function fitNoiseModel(
  leading: LeadingClasses,
  sample: Int32Array,
  transition: Float64Array,
  leastShare: number,
): NoiseModel {
  const { classes } = leading
  const mixture = new ClassMixture(transition, classes)
  const stride = Math.ceil(sample.length / sharpnessSample)
  const likelihoodAt = (logSharpness: number): number => {
    let likelihood = 0
    mixture.sharpen(Math.exp(logSharpness))
    for (let k = 0; k < sample.length; k += stride) {
      mixture.separate(leading, sample[k])
      likelihood += Math.log(mixture.likelihood())
    }
    return likelihood - logSharpness ** 2 / 2
  }
  const sharpness = Math.exp(
    highestPoint(likelihoodAt, Math.log(sharpnessRange[0]), Math.log(sharpnessRange[1]), searchSteps),
  )
  mixture.sharpen(sharpness)
  const wrongOdds = Float64Array.from(sample, i => {
    mixture.separate(leading, i)
    return mixture.likelihood() / mixture.likelihoodOf(0) - 1
  })
  return { classes, sharpness, transition, doubt: doubtFor(wrongOdds, leastShare * sample.length) }
}

/** The least factor ≥ 1 on the odds with which at least `count` are expected to be wrong. */
function doubtFor(wrongOdds: Float64Array, count: number): number {
  const isShort = (doubt: number) =>
    wrongOdds.reduce((sum, odds) => sum + (doubt * odds) / (1 + doubt * odds), 0) < count
  let [low, high] = [0, largestDoubt]
  if (!isShort(1)) return 1
  for (let step = 0; step < bisections; step++) {
    const middle = (low + high) / 2
    if (isShort(Math.exp(middle))) low = middle
    else high = middle
  }
  return Math.exp(low)
}

/** Where a function with one peak is highest, by golden-section search (Kiefer 1953). */
function highestPoint(valueAt: (x: number) => number, low: number, high: number, steps: number): number {
  const golden = (Math.sqrt(5) - 1) / 2
  let [left, right] = [high - golden * (high - low), low + golden * (high - low)]
  let [atLeft, atRight] = [valueAt(left), valueAt(right)]
  for (let step = 2; step < steps; step++) {
    if (atLeft > atRight) {
      high = right
      right = left
      atRight = atLeft
      left = high - golden * (high - low)
      atLeft = valueAt(left)
    } else {
      low = left
      left = right
      atLeft = atRight
      right = low + golden * (high - low)
      atRight = valueAt(right)
    }
  }
  return atLeft > atRight ? left : right
}

/**
 * Weight of the hypothesis that an example belongs to no class, against 1 for a certain prediction. Such an example
 * has a given label like any other, and leaves the networks without an answer: where no power p^β comes near this
 * weight, it is the likeliest explanation.
 */
const noClassWeight = 0.02

/** What kind of thing a doubtful label is, by how the sharpened probabilities are spread. */
export const issueKinds = ['wrong label', 'ambiguous', 'no class'] as const
export type IssueKind = (typeof issueKinds)[number]

/** Share of one class from which the example is clearly of it, and of the best two from which it is one of them. */
const clearShare = 0.5
const pairShare = 0.75

/** What the model says of every label, [examples] each; filled by {@link judgeLabels} some examples at a time. */
export interface LabelJudgement {
  /** Probability that the given label is right, 0 to 1. */
  readonly quality: Float32Array
  /** The most likely class beside the given one. */
  readonly rival: Int32Array
  /** Probability that it is the true class. */
  readonly rivalP: Float32Array
  /** Index into {@link issueKinds}: what the label is, if it is an issue. */
  readonly kind: Uint8Array
  /** Whether no class has a higher mean probability than the given one. */
  readonly agrees: Uint8Array
}

/** @param memory of so many bytes, all zero; shared between threads, for one */
export function emptyJudgement(
  examples: number,
  memory: (bytes: number) => ArrayBufferLike = bytes => new ArrayBuffer(bytes),
): LabelJudgement {
  return {
    quality: new Float32Array(memory(4 * examples)),
    rival: new Int32Array(memory(4 * examples)),
    rivalP: new Float32Array(memory(4 * examples)),
    kind: new Uint8Array(memory(examples)),
    agrees: new Uint8Array(memory(examples)),
  }
}

/** Expected examples of each pair of given (row) and true class (column), by group, [classes, classes] each. */
export type JointCounts = readonly Float64Array[]

export const noCounts = (groups: number, classes: number): JointCounts =>
  Array.from({ length: groups }, () => new Float64Array(classes * classes))

/**
 * Counts go in steps of this: their sums are exact then, up to 33 million examples of a pair, and the same in whatever
 * order they are taken.
 */
const countStep = 2 ** -28
const counted = (share: number): number => Math.round(share / countStep) * countStep

/**
 * Judges the labels of some consecutive examples, and adds up how many of them, by expectation, are of each pair of
 * given and true class.
 *
 * Quality is P(true = given | x, given) ∝ q_y T_yy against the sum over all classes and the hypothesis of no class.
 * `joint` leaves that hypothesis out: its weight is a convention, and counts should come from the labels alone.
 *
 * What the rival's share of a wrong label is goes by the example alone, P(some class | x) = Σ p^β / (Σ p^β + w): were
 * the given label counted there as well, any mislabeling rarer than w / classes would make the example one of no class.
 *
 * @param models that of each group @param group of each example, [examples]; all are of the first when absent
 * @param leading an example of which nothing is known has quality NaN
 * @param joint of each group
 */
export function judgeLabels(
  models: readonly NoiseModel[],
  leading: LeadingClasses,
  group: Uint8Array | undefined,
  [from, to]: readonly [from: number, to: number],
  judgement: LabelJudgement,
  joint: JointCounts,
): void {
  const { classes, labels, givenP, rivals } = leading
  const mixtures = models.map(({ transition, sharpness }) => {
    const mixture = new ClassMixture(transition, classes)
    mixture.sharpen(sharpness)
    return mixture
  })
  for (let i = from; i < to; i++) {
    const given = labels[i]
    const of = group === undefined ? 0 : group[i]
    judgement.agrees[i] = leading.rivalP[i * rivals] > givenP[i] ? 0 : 1
    if (Number.isNaN(givenP[i])) {
      judgement.quality[i] = Number.NaN
      judgement.rivalP[i] = Number.NaN
      judgement.rival[i] = given === 0 ? 1 : 0
      continue
    }
    const mixture = mixtures[of]
    const { doubt } = models[of]
    const counts = joint[of]
    const answered = mixture.separate(leading, i)
    const { support, share, size } = mixture
    const own = mixture.likelihoodOf(0)
    const wrong = mixture.likelihood() - own
    const total = own + doubt * wrong
    const none = noClassWeight / classes / answered
    let rival = given === 0 ? 1 : 0
    let rivalPart = 0
    let [highest, second] = [share[0], 0]
    let named = 0
    for (let s = 1; s < size; s++) {
      if (share[s] > highest) {
        second = highest
        highest = share[s]
      } else if (share[s] > second) second = share[s]
      const part = mixture.likelihoodOf(s)
      named += part
      if (part > rivalPart) {
        rival = support[s]
        rivalPart = part
      }
    }
    const right = own / total
    counts[given * (classes + 1)] += named > 0 ? counted(right) : 1
    for (let s = 1; s < size && named > 0; s++) {
      counts[given * classes + support[s]] += counted(((1 - right) * mixture.likelihoodOf(s)) / named)
    }
    judgement.quality[i] = own / (total + none)
    judgement.rival[i] = rival
    judgement.rivalP[i] =
      rivalPart === 0
        ? 0
        : (((1 - judgement.quality[i]) * rivalPart) / wrong) * (answered / (answered + noClassWeight))
    judgement.kind[i] = highest >= clearShare ? 0 : highest + second >= pairShare ? 1 : 2
  }
}
