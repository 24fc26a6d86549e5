/** A member's training, fixed to the last step before it begins. */
import type { TrainerOptions } from '../engine/engine.js'
import { type Recipe, recipeOf } from '../model/architectures/index.js'
import type { ModelConfig } from '../pipeline/config.js'
import { learningRates } from './schedule.js'

/** Batch size for which the recipes give their learning rates; other sizes scale it linearly (Goyal et al. 2017, arXiv 1706.02677). */
const recipeBatchSize = 128

/**
 * Steps of one call of the engine at most. A call begins at every multiple of it, so that training cut in two there makes
 * the same calls as training in one go.
 */
export const chunkSteps = 10

export interface TrainingPlan {
  readonly steps: number
  readonly stepsPerEpoch: number
  readonly learningRates: Float32Array
  readonly flip: Recipe['flip']
  readonly trainer: Omit<TrainerOptions, 'maskedWeights'>
}

/**
 * Fills in what the pipeline leaves to the architecture's recipe.
 * @param examples that the member trains on, at least 1.
 */
export function planTraining(model: ModelConfig, examples: number): TrainingPlan {
  const recipe = recipeOf(model.architecture)
  const batchSize = Math.min(model.batchSize, examples)
  const stepsPerEpoch = Math.floor(examples / batchSize)
  const steps = Math.max(1, Math.round(model.epochs * stepsPerEpoch))
  const warmupEpochs = model.warmupEpochs ?? recipe.warmupEpochs
  const flip = model.flip ?? recipe.flip
  return {
    steps,
    stepsPerEpoch,
    learningRates: learningRates({
      schedule: model.schedule ?? recipe.schedule,
      peak: model.learningRate ?? (recipe.learningRate * batchSize) / recipeBatchSize,
      steps,
      warmupSteps: Math.min(steps, Math.round(warmupEpochs * stepsPerEpoch)),
      stepAt: model.stepAt,
      stepFactor: model.stepFactor,
    }),
    flip,
    trainer: {
      batchSize,
      labelSmoothing: model.labelSmoothing ?? recipe.labelSmoothing,
      optimizer: {
        momentum: model.momentum ?? recipe.momentum,
        nesterov: model.nesterov,
        weightDecay: model.weightDecay ?? recipe.weightDecay,
      },
      maxShift: model.shift ?? recipe.shift,
      flips: flip !== 'none',
      ...((model.lookahead ?? recipe.lookahead) && { lookahead: true }),
    },
  }
}

/** The step at a share of training, moved to where calls of the engine begin. */
export function stepAt(plan: TrainingPlan, share: number): number {
  return Math.min(plan.steps, Math.round((share * plan.steps) / chunkSteps) * chunkSteps)
}
