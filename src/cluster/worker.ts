/** A worker of a cluster: takes jobs from the queue and makes their artefacts in the store that it shares with runs. */
import { UnrecoverableError, WaitingError, Worker } from 'bullmq'
import { createPredictionPool } from '../engine/onnxruntime/prediction-pool.js'
import { PielineError } from '../errors.js'
import { thisProcess } from '../pipeline/owner.js'
import type { ArtefactStore } from '../pipeline/store.js'
import { type PredictWork, predictInto } from '../stages/member-logits.js'
import { type TrainWork, trainInto } from '../training/members.js'
import { createTrainingPool } from '../training/training-pool.js'
import { type ClusterAddress, connect, tellOutages } from './address.js'
import { type JobData, type JobReport, jobSchema, prefix, queueName } from './queue.js'
import { decodeTask } from './task.js'

export interface WorkerOptions {
  readonly store: ArtefactStore
  /** Jobs side by side, each on a thread. */
  readonly workers: number
  /** Ends the worker at its next safe point: what it has begun goes back into the queue. */
  readonly signal: AbortSignal
  readonly log: (message: string) => void
  /** Called when it takes jobs. */
  readonly onReady?: () => void
  /**
   * Milliseconds without a sign of life after which others take over what a worker has begun. Default 30,000: a
   * worker gives a sign every half of that.
   */
  readonly lostAfter?: number
}

/** Milliseconds between two reports of a job. */
const reportEvery = 1000
/** How many workers may die or hang over a job before it is set aside. */
const lostWorkers = 3

/**
 * Works until the signal asks to stop.
 * @throws RunError if Redis cannot be reached
 */
export async function work(address: ClusterAddress, options: WorkerOptions): Promise<void> {
  const { store, workers, signal, log, lostAfter = 30_000 } = options
  const redis = await connect(address)
  const stopTelling = tellOutages(redis, address, log)
  const pools = { train: createTrainingPool(workers), predict: createPredictionPool(workers) }

  function make(key: string, kind: JobData['kind'], task: object, report: (report: JobReport) => void) {
    let steps = 0
    return store.produce(key, folder =>
      kind === 'predict'
        ? predictInto(folder, pools.predict, task as PredictWork)
        : trainInto(folder, pools.train, task as TrainWork, progress => {
            steps += progress.steps
            report({ steps, loss: progress.loss })
          }),
    )
  }

  const worker = new Worker<JobData>(
    queueName(),
    async (job, token) => {
      const data = jobSchema.parse(job.data)
      const name = `${data.kind} ${data.title}`
      log(`${name} begun`)
      const began = performance.now()
      let reported = began
      // What is not in the store yet may still come, through the cache of a network file system.
      const task = await decodeTask(store, data.kind, data.task).catch(error => {
        throw new Error(textOf(error))
      })
      try {
        const { reused } = await make(job.id!, data.kind, task, report => {
          if (performance.now() - reported < reportEvery) return
          reported = performance.now()
          job.updateProgress(report).catch(() => {})
        })
        const seconds = ((performance.now() - began) / 1000).toFixed(1)
        log(`${name} ${reused ? 'was there already' : `done in ${seconds} s`}`)
      } catch (error) {
        if (signal.aborted) {
          await job.moveToWait(token)
          throw new WaitingError()
        }
        // What pieline refuses on purpose it would refuse again; all else may have been an accident.
        throw error instanceof PielineError ? new UnrecoverableError(textOf(error)) : error
      }
    },
    {
      connection: redis,
      prefix,
      name: `${thisProcess.host}:${thisProcess.pid}`,
      concurrency: workers,
      lockDuration: lostAfter,
      stalledInterval: lostAfter,
      maxStalledCount: lostWorkers - 1,
    },
  )
  worker.on('error', () => {})
  worker.on('failed', (job, error) => {
    const name = job === undefined ? 'a job' : `${job.data.kind} ${job.data.title}`
    log(`${name} failed: ${error.message}`)
  })
  try {
    await worker.waitUntilReady()
    options.onReady?.()
    await new Promise<void>(resolve => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve())
    })
    pools.train.stop()
    pools.predict.stop()
    await worker.close()
  } finally {
    stopTelling()
    await Promise.all([pools.train.close(), pools.predict.close()])
    redis.disconnect()
  }
}

function textOf(error: unknown): string {
  if (!(error instanceof PielineError)) return error instanceof Error ? error.message : String(error)
  return error.mend === undefined ? error.message : `${error.message}\n  ${error.mend}`
}
