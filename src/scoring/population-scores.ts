/**
 * Scores a data set batch by batch. What is kept is 8 bytes an example and level, whatever the number of members.
 *
 * ```ts
 * const scores = new PopulationScores({ examples: 1_000_000, classes: 10, levels, ties: 'probability' })
 * for await (const { examples, answers } of batches) scores.add(examples, answers)
 * const weights = scores.weights()
 * ```
 */
import { AccuracyTally, type AnsweredExamples, type Answers } from './accuracy-tally.js'
import { disagreement } from './disagreement.js'
import { evidenceWeights } from './evidence.js'
import { modalLabels, pieFlags, type TieBreak } from './modal-labels.js'

/** One level as scoring sees it; the first of a list is dense. */
export interface ScoredLevel {
  readonly members: number
  /** Whether its members are re-encodings of the dense ones (quantized); see {@link evidenceWeights}. */
  readonly copy: boolean
}

export interface ScoringOptions {
  readonly examples: number
  readonly classes: number
  readonly levels: readonly ScoredLevel[]
  readonly ties: TieBreak
}

/** What one level's members say about a batch of examples. */
export interface LevelAnswers extends Answers {
  /** Mean class probabilities of the population, [examples, classes], for breaking ties. */
  readonly probabilities?: Float32Array
}

/** What is known about every example at one level, [examples] each. */
export interface LevelScores {
  readonly modal: Int32Array
  readonly agreement: Float32Array
  readonly tally: AccuracyTally
}

export class PopulationScores {
  readonly levels: readonly LevelScores[]
  /** Total variation distance from dense, mean over the compressed levels, [examples]; 0 where there are none. */
  readonly disagreement: Float32Array
  /** 1 where a dense member judges that did not train on the example, [examples]. */
  readonly outOfSample: Uint8Array
  readonly #options: ScoringOptions
  #added = 0

  constructor(options: ScoringOptions) {
    this.#options = options
    this.disagreement = new Float32Array(options.examples)
    this.outOfSample = new Uint8Array(options.examples)
    this.levels = options.levels.map(({ members }) => ({
      modal: new Int32Array(options.examples),
      agreement: new Float32Array(options.examples),
      tally: new AccuracyTally(members, options.classes),
    }))
  }

  /**
   * Adds the next examples.
   * @param answers of each level, in the order of the levels
   */
  add(examples: Omit<AnsweredExamples, 'pie'>, answers: readonly LevelAnswers[]): void {
    const { classes, levels, ties } = this.#options
    const first = this.#added
    const count = examples.labels.length
    const votes = answers.map(({ predicted }, l) => ({ predicted, members: levels[l].members, classes }))
    const modal = answers.map(({ probabilities }, l) => {
      const { modal, agreement } = modalLabels(votes[l], ties, probabilities)
      this.levels[l].modal.set(modal, first)
      this.levels[l].agreement.set(agreement, first)
      return modal
    })
    const pieAnywhere = new Uint8Array(count)
    const distance = new Float64Array(count)
    answers.forEach((answer, l) => {
      if (l === 0) return
      const pie = pieFlags(modal[0], modal[l])
      this.levels[l].tally.add({ ...examples, pie }, answer)
      const apart = disagreement(votes[0], votes[l])
      for (let i = 0; i < count; i++) {
        pieAnywhere[i] |= pie[i]
        distance[i] += apart[i]
      }
    })
    this.levels[0].tally.add({ ...examples, pie: pieAnywhere }, answers[0])
    const [{ members }] = levels
    for (let i = 0; i < count; i++) {
      const trained = answers[0].inSample.subarray(i * members, (i + 1) * members)
      this.outOfSample[first + i] = trained.includes(0) ? 1 : 0
    }
    const compressed = Math.max(1, levels.length - 1)
    for (let i = 0; i < count; i++) this.disagreement[first + i] = distance[i] / compressed
    this.#added += count
  }

  /** Weight of each level's evidence; see {@link evidenceWeights}. */
  weights(): Float64Array {
    const { levels, classes } = this.#options
    return evidenceWeights(
      levels.map(({ copy }, l) => ({ copy, accuracy: this.levels[l].tally.pooledAccuracy() })),
      classes,
    )
  }
}
