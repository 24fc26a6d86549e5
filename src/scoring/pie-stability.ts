/**
 * How many of the PIEs another population would find again, by drawing populations from the members there are.
 *
 * Up to half of the members, two populations without a common member are drawn as often as asked for: they differ as
 * two trained ones would, and nothing is assumed. For all n members there is no second population, so both are drawn
 * with replacement (the bootstrap). That alone promises too much, since votes that happened to be clear count as clear.
 * How much too much is measured where the truth is known: populations of n / 2 members drawn with replacement from one
 * half, against those of the two halves; the difference is taken off (as the bootstrap corrects biases: Efron &
 * Tibshirani, An Introduction to the Bootstrap, 1993, chapter 10).
 *
 * Ties go by the mean probabilities of all members, those of a drawn population being unknown here. Examples are
 * looked at once, as they come: what is kept is two counts for every level, size and drawn population. Of very many
 * examples every k-th is looked at, since drawing populations takes longer than all else that is done with one.
 */
import { permutation, type RandomStream, randomStream } from '../random.js'
import { beats, type TieBreak } from './modal-labels.js'
import { mean } from './moments.js'
import { percentileInterval } from './percentile.js'

/** A population as it is drawn from; the first of a list is dense. */
export interface ResampledLevel {
  readonly members: number
  /** Whether member i was made from dense member i: the two are then drawn together. */
  readonly paired: boolean
}

/** What a level's members say about some examples. */
export interface ResampledVotes {
  /** Predicted class of each member, [examples, members]. */
  readonly predicted: ArrayLike<number>
  /** Mean class probabilities of the whole population, [examples, classes], for breaking ties. */
  readonly probabilities?: Float32Array
}

export interface PieStabilityOptions {
  readonly levels: readonly ResampledLevel[]
  readonly classes: number
  readonly ties: TieBreak
  /** Examples that will be added. */
  readonly examples: number
  /** Pairs of populations drawn of each size. Default 100. */
  readonly pairs?: number
}

/** Examples that are looked at, at most. With as many, shares are known to 0.1 points where one in ten is a PIE. */
const mostExamples = 2 ** 17

/** Mean over what was drawn, and the interval in which 95 % of it lies. */
export interface Resampled {
  readonly mean: number
  readonly low: number
  readonly high: number
}

/** How stable the PIEs of one level are where both populations have this many members. */
export interface LevelStability {
  /** Place of the level in the list. */
  readonly level: number
  readonly members: number
  /** PIEs that a population finds. */
  readonly pies: Resampled
  /** Share of a population's PIEs that another one finds again, 0 to 1; NaN where none finds any. */
  readonly recurrence: Resampled
  /** Common PIEs ÷ PIEs of either of two populations, 0 to 1; NaN where none finds any. */
  readonly jaccard: Resampled
}

/** How populations are drawn, all levels alike: pairs of them, row 2 p and 2 p + 1, of each size the row's first members. */
interface Design {
  readonly sizes: readonly number[]
  /** Members of a row. */
  readonly length: number
  /** Drawn members of each level, [2 · pairs, length]. */
  readonly draws: readonly Int32Array[]
  /** Modal labels that the drawn dense populations, and those of a level, give to the example at hand, [sizes, 2 · pairs]. */
  readonly dense: Int32Array
  readonly compressed: Int32Array
  /** By level: PIEs of each population, [sizes, 2 · pairs], and those common to a pair, [sizes, pairs]. */
  readonly pies: readonly Float64Array[]
  readonly common: readonly Float64Array[]
}

/** Sizes below all members at which stability is measured: every fifth (fewer from 100 members on), and half of them. */
export function stabilitySizes(members: number): number[] {
  const half = Math.floor(members / 2)
  const step = 5 * Math.ceil(half / 50)
  const below = Array.from({ length: Math.ceil(half / step) - 1 }, (_, i) => (i + 1) * step)
  return [...below, half]
}

export class PieStability {
  readonly #levels: readonly ResampledLevel[]
  readonly #pairs: number
  /** Members of the smallest population; with one there is nothing to draw, and no design. */
  readonly #members: number
  /** Halves, the bootstrap of all, and that of a half. */
  readonly #designs: readonly Design[]
  readonly #ballots: readonly Ballot[]
  readonly #stride: number
  #added = 0
  #looked = 0

