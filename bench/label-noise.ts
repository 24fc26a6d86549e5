/** Seeded label noise of the usual kinds, put on labels that are known to be right. */
import { type RandomStream, randomStream } from '../src/random.js'

/**
 * `symmetric`: every other class alike. `class`: the next class (pair flipping, as in Han et al. 2018,
 * arXiv 1804.06872). `instance`: where the example itself leans (Xia et al. 2020, arXiv 2006.07836, algorithm 2).
 */
export type NoiseKind = 'symmetric' | 'class' | 'instance'

/** True labels and what the networks see, the content of which `instance` noise takes notice. */
export interface CleanExamples {
  readonly labels: Int32Array
  readonly classes: number
  /** [examples, features], each feature of mean 0 and variance 1. */
  readonly features: Float64Array
}

/** Labels of which about the share `rate` is wrong, [examples]. */
export function noisyLabels(
  examples: CleanExamples,
  kind: NoiseKind,
  rate: number,
  seed: number,
): Int32Array {
  const { labels, classes } = examples
  const random = randomStream('label noise', kind, rate, seed)
  if (kind === 'instance') return instanceNoise(examples, rate, random)
  return labels.map(label => {
    if (random.uniform() >= rate) return label
    return (label + (kind === 'class' ? 1 : 1 + random.integer(classes - 1))) % classes
  })
}

/**
 * Each example flips with a probability of its own, normal about the rate with deviation 0.1 and within 0 to 1, to a
 * class drawn from the softmax of a random projection of its features that belongs to its true class.
 */
function instanceNoise(
  { labels, classes, features }: CleanExamples,
  rate: number,
  random: RandomStream,
): Int32Array {
  const size = features.length / labels.length
  const projections = Float64Array.from({ length: classes * size * classes }, () => random.normal())
  const noisy = labels.slice()
  const scores = new Float64Array(classes)
  for (let i = 0; i < labels.length; i++) {
    let flip = -1
    while (flip < 0 || flip > 1) flip = rate + 0.1 * random.normal()
    const begin = labels[i] * size * classes
    scores.fill(0)
    for (let f = 0; f < size; f++) {
      for (let c = 0; c < classes; c++)
        scores[c] += features[i * size + f] * projections[begin + f * classes + c]
    }
    scores[labels[i]] = Number.NEGATIVE_INFINITY
    const highest = Math.max(...scores)
    const odds = scores.map(score => Math.exp(score - highest))
    if (random.uniform() >= flip) continue
    let left = random.uniform() * odds.reduce((sum, value) => sum + value)
    let to = -1
    while (left >= 0 && to < classes - 1) left -= odds[++to]
    noisy[i] = to === labels[i] ? (to + 1) % classes : to
  }
  return noisy
}

/** Rows of an imbalanced selection: class c is kept with probability smallest^(c / (classes − 1)). */
export function imbalancedRows(
  labels: Int32Array,
  classes: number,
  smallest: number,
  seed: number,
): number[] {
  const random = randomStream('imbalance', seed)
  return Array.from(labels.keys()).filter(i => random.uniform() < smallest ** (labels[i] / (classes - 1)))
}
