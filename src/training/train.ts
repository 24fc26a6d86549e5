/** Trains one member, or a part of its training. */
import type { Engine, LabelledExamples, TrainingData, TrainingState } from '../engine/engine.js'
import { RunError } from '../errors.js'
import type { Architecture } from '../model/architecture.js'
import type { Seed } from '../random.js'
import { Batches } from './batches.js'
import { groupsOf, holdOut, saliencies } from './first-order.js'
import { chunkSteps, type TrainingPlan } from './plan.js'
import { applyMasks, masksAt, nextMaskUpdate, type PruningPlan, updatesMasks } from './pruning.js'
import { lookaheadShare, lookaheadSteps } from './schedule.js'

export interface Training {
  readonly architecture: Architecture
  readonly data: TrainingData
  /** Rows of the data on which the member trains. */
  readonly rows: Int32Array
  readonly plan: TrainingPlan
  readonly seed: Seed
  readonly pruning?: PruningPlan
}

export interface TrainingOptions {
  /** Called after every few steps with the steps done so far and the mean loss of the latest. */
  readonly onProgress?: (step: number, loss: number) => void
  /** Asked between calls of the engine; training ends with {@link TrainingStopped} once it says true. */
  readonly stopped?: () => boolean
  /** Called after everything that takes a while. */
  readonly gotFurther?: () => void
}

/** The rows to train on, and what the criterion of pruning takes gradients on, if it does. */
async function evidenceOf(
  training: Training,
): Promise<{ rows: Int32Array; groups: LabelledExamples[] | undefined }> {
  const { architecture, data, rows, pruning, seed } = training
  const criterion = pruning?.criterion
  if (criterion?.kind !== 'first-order') return { rows, groups: undefined }
  const split = holdOut(criterion, rows, data.labels, architecture.classes, seed)
  const groups = await groupsOf(criterion, split.heldOut, data, architecture)
  return { rows: split.rows, groups }
}

/** Thrown by {@link train} when it was asked to stop. */
export class TrainingStopped extends Error {}

/**
 * Runs the steps from `start` up to `end` on the given state and returns the state after them, masks applied.
 * Training in one go and training cut at a multiple of {@link chunkSteps} give the same bytes, as long as no mask
 * was set before the cut.
 * @throws RunError if the loss is no number any more.
 */
export async function train(
  engine: Engine,
  training: Training,
  initial: TrainingState,
  start: number,
  end: number,
  options: TrainingOptions = {},
): Promise<TrainingState> {
  const { architecture, data, plan, pruning, seed } = training
  const maskedWeights = pruning?.kernels ?? []
  const trainer = await engine.createTrainer(architecture, data, { ...plan.trainer, maskedWeights }, initial)
  const { gotFurther = () => {} } = options
  const { rows, groups } = await evidenceOf(training)
  const stepsPerEpoch = Math.floor(rows.length / plan.trainer.batchSize)
  const batches = new Batches(rows, { ...plan, stepsPerEpoch }, seed)
  let masks = new Map<string, Float32Array>()
  const updateMasks = async (step: number) => {
    if (pruning === undefined || !updatesMasks(pruning, step)) return
    const judged = groups
      ? await saliencies(trainer, groups, masks, gotFurther)
      : (await trainer.state()).weights
    masks = masksAt(pruning, step, judged, seed)
    await trainer.setMasks(masks)
  }
  try {
    let step = start
    while (step < end) {
      if (options.stopped?.()) throw new TrainingStopped()
      await updateMasks(step)
      const call = Math.min(end, (Math.floor(step / chunkSteps) + 1) * chunkSteps)
      const update = pruning && nextMaskUpdate(pruning, step)
      const slowUpdate = nextSlowUpdate(plan, step)
      const next = Math.min(call, update ?? call, slowUpdate)
      const losses = await trainer.run(batches.steps(step, next))
      const loss = losses.reduce((sum, value) => sum + value, 0) / losses.length
      if (!Number.isFinite(loss)) throw diverged(next)
      step = next
      if (step === slowUpdate) await trainer.updateSlowWeights(lookaheadShare(step, plan.steps))
      gotFurther()
      options.onProgress?.(step, loss)
    }
    await updateMasks(end)
    const { weights, momenta } = await trainer.state()
    return { weights: applyMasks(weights, masks), momenta }
  } finally {
    await trainer.dispose()
  }
}

/** The step after which weights are drawn back, of those beyond `step`; never without lookahead. */
function nextSlowUpdate({ trainer, steps }: TrainingPlan, step: number): number {
  if (!trainer.lookahead) return Number.POSITIVE_INFINITY
  return Math.min(steps, (Math.floor(step / lookaheadSteps) + 1) * lookaheadSteps)
}

function diverged(step: number): RunError {
  return new RunError(`training diverged: the loss is no number at step ${step}`, {
    key: 'model.learningRate',
    mend: 'Lower `model.learningRate`.',
  })
}