  constructor({ levels, classes, ties, examples, pairs = 100 }: PieStabilityOptions) {
    this.#levels = levels
    this.#stride = Math.ceil(examples / mostExamples)
    this.#pairs = pairs
    this.#members = Math.min(...levels.map(({ members }) => members))
    this.#ballots = levels.map(({ members }) => new Ballot(members, classes, ties))
    this.#designs = this.#members < 2 || levels.length < 2 ? [] : this.#plan()
  }

  #plan(): Design[] {
    const all = this.#members
    const half = Math.floor(all / 2)
    return [
      this.#design('halves', stabilitySizes(all), members => permutation(members.length, members.random)),
      this.#design('all', [all], ({ length, random }) => replaced(2 * all, length, random)),
      this.#design('half', [half], ({ length, random }) => {
        const pool = permutation(length, random)
        return replaced(2 * half, half, random).map(place => pool[place])
      }),
    ]
  }

  /** @param draw the members of a pair of populations, one after the other */
  #design(
    name: string,
    sizes: readonly number[],
    draw: (members: { readonly length: number; readonly random: RandomStream }) => Int32Array,
  ): Design {
    const pairs = this.#pairs
    const length = sizes[sizes.length - 1]
    const drawn = (level: number) => {
      const random = randomStream('PIE stability', name, level)
      const rows = new Int32Array(2 * pairs * length)
      for (let pair = 0; pair < pairs; pair++) {
        const both = draw({ length: this.#levels[level].members, random })
        rows.set(both.subarray(0, 2 * length), pair * 2 * length)
      }
      return rows
    }
    const dense = drawn(0)
    const cells = sizes.length * 2 * pairs
    return {
      sizes,
      length,
      draws: this.#levels.map(({ paired }, l) => (l === 0 || paired ? dense : drawn(l))),
      dense: new Int32Array(cells),
      compressed: new Int32Array(cells),
      pies: this.#levels.map(() => new Float64Array(cells)),
      common: this.#levels.map(() => new Float64Array(cells / 2)),
    }
  }

  /**
   * Adds the next examples.
   * @param votes of each level, in the order of the levels
   */
  add(votes: readonly ResampledVotes[]): void {
    if (this.#designs.length === 0) return
    const examples = votes[0].predicted.length / this.#levels[0].members
    const [dense, ...compressed] = this.#ballots
    const stride = this.#stride
    const first = (stride - (this.#added % stride)) % stride
    this.#added += examples
    for (let i = first; i < examples; i += stride) {
      this.#looked++
      dense.take(votes[0], i)
      let isDenseKnown = false
      for (const [place, ballot] of compressed.entries()) {
        const level = place + 1
        ballot.take(votes[level], i)
        // Where everybody agrees, whoever is drawn agrees.
        if (dense.candidates === 1 && ballot.candidates === 1 && dense.classOf[0] === ballot.classOf[0])
          continue
        for (const design of this.#designs) {
          if (!isDenseKnown) elect(dense, design, design.draws[0], design.dense)
          elect(ballot, design, design.draws[level], design.compressed)
          count(design, level)
        }
        isDenseKnown = true
      }
    }
  }

  /** A row a compressed level and size, sizes ascending. */
  rows(): LevelStability[] {
    if (this.#designs.length === 0) return []
    const [halves, all, half] = this.#designs
    return this.#levels.slice(1).flatMap((_, place) => {
      const level = place + 1
      const exact = halves.sizes.map((members, s) => ({ members, found: this.#found(halves, level, s) }))
      const truth = exact[exact.length - 1].found
      const bootstrap = this.#found(half, level, 0)
      const promised = this.#found(all, level, 0)
      const corrected = promised.map((values, k) => {
        const excess = mean(known(bootstrap[k])) - mean(known(truth[k]))
        return values.map(value =>
          Math.min(Math.max(0, value - excess), k === 0 ? Number.POSITIVE_INFINITY : 1),
        )
      })
      return [...exact, { members: this.#members, found: corrected }].map(
        ({ members, found }): LevelStability => ({
          level,
          members,
          pies: resampled(found[0]),
          recurrence: resampled(found[1]),
          jaccard: resampled(found[2]),
        }),
      )
    })
  }

  /** PIEs of each population, recurrence and Jaccard index of each pair. */
  #found({ pies, common }: Design, level: number, size: number): Float64Array[] {
    const pairs = this.#pairs
    const scale = this.#added / this.#looked
    const found = pies[level].subarray(size * 2 * pairs, (size + 1) * 2 * pairs).map(pies => pies * scale)
    const both = common[level].subarray(size * pairs, (size + 1) * pairs).map(pies => pies * scale)
    const sum = (pair: number) => found[2 * pair] + found[2 * pair + 1]
    return [
      found,
      // The two of a pair find different numbers of PIEs: the share is taken of their mean.
      both.map((shared, pair) => (2 * shared) / sum(pair)),
      both.map((shared, pair) => shared / (sum(pair) - shared)),
    ]
  }
}

function replaced(draws: number, members: number, random: RandomStream): Int32Array {
  return Int32Array.from({ length: draws }, () => random.integer(members))
}

/** The modal label that each drawn population gives to a ballot's example. */
function elect(
  { choices, candidates, classOf }: Ballot,
  { sizes, length }: Design,
  draws: Int32Array,
  modal: Int32Array,
): void {
  if (candidates === 1) {
    modal.fill(classOf[0])
    return
  }
  const populations = draws.length / length
  const counts = new Int32Array(candidates)
  for (let population = 0; population < populations; population++) {
    const begin = population * length
    let k = begin
    counts.fill(0)
    for (let s = 0; s < sizes.length; s++) {
      for (const end = begin + sizes[s]; k < end; k++) counts[choices[draws[k]]]++
      let winner = 0
      for (let c = 1; c < candidates; c++) if (counts[c] > counts[winner]) winner = c
      modal[s * populations + population] = classOf[winner]
    }
  }
}

function count({ dense, compressed, pies, common }: Design, level: number): void {
  const [found, both] = [pies[level], common[level]]
  for (let pair = 0, cell = 0; cell < dense.length; pair++, cell += 2) {
    const first = dense[cell] === compressed[cell] ? 0 : 1
    const second = dense[cell + 1] === compressed[cell + 1] ? 0 : 1
    found[cell] += first
    found[cell + 1] += second
    both[pair] += first & second
  }
}

const known = (values: Float64Array): Float64Array => values.filter(value => !Number.isNaN(value))

function resampled(values: Float64Array): Resampled {
  const [low, high] = percentileInterval(values)
  return { mean: mean(known(values)), low, high }
}

/** The votes of a population on one example, by candidates: the classes that have votes, in the order in which ties go. */
class Ballot {
  /** Candidate of each member. */
  readonly choices: Int32Array
  readonly classOf: Int32Array
  candidates = 0
  /** Candidate of each class that has votes. */
  readonly #candidateOf: Int32Array

  constructor(
    readonly members: number,
    readonly classes: number,
    readonly ties: TieBreak,
  ) {
    this.choices = new Int32Array(members)
    this.classOf = new Int32Array(Math.min(members, classes))
    this.#candidateOf = new Int32Array(classes).fill(-1)
  }

  take({ predicted, probabilities }: ResampledVotes, example: number): void {
    const { members, classes, ties, classOf, choices } = this
    const candidateOf = this.#candidateOf
    for (let c = 0; c < this.candidates; c++) candidateOf[classOf[c]] = -1
    this.candidates = 0
    const begin = example * members
    for (let k = begin; k < begin + members; k++) {
      const label = predicted[k]
      if (candidateOf[label] >= 0) continue
      candidateOf[label] = 0
      let place = this.candidates++
      for (; place > 0 && beats(label, classOf[place - 1], ties, probabilities, example * classes); place--) {
        classOf[place] = classOf[place - 1]
      }
      classOf[place] = label
    }
    for (let c = 0; c < this.candidates; c++) candidateOf[classOf[c]] = c
    for (let m = 0; m < members; m++) choices[m] = candidateOf[predicted[begin + m]]
  }
}
