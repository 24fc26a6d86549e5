/**
 * Scores a data set batch by batch. What is kept is 12 bytes an example and level, whatever the number of members.
 *
 * ```ts
 * const scores = new PopulationScores({ examples: 1_000_000, classes: 10, levels, ties: 'probability', evidence: 'auto' })
 * for await (const { examples, answers } of batches) scores.add(examples, answers)
 * const quality = scores.labelQuality()
 * ```
 */
import { AccuracyTally, type AnsweredExamples, type Answers } from './accuracy-tally.js'
import { disagreement } from './disagreement.js'
import { type Evidence, evidenceWeights } from './evidence.js'
import { labelQuality, meanMargins } from './label-quality.js'
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
  readonly evidence: Evidence
}

/** What one level's members say about a batch of examples. */
export interface LevelAnswers extends Answers {
  /** log p(given label) − log max p(other label), [examples, members]. */
  readonly margins: Float32Array
  /** Mean class probabilities of the population, [examples, classes], for breaking ties. */
  readonly probabilities?: Float32Array
}

/** What is known about every example at one level, [examples] each. */
export interface LevelScores {
  readonly modal: Int32Array
  readonly agreement: Float32Array
  /** Mean margin over the members whose evidence counts; NaN where there are none. */
  readonly margins: Float32Array
  readonly tally: AccuracyTally
}

export class PopulationScores {
  readonly levels: readonly LevelScores[]
  /** Total variation distance from dense, mean over the compressed levels, [examples]; 0 where there are none. */
  readonly disagreement: Float32Array
  readonly #options: ScoringOptions
  #added = 0

  constructor(options: ScoringOptions) {
    this.#options = options
    this.disagreement = new Float32Array(options.examples)
    this.levels = options.levels.map(({ members }) => ({
      modal: new Int32Array(options.examples),
      agreement: new Float32Array(options.examples),
      margins: new Float32Array(options.examples),
      tally: new AccuracyTally(members, options.classes),
    }))
  }

  /**
   * Adds the next examples.
   * @param answers of each level, in the order of the levels
   */
  add(examples: Omit<AnsweredExamples, 'pie'>, answers: readonly LevelAnswers[]): void {
    const { classes, levels, ties, evidence } = this.#options
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
      const { margins, tally } = this.levels[l]
      margins.set(meanMargins(answer.margins, answer.inSample, levels[l].members, evidence), first)
      if (l === 0) return
      const pie = pieFlags(modal[0], modal[l])
      tally.add({ ...examples, pie }, answer)
      const apart = disagreement(votes[0], votes[l])
      for (let i = 0; i < count; i++) {
        pieAnywhere[i] |= pie[i]
        distance[i] += apart[i]
      }
    })
    this.levels[0].tally.add({ ...examples, pie: pieAnywhere }, answers[0])
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

  /** Label quality of each example, [examples]; see {@link labelQuality}. */
  labelQuality(): Float32Array {
    return labelQuality(
      this.levels.map(level => level.margins),
      this.weights(),
    )
  }
}
