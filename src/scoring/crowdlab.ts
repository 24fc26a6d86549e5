/**
 * Consensus of several annotators and a model, how far to trust it, and how good each annotator is: CROWDLAB (Goh,
 * Tkachenko and Mueller 2022, arXiv 2210.06812). Annotators and model are predictors whose weights say how much
 * better than the most frequent class each of them predicts what the others say.
 */
import {
  type Annotations,
  agreementAmongAnnotators,
  agreementWith,
  examplesOf,
  majorityVote,
} from './annotations.js'

/** What of a model's predictions the consensus needs, taken up in portions. */
export class CrowdPredictions {
  /** Probability of each label that an annotator gave, [labels]. */
  readonly given: Float32Array
  /** The most likely class and its probability, [examples]. */
  readonly top: Int32Array
  readonly topP: Float32Array
  readonly #annotations: Annotations
  #examples = 0

  constructor(annotations: Annotations) {
    this.#annotations = annotations
    this.given = new Float32Array(annotations.label.length)
    this.top = new Int32Array(examplesOf(annotations))
    this.topP = new Float32Array(examplesOf(annotations))
  }

  /** Takes up the next examples. @param probabilities out of sample, [block, classes] */
  add(probabilities: Float32Array, classes: number): void {
    const { begin, label } = this.#annotations
    for (let row = 0; row < probabilities.length; row += classes, this.#examples++) {
      const i = this.#examples
      let top = 0
      for (let c = 1; c < classes; c++) if (probabilities[row + c] > probabilities[row + top]) top = c
      this.top[i] = top
      this.topP[i] = probabilities[row + top]
      for (let a = begin[i]; a < begin[i + 1]; a++) this.given[a] = probabilities[row + label[a]]
    }
  }
}

export interface Consensus {
  /** [examples] */
  readonly label: Int32Array
  /** Probability that it is right, by annotators and model, 0 to 1, [examples]. */
  readonly quality: Float32Array
  /** Share of the example's annotators who gave it, 0 to 1, [examples]. */
  readonly agreement: Float32Array
  /** What most annotators say, ties broken by the model, [examples]. */
  readonly majority: Int32Array
  /** By their number. */
  readonly annotators: readonly AnnotatorQuality[]
  /** Weight of the model beside the {@link AnnotatorQuality.weight} of each annotator. */
  readonly modelWeight: number
}

export interface AnnotatorQuality {
  /** Labels given. */
  readonly labels: number
  /** Estimated share of them that is right, 0 to 1. */
  readonly quality: number
  /** Share of them that is the consensus, 0 to 1. */
  readonly agreement: number
  readonly weight: number
}

/** Floor of weights and of the error of the most frequent class, so that none is negative and all can divide. */
const least = 1e-6

/**
 * @returns undefined where no example has labels of two annotators: nothing tells then how good they are
 */
export function crowdlab(
  annotations: Annotations,
  predictions: CrowdPredictions,
  classes: number,
): Consensus | undefined {
  const among = agreementAmongAnnotators(annotations)
  if (among === undefined) return undefined
  const majority = majorityVote(annotations, predictions.given)
  const first = weigh(annotations, predictions, majority, among, classes)
  const label = mostLikely(annotations, predictions, majority, first)
  // Weights are held against the consensus, which has changed.
  const weights = weigh(annotations, predictions, label, among, classes)
  return {
    label,
    quality: Float32Array.from(label, (own, i) => posterior(annotations, predictions, weights, i, own)),
    agreement: agreementWith(annotations, label),
    majority,
    annotators: judgeAnnotators(annotations, predictions, weights, label),
    modelWeight: weights.model,
  }
}

interface Weights {
  readonly model: number
  /** [annotators] */
  readonly annotators: Float64Array
  /** Probability that an annotator gives the consensus, and each of the other classes. */
  readonly likelihood: number
  readonly otherwise: number
}

