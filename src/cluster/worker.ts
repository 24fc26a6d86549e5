/** A worker of a cluster: takes jobs from the queue and makes their artefacts in the store that it shares with runs. */
import { type Job, UnrecoverableError, WaitingError, Worker } from 'bullmq'
import { createPredictionPool } from '../engine/onnxruntime/prediction-pool.js'
import { recordIn, recordOf, recordText } from '../error-record.js'
import { PielineError, UnavailableError } from '../errors.js'
import type { Log } from '../log.js'
import { exposition } from '../metrics/prometheus.js'
import { serveMetrics } from '../metrics/server.js'
import type { ArtefactCache } from '../pipeline/cache.js'
import { writeText } from '../pipeline/files.js'
import { thisProcess } from '../pipeline/owner.js'
import type { ArtefactStore } from '../pipeline/store.js'
import { type PredictWork, predictInto } from '../stages/member-logits.js'
import { type TrainWork, trainInto } from '../training/members.js'
import { createTrainingPool } from '../training/training-pool.js'
import { addressText, type ClusterAddress, connect, tellOutages } from './address.js'
import { type JobData, type JobReport, jobSchema, prefix, queueName } from './queue.js'
import { type Outcome, Tally } from './tally.js'
import { decodeTask } from './task.js'

export interface WorkerOptions {
  readonly store: ArtefactStore
  /** Holds on to what a job needs of the store, where not all stays there. */
  readonly cache?: ArtefactCache
  /** Jobs side by side, each on a thread. */
  readonly workers: number
  /** Ends the worker at its next safe point: what it has begun goes back into the queue. */
  readonly signal: AbortSignal
  readonly log: Log
  /** Written when it starts, after every job and when it ends, for the textfile collector of Prometheus’ node exporter. */
  readonly metricsFile?: string
  /** Served on the loopback interface; 0 takes any that is free. */
  readonly metricsPort?: number
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
 * @throws RunError if Redis cannot be reached, ConfigError if the port of metrics is taken
 */
export async function work(address: ClusterAddress, options: WorkerOptions): Promise<void> {
  const { store, cache, workers, signal, log, lostAfter = 30_000, metricsFile, metricsPort } = options
  const tally = new Tally(workers)
  const text = () => exposition(tally.families())
  const noteMetrics = async () => {
    if (metricsFile === undefined) return
    await writeText(metricsFile, text()).catch(error =>
      log('error', 'metrics-not-written', { error: messageOf(error) }),
    )
  }
  const server = metricsPort === undefined ? undefined : await serveMetrics(metricsPort, text)
  if (server) log('info', 'metrics-served', { port: server.port })
  const redis = await connect(address).catch(error => {
    server?.close()
    throw error
  })
  const stopTelling = tellOutages(redis, isAway => {
    tally.connected(!isAway)
    log(isAway ? 'warn' : 'info', isAway ? 'redis-away' : 'redis-back', { redis: addressText(address) })
  })
  const tellAgain = (message: string) => log('warn', 'work-done-again', { message })
  const pools = {
    train: createTrainingPool(workers, tellAgain),
    predict: createPredictionPool(workers, tellAgain),
  }

  function make(
    store: ArtefactStore,
    key: string,
    kind: JobData['kind'],
    task: object,
    report: (report: JobReport) => void,
  ) {
    let steps = 0
    return store.produce(key, folder =>
      kind === 'predict'
        ? predictInto(folder, pools.predict, task as PredictWork)
        : trainInto(folder, pools.train, task as TrainWork, progress => {
            steps += progress.steps
            tally.trained(progress.steps)
            report({ steps, loss: progress.loss })
          }),
    )
  }

  /** @returns whether the artefact was there already */
  async function perform(job: Job<JobData>, data: JobData): Promise<boolean> {
    const use = await cache?.begin()
    try {
      return await performIn(use?.store ?? store, job, data)
    } finally {
      await use?.end()
    }
  }

  async function performIn(
    store: ArtefactStore,
    job: Job<JobData>,
    { kind, task: encoded }: JobData,
  ): Promise<boolean> {
    // What is not in the store yet may still come, through the cache of a network file system.
    const task = await decodeTask(store, kind, encoded).catch(error => {
      throw new Error(reasonOf(error), { cause: error })
    })
    let reported = performance.now()
    const { reused } = await make(store, job.id!, kind, task, report => {
      if (performance.now() - reported < reportEvery) return
      reported = performance.now()
      job.updateProgress(report).catch(() => {})
    })
    return reused
  }

  const worker = new Worker<JobData>(
    queueName(),
    async (job, token) => {
      const data = jobSchema.parse(job.data)
      const { kind, title, stage } = data
      const about = { kind, title, stage, key: job.id!.slice(0, 12) }
      const began = performance.now()
      const ended = async (outcome: Outcome) => {
        const seconds = (performance.now() - began) / 1000
        tally.ended(kind, outcome, seconds)
        if (outcome !== 'failed') log('info', `job-${outcome}`, { ...about, seconds: rounded(seconds) })
        await noteMetrics()
      }
      tally.begun(kind)
      log('info', 'job-begun', about)
      try {
        const reused = await perform(job, data)
        await ended(reused ? 'reused' : 'done')
      } catch (error) {
        if (signal.aborted) {
          await ended('returned')
          await job.moveToWait(token)
          throw new WaitingError()
        }
        await ended('failed')
        throw isFinal(error) ? new UnrecoverableError(reasonOf(error)) : new Error(reasonOf(error))
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
    const isSetAside = job?.finishedOn !== undefined
    if (isSetAside) tally.setAside()
    const { kind, title, stage } = job?.data ?? {}
    log(isSetAside ? 'error' : 'warn', isSetAside ? 'job-set-aside' : 'job-failed', {
      ...{ kind, title, stage, key: job?.id?.slice(0, 12) },
      tries: job?.attemptsMade,
      error: recordIn(error.message)?.message ?? error.message,
    })
  })
  try {
    await worker.waitUntilReady()
    log('info', 'ready', { redis: addressText(address), workers })
    await noteMetrics()
    await new Promise<void>(resolve => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve())
    })
    pools.train.stop()
    pools.predict.stop()
    // Without Redis nobody can be told how jobs ended: others take them over as those of a lost worker.
    await worker.close(redis.status !== 'ready')
  } finally {
    stopTelling()
    await Promise.all([pools.train.close(), pools.predict.close()])
    redis.disconnect()
    server?.close()
    await noteMetrics()
  }
}

/** What pieline refuses on purpose it would refuse again; all else may have been an accident. */
const isFinal = (error: unknown): boolean =>
  error instanceof PielineError && !(error instanceof UnavailableError)

/** What the queue keeps of an error. */
const reasonOf = (error: unknown): string =>
  error instanceof PielineError ? recordText(recordOf(error)) : messageOf(error)

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** To milliseconds. */
const rounded = (seconds: number): number => Math.round(seconds * 1000) / 1000
