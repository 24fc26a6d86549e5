/** The queue of a cluster: its name, what is in a job, and how it is tried again. */
import type { JobsOptions } from 'bullmq'
import { z } from 'zod'
import { keyOf } from '../pipeline/key.js'
import type { StageName } from '../pipeline/stage.js'
import { pielineVersion, versionsOfLibraries } from '../pipeline/versions.js'

/** What begins the names of our keys in Redis. */
export const prefix = 'pieline'

/** Runs and workers meet in a queue only if they would make the same bytes: the versions of what computes name it. */
export function queueName(): string {
  const versions = keyOf({ ...versionsOfLibraries('tfjs'), pieline: pielineVersion })
  return `members-${versions.slice(0, 12)}`
}

export const jobKinds = ['train', 'predict'] as const

export const jobSchema = z.strictObject({
  kind: z.enum(jobKinds),
  /** Such as `dense 3`. */
  title: z.string(),
  stage: z.string(),
  /** @see encodeTask */
  task: z.record(z.string(), z.unknown()),
})

/** A job's id is the key of the artefact that it makes. */
export type JobData = z.infer<typeof jobSchema>

/** What a worker says of a job under way. */
export interface JobReport {
  /** Steps of training done so far. */
  readonly steps: number
  /** Mean loss over the last of them. */
  readonly loss: number
}

/** Least first. Predictions are short, and whole runs wait for them; retraining is what a run ends with. */
const priorities: Partial<Record<StageName, number>> = {
  predict: 1,
  robustness: 1,
  train: 2,
  compress: 3,
  retrain: 4,
}

export function jobOptions(key: string, stage: StageName): JobsOptions {
  return {
    jobId: key,
    priority: priorities[stage] ?? 1,
    attempts: 5,
    backoff: { type: 'exponential', delay: 1000 },
    // The store says what is done; jobs that are done are kept for `pieline status` to count.
    removeOnComplete: { count: 500 },
    removeOnFail: false,
  }
}
