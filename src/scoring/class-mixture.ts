/** Brings the true classes of one example at a time out of what networks say that have learned from noisy labels. */
import { type LeadingClasses, mostRivals } from './leading-classes.js'

/** Below this a probability counts as this: what is impossible to a network need not be so. */
const least = 1e-9
/** Classes less likely than this, against the likeliest one, are not looked at singly: of many, few are in question. */
const negligible = 1e-3
const steps = 3
/** Classes looked at and all others together, at most. */
const width = mostRivals + 2

/**
 * Of the example at hand, whoever asks: what networks say, and the noise matrix of the classes looked at, a row of
 * `width` each. In arrays of the module's own, which compiled code knows where to find: looked up in every loop they
 * take an eighth longer.
 */
const support = new Int32Array(mostRivals + 1)
const share = new Float64Array(width)
const p = new Float64Array(mostRivals + 1)
const said = new Float64Array(width)
const ratio = new Float64Array(width)
const noise = new Float64Array(width ** 2)

/**
 * The leading classes of an example and the given one are looked at one by one; all others are lumped into one class,
 * as though they were alike: each is as likely, and as often taken for a given one, as they are on the mean. Work goes
 * by the number of leading classes then, not by the square of all.
 */
export class ClassMixture {
  readonly #transition: Float64Array
  readonly #classes: number
  /** Probability of each given label for the mean of the other classes, [classes]. */
  readonly #fromOthers: Float64Array
  /** The classes looked at, the first {@link size} entries; the given one is the first. */
  readonly support = support
  /** Probability of each to be the true class, then that of all others together; they sum to 1. */
  readonly share = share
  size = 0
  #sharpness = 1
  /** Least probability of a leading class, against the likeliest one. */
  #floor = negligible

  /** @param transition noise matrix, [classes, classes] */
  constructor(transition: Float64Array, classes: number) {
    this.#transition = transition
    this.#classes = classes
    this.#fromOthers = new Float64Array(classes)
    for (let t = 0; t < classes; t++) {
      for (let y = 0; y < classes; y++) {
        if (y !== t) this.#fromOthers[y] += transition[t * classes + y] / (classes - 1)
      }
    }
  }

  /** @param sharpness β of the examples to come */
  sharpen(sharpness: number): void {
    this.#sharpness = sharpness
    this.#floor = negligible ** (1 / sharpness)
  }

  /**
   * Finds q for one example, of which p^β is the mixture Σ_t q_t T_ty.
   * @returns Σ_y p_y^β, which is small where no class is likely
   */
  separate(leading: LeadingClasses, example: number): number {
    const sharpness = this.#sharpness
    const { rivals, rival, rivalP } = leading
    const first = example * rivals
    support[0] = leading.labels[example]
    p[0] = Math.max(leading.givenP[example], least)
    const highest = Math.max(p[0], rivalP[first])
    const floor = Math.max(highest * this.#floor, least)
    let size = 1
    for (let at = first; size <= rivals && rivalP[at] >= floor; at++, size++) {
      p[size] = rivalP[at]
      support[size] = rival[at]
    }
    this.size = size
    let rest = leading.restP[example]
    let squares = leading.restSquares[example]
    for (let at = first + size - 1; at < first + rivals; at++) {
      rest += rivalP[at]
      squares += rivalP[at] * rivalP[at]
    }
    const scale = Math.log(highest)
    let sum = 0
    for (let s = 0; s < size; s++) {
      said[s] = p[s] === highest ? 1 : Math.exp(sharpness * (Math.log(p[s]) - scale))
      sum += said[s]
    }
    said[size] = powerSum(this.#classes - size, rest, squares, scale, sharpness)
    sum += said[size]
    for (let s = 0; s <= size; s++) {
      said[s] /= sum
      share[s] = said[s]
    }
    this.#gatherNoise()
    for (let step = 0; step < steps; step++) this.#step()
    return sum * Math.exp(sharpness * scale)
  }

  /** Brings the noise matrix of the classes looked at together, the others as one class. */
  #gatherNoise(): void {
    const size = this.size
    const transition = this.#transition
    const from = this.#fromOthers
    const last = size * width
    let leftOfOthers = 1
    for (let y = 0; y < size; y++) {
      noise[last + y] = from[support[y]]
      leftOfOthers -= from[support[y]]
    }
    // A mean over other classes than those lumped can exceed what they have.
    noise[last + size] = Math.max(0, leftOfOthers)
    for (let t = 0; t < size; t++) {
      const row = support[t] * this.#classes
      let left = 1
      for (let y = 0; y < size; y++) {
        const of = transition[row + support[y]]
        noise[t * width + y] = of
        left -= of
      }
      noise[t * width + size] = Math.max(0, left)
    }
  }

  /** One of Richardson's and Lucy's steps. */
  #step(): void {
    const last = this.size
    for (let y = 0; y <= last; y++) {
      let mixed = 0
      for (let t = 0, at = y; t <= last; t++, at += width) mixed += share[t] * noise[at]
      ratio[y] = said[y] / Math.max(mixed, least)
    }
    let all = 0
    for (let t = 0, row = 0; t <= last; t++, row += width) {
      let gain = 0
      for (let y = 0; y <= last; y++) gain += ratio[y] * noise[row + y]
      share[t] *= gain
      all += share[t]
    }
    for (let t = 0; t <= last; t++) share[t] /= all
  }

  /** P(given, true | x) = q_t T_ty of each class looked at, y the given label; of all others together at `size`. */
  likelihoodOf(place: number): number {
    return share[place] * noise[place * width]
  }

  /** P(given | x) = Σ_t q_t T_ty. */
  likelihood(): number {
    let sum = 0
    for (let place = 0; place <= this.size; place++) sum += this.likelihoodOf(place)
    return sum
  }
}

/**
 * Σ (p / eˢ)^β of some probabilities of which the number, sum and sum of squares are known, as of a log-normal
 * distribution: the logarithm of its moments is a parabola of their order. @param scale s
 */
function powerSum(count: number, sum: number, squares: number, scale: number, sharpness: number): number {
  if (count === 0) return 0
  const first = Math.log(Math.max(sum / count, least)) - scale
  const second = Math.max(Math.log(Math.max(squares / count, least ** 2)) - 2 * scale, 2 * first)
  const bend = second / 2 - first
  return count * Math.min(1, Math.exp(sharpness * (first + (sharpness - 1) * bend)))
}
