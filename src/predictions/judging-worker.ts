/** The parts of judging labels by a matrix that worker threads do, in memory that the threads share. */
import { type LeadingClasses, takeProbabilities } from '../scoring/leading-classes.js'
import { exponentiate, type PredictionForm } from '../scoring/matrix-scores.js'
import { judgeLabels, type LabelJudgement, type NoiseModel, noCounts } from '../scoring/noise-model.js'
import type { Numbers } from './npy.js'

/** Takes up the predictions of the examples from `first` on. */
export interface TakingTask {
  readonly leading: LeadingClasses
  readonly first: number
  /** [rows, classes]; logits are overwritten. */
  readonly values: Numbers
  readonly form: PredictionForm
}

/** Judges the labels of these examples; gives their counts by given and likely class back. */
export interface JudgingTask {
  readonly leading: LeadingClasses
  readonly model: NoiseModel
  readonly range: readonly [from: number, to: number]
  readonly judgement: LabelJudgement
}

export function take({ leading, first, values, form }: TakingTask): void {
  if (form === 'logits') exponentiate(values, leading.classes)
  takeProbabilities(leading, first, values)
}

export function judge({ leading, model, range, judgement }: JudgingTask): Float64Array {
  const joint = noCounts(1, leading.classes)
  judgeLabels([model], leading, undefined, range, judgement, joint)
  return joint[0]
}
