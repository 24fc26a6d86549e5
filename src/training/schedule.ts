/** Learning rates over training, and how far the slow weights follow. */
import type { Recipe } from '../model/architectures/index.js'

export interface ScheduleOptions {
  readonly schedule: Recipe['schedule']
  /** Peak learning rate. */
  readonly peak: number
  readonly steps: number
  /** Steps over which the rate rises linearly from 0; not for `triangular`, which has a rise of its own. */
  readonly warmupSteps: number
  /** For `step`: shares of training, 0 to 1, at which the rate is multiplied by `stepFactor`. */
  readonly stepAt: readonly number[]
  readonly stepFactor: number
}

/** Jordan 2024 (arXiv 2404.00498, section 3): from 0.2 of the peak up to it at 23 % of training, and down to 0.07 of it. */
const triangle = { start: 0.2, peakAt: 0.23, end: 0.07 } as const

/** The learning rate of each step, [steps]. */
export function learningRates(options: ScheduleOptions): Float32Array {
  return Float32Array.from({ length: options.steps }, (_, step) => options.peak * shareOfPeak(step, options))
}

function shareOfPeak(step: number, options: ScheduleOptions): number {
  const { schedule, steps, warmupSteps } = options
  const progress = step / steps
  if (schedule === 'triangular') {
    return progress < triangle.peakAt
      ? triangle.start + (1 - triangle.start) * (progress / triangle.peakAt)
      : 1 + (triangle.end - 1) * ((progress - triangle.peakAt) / (1 - triangle.peakAt))
  }
  if (step < warmupSteps) return (step + 1) / (warmupSteps + 1)
  switch (schedule) {
    case 'constant':
      return 1
    case 'step':
      return options.stepFactor ** options.stepAt.filter(share => progress >= share).length
    case 'cosine':
      // Loshchilov and Hutter 2017, arXiv 1608.03983, eq. 5, without restarts.
      return 0.5 * (1 + Math.cos((Math.PI * (step - warmupSteps)) / (steps - warmupSteps)))
  }
}

/** Steps from one update of the slow weights to the next. It divides `chunkSteps`: where training is cut, slow and fast weights are one. */
export const lookaheadSteps = 5
/** Share of the slow weights that is kept for every step at the end of training. */
const slowness = 0.95

/**
 * Share of their way since the last update that weights keep at an update after this step: nearly all of it at first, a
 * quarter at the end, so that the last weights are a mean over many steps (Jordan 2024, arXiv 2404.00498, the published
 * code).
 */
export const lookaheadShare = (step: number, steps: number): number =>
  1 - slowness ** lookaheadSteps * (step / steps) ** 3