/** Section 3.1 of the paper: all from examples with two labels or more. */
function weigh(
  annotations: Annotations,
  { top }: CrowdPredictions,
  consensus: Int32Array,
  among: Float64Array,
  classes: number,
): Weights {
  const agreement = agreementWith(annotations, consensus)
  const { begin } = annotations
  const counts = new Float64Array(classes)
  let [shared, agreeing, modelErrors] = [0, 0, 0]
  for (let i = 0; i < consensus.length; i++) {
    if (begin[i + 1] - begin[i] < 2) continue
    shared++
    agreeing += agreement[i]
    counts[consensus[i]]++
    if (top[i] !== consensus[i]) modelErrors++
  }
  const baseline = Math.max(least, 1 - counts.reduce((most, count) => Math.max(most, count), 0) / shared)
  const skill = (error: number) => Math.max(least, 1 - error / baseline)
  const likelihood = agreeing / shared
  return {
    model: skill(modelErrors / shared) * Math.sqrt(annotations.label.length / consensus.length),
    annotators: among.map(agreement => skill(1 - agreement)),
    likelihood,
    otherwise: (1 - likelihood) / (classes - 1),
  }
}

/** Probability of a class that an annotator gave or that the model finds most likely; equation 2 of the paper. */
function posterior(
  { begin, annotator, label }: Annotations,
  { given, top, topP }: CrowdPredictions,
  weights: Weights,
  example: number,
  own: number,
): number {
  let p = top[example] === own ? topP[example] : 0
  let [sum, total] = [0, weights.model]
  for (let a = begin[example]; a < begin[example + 1]; a++) {
    if (label[a] === own) p = given[a]
    const weight = weights.annotators[annotator[a]]
    sum += weight * (label[a] === own ? weights.likelihood : weights.otherwise)
    total += weight
  }
  return (sum + weights.model * p) / total
}

/**
 * The class of the highest posterior, equal ones by the majority. A class that nobody gave gains from the model
 * alone, so that only the model's first choice among these can win.
 */
function mostLikely(
  annotations: Annotations,
  predictions: CrowdPredictions,
  majority: Int32Array,
  weights: Weights,
): Int32Array {
  const { begin, label } = annotations
  return majority.map((most, i) => {
    let best = most
    let highest = posterior(annotations, predictions, weights, i, most)
    const challenge = (own: number) => {
      const p = posterior(annotations, predictions, weights, i, own)
      if (p > highest) [best, highest] = [own, p]
    }
    for (let a = begin[i]; a < begin[i + 1]; a++) challenge(label[a])
    challenge(predictions.top[i])
    return best
  })
}

/** Section 3.3 of the paper; whoever shares no example is judged by the quality of the labels alone. */
function judgeAnnotators(
  annotations: Annotations,
  predictions: CrowdPredictions,
  weights: Weights,
  consensus: Int32Array,
): AnnotatorQuality[] {
  const { begin, annotator, label, annotators } = annotations
  const zeros = () => new Float64Array(annotators)
  const [labels, quality, agreed, shared, sharedAgreed] = [zeros(), zeros(), zeros(), zeros(), zeros()]
  for (let i = 0; i < consensus.length; i++) {
    const isShared = begin[i + 1] - begin[i] > 1
    for (let a = begin[i]; a < begin[i + 1]; a++) {
      const j = annotator[a]
      const agrees = label[a] === consensus[i] ? 1 : 0
      labels[j]++
      agreed[j] += agrees
      quality[j] += posterior(annotations, predictions, weights, i, label[a])
      if (!isShared) continue
      shared[j]++
      sharedAgreed[j] += agrees
    }
  }
  const weightOfLabels = weights.annotators.reduce((sum, weight) => sum + weight, 0) / annotators
  const perExample = label.length / consensus.length
  const modelShare = weights.model / (weights.model + weightOfLabels * perExample)
  return Array.from(labels, (count, j) => ({
    labels: count,
    quality:
      shared[j] === 0
        ? quality[j] / count
        : modelShare * (quality[j] / count) + (1 - modelShare) * (sharedAgreed[j] / shared[j]),
    agreement: agreed[j] / count,
    weight: weights.annotators[j],
  }))
}
