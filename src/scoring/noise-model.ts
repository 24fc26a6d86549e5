/**
 * What the members' probabilities say about the true labels behind the given ones, under a model of the noise.
 *
 * The true class t of an example x has probability ∝ p_t(x)^β, where p is the mean of the members and β sharpens what
 * label smoothing and averaging have blurred; the given label then comes from row t of a noise matrix T. So
 * P(given = y | x) = Σ_t p_t(x)^β T_ty / Σ_t p_t(x)^β: the noise layer of Sukhbaatar et al. (2015, arXiv 1406.2080) put
 * behind networks that are trained already. β and T are those under which the given labels are most likely: T by
 * expectation maximization (Dawid and Skene 1979), β by a search along a line. No true label is looked at.
 */

export interface NoiseModel {
  readonly classes: number
  /** β: the power to which mean probabilities are raised. */
  readonly sharpness: number
  /** T: probability of each given label (column) for each true one (row), [classes, classes]. */
  readonly transition: Float64Array
}

/** Examples to fit to. */
export interface LabeledProbabilities {
  /** Mean class probabilities, [examples, classes]. */
  readonly probabilities: Float32Array
  /** Given labels, [examples]. */
  readonly labels: Int32Array
}

/** Below this a probability counts as this: what is impossible to a network need not be so. */
const least = 1e-9

/** Examples that each row of T is worth beforehand, spread as if noise were symmetric. */
const rowPrior = 30
/** Beta prior of the share of wrong labels: 1 in 20. */
const wrongPrior = { wrong: 1, all: 20 }
/** The logarithm of β has a standard normal prior, and stays within these bounds. */
const sharpnessRange = [0.25, 8] as const

const searchSteps = 9
const searchIterations = 10
const lastIterations = 30

/**
 * Fits the noise model. Few examples leave it near its prior: symmetric noise of 5 %, β = 1.
 *
 * @param sharpness β where it is known, such as from examples that are out of sample
 * @param classes ≥ 2
 */
export function fitNoiseModel(
  { probabilities, labels }: LabeledProbabilities,
  classes: number,
  sharpness?: number,
): NoiseModel {
  const logs = probabilities.map(p => Math.log(Math.max(p, least)))
  const powers = new Float32Array(logs.length)
  const transition = symmetricNoise(classes, wrongPrior.wrong / wrongPrior.all)
  const likelihoodAt = (logSharpness: number): number => {
    raise(logs, classes, Math.exp(logSharpness), powers)
    let likelihood = 0
    for (let i = 0; i < searchIterations; i++) likelihood = improve(powers, labels, classes, transition)
    return likelihood - logSharpness ** 2 / 2
  }
  const best =
    sharpness ??
    Math.exp(
      highestPoint(likelihoodAt, Math.log(sharpnessRange[0]), Math.log(sharpnessRange[1]), searchSteps),
    )
  raise(logs, classes, best, powers)
  for (let i = 0; i < lastIterations; i++) improve(powers, labels, classes, transition)
  return { classes, sharpness: best, transition }
}

function symmetricNoise(classes: number, wrong: number): Float64Array {
  const transition = new Float64Array(classes * classes).fill(wrong / (classes - 1))
  for (let t = 0; t < classes; t++) transition[t * classes + t] = 1 - wrong
  return transition
}

/** p^β, each row scaled to sum to 1. */
function raise(logs: Float32Array, classes: number, sharpness: number, powers: Float32Array): void {
  for (let begin = 0; begin < logs.length; begin += classes) {
    let highest = logs[begin]
    for (let at = begin + 1; at < begin + classes; at++) if (logs[at] > highest) highest = logs[at]
    let sum = 0
    for (let at = begin; at < begin + classes; at++) {
      powers[at] = Math.exp(sharpness * (logs[at] - highest))
      sum += powers[at]
    }
    for (let at = begin; at < begin + classes; at++) powers[at] /= sum
  }
}

