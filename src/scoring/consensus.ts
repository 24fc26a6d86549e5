/**
 * Consensus of several annotators and a model, how far to trust it, and how good each annotator is.
 *
 * The true label is hidden; every annotator gives it with a probability of their own, else any other class (Dawid and
 * Skene 1979, with one accuracy an annotator), and what the model says is the prior (Raykar et al. 2010, Learning from
 * Crowds). The model's probabilities are raised to a power, so that a timid or boastful model counts for what it is
 * worth. Accuracies and power are fitted by expectation maximisation, from the majority on.
 */
import { type Annotations, agreementWith, majorityVote } from './annotations.js'
import { type CrowdPredictions, sharpness } from './crowd-predictions.js'

/** What annotators and model say together. */
export interface Consensus {
  /** [examples] */
  readonly label: Int32Array
  /** Probability that it is right, by annotators and model, 0 to 1, [examples]. */
  readonly quality: Float32Array
  /** The most likely other class among those that an annotator gave or the model finds most likely; −1: none. */
  readonly rival: Int32Array
  /** Its probability, [examples]. */
  readonly rivalP: Float32Array
  /** Share of the example's annotators who gave the consensus, 0 to 1, [examples]. */
  readonly agreement: Float32Array
  /** What most annotators say, ties broken by the model, [examples]. */
  readonly majority: Int32Array
  /** By their number. */
  readonly annotators: readonly AnnotatorQuality[]
  /** Power to which the model's probabilities are raised; above 1 it is timid. */
  readonly sharpness: number
}

/** How good an annotator is. */
export interface AnnotatorQuality {
  /** Labels given. */
  readonly labels: number
  /** Estimated probability that a label of theirs is right, 0 to 1. */
  readonly quality: number
  /** Share of their labels that is the consensus, 0 to 1; NaN where there are none. */
  readonly agreement: number
  /** The class whose labels by this annotator are the consensus least often; undefined: all agree. */
  readonly weakest?: { readonly label: number; readonly agreement: number }
}

/** Rounds of expectation maximisation at most, and the change of accuracies with which they end. */
const mostRounds = 100
const settled = 1e-5
/** Labels of the mean annotator that every annotator is thought to have given beside their own. */
const priorLabels = 2
/** No annotator is taken for certain, be they always right or always wrong. */
const limits = [0.001, 0.999] as const

/** What is fitted. */
interface CrowdModel {
  /** Probability that a label of an annotator is right, [annotators]. */
  readonly accuracy: Float64Array
  /** Index into {@link sharpness}. */
  readonly power: number
}

/** @param predictions of all examples */
export function consensusOf(annotations: Annotations, predictions: CrowdPredictions): Consensus {
  const majority = majorityVote(annotations, predictions.given.map(Math.exp))
  const model = fittedModel(annotations, predictions, majority)
  const label = new Int32Array(majority.length)
  const quality = new Float32Array(majority.length)
  const rival = new Int32Array(majority.length)
  const rivalP = new Float32Array(majority.length)
  const posterior = new Posterior(annotations, predictions, model)
  for (let i = 0; i < majority.length; i++) {
    const { classes, p } = posterior.of(i)
    const [first, second] = leading(p)
    label[i] = classes[first]
    quality[i] = p[first]
    rival[i] = second < 0 ? -1 : classes[second]
    rivalP[i] = second < 0 ? 0 : p[second]
  }
  return {
    label,
    quality,
    rival,
    rivalP,
    agreement: agreementWith(annotations, label),
    majority,
    annotators: annotatorsOf(annotations, label, predictions.classes, model),
    sharpness: sharpness[model.power],
  }
}

/** Places of the highest and the second highest value, equal ones in their order; −1: there is no second. */
function leading(p: readonly number[]): [number, number] {
  let [first, second] = [0, -1]
  for (let c = 1; c < p.length; c++) {
    if (p[c] > p[first]) [first, second] = [c, first]
    else if (second < 0 || p[c] > p[second]) second = c
  }
  return [first, second]
}

function fittedModel(
  annotations: Annotations,
  predictions: CrowdPredictions,
  majority: Int32Array,
): CrowdModel {
  const { begin, label } = annotations
  const right = new Float32Array(label.length)
  for (const [i, most] of majority.entries()) {
    for (let a = begin[i]; a < begin[i + 1]; a++) right[a] = label[a] === most ? 1 : 0
  }
  const partitions = logPartitions(predictions)
  let model: CrowdModel = { accuracy: accuracies(annotations, right), power: sharpness.indexOf(1) }
  for (let round = 0; round < mostRounds; round++) {
    const posterior = new Posterior(annotations, predictions, model)
    let expectedLog = 0
    for (let i = 0; i < majority.length; i++) {
      const { classes, p } = posterior.of(i)
      expectedLog += posterior.expectedLog
      for (let a = begin[i]; a < begin[i + 1]; a++) right[a] = p[classes.indexOf(label[a])]
    }
    const likelihood = sharpness.map((exponent, s) => exponent * expectedLog - partitions[s])
    const next = {
      accuracy: accuracies(annotations, right),
      power: likelihood.indexOf(Math.max(...likelihood)),
    }
    const change = next.accuracy.reduce(
      (most, own, j) => Math.max(most, Math.abs(own - model.accuracy[j])),
      0,
    )
    const isSettled = change < settled && next.power === model.power
    model = next
    if (isSettled) break
  }
  return model
}