/** One step of expectation maximization on T, in place. @returns the log likelihood of the given labels before it */
function improve(
  powers: Float32Array,
  labels: Int32Array,
  classes: number,
  transition: Float64Array,
): number {
  const counts = new Float64Array(classes * classes)
  const posterior = new Float64Array(classes)
  let likelihood = 0
  for (let i = 0, begin = 0; i < labels.length; i++, begin += classes) {
    const given = labels[i]
    let sum = 0
    for (let t = 0; t < classes; t++) {
      posterior[t] = powers[begin + t] * transition[t * classes + given]
      sum += posterior[t]
    }
    likelihood += Math.log(sum)
    for (let t = 0; t < classes; t++) counts[t * classes + given] += posterior[t] / sum
  }
  let right = 0
  for (let t = 0; t < classes; t++) right += counts[t * classes + t]
  const wrong = (labels.length - right + wrongPrior.wrong) / (labels.length + wrongPrior.all)
  for (let t = 0; t < classes; t++) {
    const row = t * classes
    let sum = rowPrior
    for (let y = 0; y < classes; y++) sum += counts[row + y]
    for (let y = 0; y < classes; y++) {
      const prior = y === t ? 1 - wrong : wrong / (classes - 1)
      transition[row + y] = (counts[row + y] + rowPrior * prior) / sum
    }
  }
  return likelihood
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
  /** Its probability. */
  readonly rivalP: Float32Array
  /** Index into {@link issueKinds}: what the label is, if it is an issue. */
  readonly kind: Uint8Array
  /** Whether no class has a higher mean probability than the given one. */
  readonly agrees: Uint8Array
}

export function emptyJudgement(examples: number): LabelJudgement {
  return {
    quality: new Float32Array(examples),
    rival: new Int32Array(examples),
    rivalP: new Float32Array(examples),
    kind: new Uint8Array(examples),
    agrees: new Uint8Array(examples),
  }
}

/**
 * Judges the labels of the examples from `first` on, and adds to `joint` how many of them, by expectation, are of each
 * pair of given (row) and true class (column), [classes, classes].
 *
 * Quality is P(true = given | x, given) ∝ p_y^β T_yy against the sum over all classes and the hypothesis of no class.
 * `joint` leaves that hypothesis out: its weight is a convention, and counts should come from the labels alone.
 *
 * @param probabilities mean class probabilities of these examples, [block, classes]; a row of NaN gives quality NaN
 * @param labels their given labels, [block]
 */
export function judgeLabels(
  { classes, sharpness, transition }: NoiseModel,
  probabilities: Float32Array,
  labels: Int32Array,
  judgement: LabelJudgement,
  first: number,
  joint: Float64Array,
): void {
  const none = noClassWeight / classes
  const posterior = new Float64Array(classes)
  for (let k = 0, begin = 0; k < labels.length; k++, begin += classes) {
    const i = first + k
    const given = labels[k]
    let spread = 0
    let highest = 0
    let second = 0
    let total = 0
    let rival = given === 0 ? 1 : 0
    let agrees = 1
    for (let t = 0; t < classes; t++) {
      const p = probabilities[begin + t]
      const power = Math.max(p, least) ** sharpness
      spread += power
      if (power > highest) {
        second = highest
        highest = power
      } else if (power > second) second = power
      posterior[t] = power * transition[t * classes + given]
      total += posterior[t]
      if (t !== given && posterior[t] > posterior[rival]) rival = t
      if (p > probabilities[begin + given]) agrees = 0
    }
    judgement.quality[i] = posterior[given] / (total + none)
    judgement.rival[i] = rival
    judgement.rivalP[i] = posterior[rival] / (total + none)
    judgement.kind[i] = highest >= clearShare * spread ? 0 : highest + second >= pairShare * spread ? 1 : 2
    judgement.agrees[i] = agrees
    if (Number.isNaN(total)) continue
    for (let t = 0; t < classes; t++) joint[given * classes + t] += posterior[t] / total
  }
}