/** @param right probability that each label is right, [labels] */
function accuracies({ annotator, annotators }: Annotations, right: Float32Array): Float64Array {
  const sums = new Float64Array(annotators)
  const counts = new Float64Array(annotators)
  for (const [a, j] of annotator.entries()) {
    sums[j] += right[a]
    counts[j]++
  }
  const mean = sums.reduce((sum, own) => sum + own, 0) / annotator.length
  const [lowest, highest] = limits
  return sums.map((sum, j) =>
    Math.min(highest, Math.max(lowest, (sum + priorLabels * mean) / (counts[j] + priorLabels))),
  )
}

/** Σ over the examples of ln Σ pˢ, for each sharpness s. */
function logPartitions({ powers }: CrowdPredictions): Float64Array {
  const sums = new Float64Array(sharpness.length)
  for (const [at, power] of powers.entries()) sums[at % sharpness.length] += Math.log(power)
  return sums
}

/**
 * Probability of each class that an annotator gave or that the model finds most likely, of one example after
 * another. Every vote adds the log-odds of its annotator to the model's ln pˢ; all classes without a vote or such
 * a place share what is left.
 */
class Posterior {
  /** Of the example last asked for. */
  readonly classes: number[] = []
  readonly p: number[] = []
  /** Expectation of ln p of the true class. */
  expectedLog = 0
  readonly #annotations: Annotations
  readonly #predictions: CrowdPredictions
  readonly #power: number
  readonly #gain: Float64Array
  readonly #logs: number[] = []

  constructor(annotations: Annotations, predictions: CrowdPredictions, { accuracy, power }: CrowdModel) {
    this.#annotations = annotations
    this.#predictions = predictions
    this.#power = power
    this.#gain = accuracy.map(own => Math.log((own * (predictions.classes - 1)) / (1 - own)))
  }

  of(example: number): this {
    const { begin, annotator, label } = this.#annotations
    const { given, top, topP, powers, powersLog } = this.#predictions
    const { classes, p } = this
    const exponent = sharpness[this.#power]
    const logs = this.#logs
    classes.length = p.length = logs.length = 0
    const place = (own: number, log: number): number => {
      const found = classes.indexOf(own)
      if (found >= 0) return found
      classes.push(own)
      logs.push(log)
      return p.push(exponent * log) - 1
    }
    let rest = powers[example * sharpness.length + this.#power]
    let restLog = powersLog[example * sharpness.length + this.#power]
    for (let a = begin[example]; a < begin[example + 1]; a++) {
      const at = place(label[a], given[a])
      p[at] += this.#gain[annotator[a]]
    }
    place(top[example], topP[example])
    for (const log of logs) {
      rest -= Math.exp(exponent * log)
      restLog -= Math.exp(exponent * log) * log
    }
    // Sums in float32 leave crumbs where these classes are all there are.
    const others = rest > 1e-6 ? rest : 0
    const highest = Math.max(0, ...p)
    let total = others * Math.exp(-highest)
    let expected = others === 0 ? 0 : total * (restLog / others)
    for (let c = 0; c < p.length; c++) {
      p[c] = Math.exp(p[c] - highest)
      total += p[c]
      expected += p[c] * logs[c]
    }
    for (let c = 0; c < p.length; c++) p[c] /= total
    this.expectedLog = expected / total
    return this
  }
}

function annotatorsOf(
  { begin, annotator, label, annotators }: Annotations,
  consensus: Int32Array,
  classes: number,
  { accuracy }: CrowdModel,
): AnnotatorQuality[] {
  const given = new Float64Array(annotators * classes)
  const agreed = new Float64Array(annotators * classes)
  for (const [i, own] of consensus.entries()) {
    for (let a = begin[i]; a < begin[i + 1]; a++) {
      const at = annotator[a] * classes + label[a]
      given[at]++
      if (label[a] === own) agreed[at]++
    }
  }
  return Array.from(accuracy, (quality, j) => {
    const of = (counts: Float64Array) => counts.subarray(j * classes, (j + 1) * classes)
    const labels = of(given).reduce((sum, count) => sum + count, 0)
    const agreement = of(agreed).reduce((sum, count) => sum + count, 0) / labels
    const byClass = of(agreed).map((count, c) => (of(given)[c] === 0 ? 1 : count / of(given)[c]))
    const lowest = Math.min(...byClass)
    const weakest = { label: byClass.indexOf(lowest), agreement: lowest }
    return { labels, quality, agreement, ...(lowest < 1 && { weakest }) }
  })
}
