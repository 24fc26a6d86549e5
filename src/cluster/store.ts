/**
 * The store of a run on a cluster: what is told as work is made by the workers of a queue, and appears in the store
 * that they share with the run. The store is the truth and the queue is not: a queue that forgot everything is filled
 * again, and a job that was done twice made the same bytes.
 */
import { type Job, Queue, QueueEvents } from 'bullmq'
import { errorOf, recordIn } from '../error-record.js'
import { type PielineError, RunError } from '../errors.js'
import type { Cluster, ClusterOptions, ConnectCluster } from '../pipeline/cluster.js'
import type { StageName } from '../pipeline/stage.js'
import type { Artefact, ArtefactStore, Work } from '../pipeline/store.js'
import { addressText, type ClusterAddress, connect, parseAddress, tellOutages } from './address.js'
import { type JobData, type JobReport, jobOptions, prefix, queueName } from './queue.js'
import { encodeTask, isWithin } from './task.js'

/** Members that a run has in the queue at once: enough for as many workers. */
const inQueue = 64
/** Milliseconds after which a job is looked at though nothing was heard of it: events get lost with connections. */
const lookAgain = 5000
/** Milliseconds that a finished artefact may take to be seen through the cache of a network file system. */
const visibleAfter = 15_000
/** Milliseconds that the end of a run waits for a Redis that may be away for good. */
const patience = 2000

/**
 * What makes a run one on a cluster.
 * @param isPublic see {@link parseAddress}
 * @throws ConfigError at once if the address is none
 */
export function clusterAt(text: string, isPublic: boolean): ConnectCluster {
  const address = parseAddress(text, isPublic)
  return options => openCluster(address, options)
}

/** @throws RunError if Redis cannot be reached */
export async function openCluster(
  address: ClusterAddress,
  { store: folder, signal, log }: ClusterOptions,
): Promise<Cluster> {
  const redis = await connect(address)
  const place = addressText(address)
  const stopTelling = tellOutages(redis, isAway =>
    log(isAway ? `Redis at ${place} is away; waiting for it` : `Redis at ${place} is back`),
  )
  const queue = new Queue<JobData>(queueName(), { connection: redis, prefix })
  const events = new QueueEvents(queueName(), { connection: redis, prefix })
  // Connections that break are made anew, and commands wait until then.
  queue.on('error', () => {})
  events.on('error', () => {})

  const waiting = new Map<string, Waiting>()
  const wake = ({ jobId }: { jobId: string }) => waiting.get(jobId)?.wake()
  events.on('completed', wake)
  events.on('failed', wake)
  events.on('progress', ({ jobId, data }) => waiting.get(jobId)?.report(data as unknown as JobReport))

  const failed = new AbortController()
  const ended = AbortSignal.any([signal, failed.signal])
  ended.addEventListener('abort', () => {
    for (const one of waiting.values()) one.wake()
  })

  let isAsked = false
  async function tellIfNobodyWorks(): Promise<void> {
    if (isAsked) return
    isAsked = true
    if ((await queue.getWorkersCount()) > 0) return
    log(`no worker is connected to ${place} yet: start "pieline worker"`)
  }

  async function order(key: string, stage: StageName, store: ArtefactStore, work: Work): Promise<Artefact> {
    const { kind, title } = work
    // Even where another run has asked for it: what the job reads is then noted as needed by this run too.
    const task = (await encodeTask(folder, store, work)) as JobData['task']
    // What failed in an earlier run, or was done and then removed from the store, begins anew.
    const old = await queue.getJob(key)
    if (old && ((await old.isFailed()) || (await old.isCompleted()))) await old.remove().catch(() => {})
    const one = new Waiting(work)
    waiting.set(key, one)
    let doneSince: number | undefined
    for (;;) {
      ended.throwIfAborted()
      const job = (await queue.getJob(key)) as Job<JobData> | undefined
      const state = (await job?.getState()) ?? 'unknown'
      if (state === 'failed') throw failureOf(job!)
      const artefact = ['completed', 'unknown'].includes(state) ? await store.find(key) : undefined
      if (artefact) return { ...artefact, reused: false }
      if (state === 'completed') {
        doneSince ??= Date.now()
        if (Date.now() - doneSince > visibleAfter) throw notShared(folder, job!)
      } else if (state === 'unknown') {
        await queue.add(kind, { kind, title, stage, task }, jobOptions(key, stage))
      } else if (state !== 'active') await tellIfNobodyWorks()
      await one.soon(state === 'completed' ? lookAgain / 10 : lookAgain)
    }
  }

  /** Takes back what no worker has begun: nobody waits for it any more. */
  async function withdraw(key: string): Promise<void> {
    const job = await queue.getJob(key)
    if (job && !(await job.isActive()) && !(await job.isFailed())) await job.remove().catch(() => {})
  }

  const making = new Map<string, Promise<Artefact>>()
  async function make(key: string, stage: StageName, store: ArtefactStore, work: Work): Promise<Artefact> {
    const found = await store.find(key)
    if (found) return found
    try {
      const artefact = await unlessAborted(ended, order(key, stage, store, work))
      waiting.delete(key)
      return artefact
    } catch (error) {
      // The run ends with it: others are waited for no more, once this failure is the first that is heard of.
      setImmediate(() => failed.abort(error))
      throw error
    }
  }

  return {
    storeOf: (stage, store) => ({
      find: key => store.find(key),
      elsewhere: inQueue,
      produce(key, makeHere, work) {
        if (work === undefined || !isWithin(folder, work)) return store.produce(key, makeHere)
        const underWay = making.get(key)
        if (underWay) return underWay.then(artefact => ({ ...artefact, reused: true }))
        const made = make(key, stage, store, work).finally(() => making.delete(key))
        making.set(key, made)
        return made
      },
    }),
    async close() {
      stopTelling()
      const tidy = Promise.all([...waiting.keys()].map(withdraw))
        .then(() => Promise.all([events.close(), queue.close()]))
        .catch(() => {})
      await Promise.race([tidy, new Promise(resolve => setTimeout(resolve, patience).unref())])
      redis.disconnect()
    },
  }
}

/** Somebody who waits for a job. */
class Waiting {
  readonly #work: Work
  #told = 0
  #isWoken = false
  #wake = () => {
    this.#isWoken = true
  }

  constructor(work: Work) {
    this.#work = work
  }

  /** Has the job looked at now. */
  wake(): void {
    this.#wake()
  }

  /** A worker that takes a job over begins it anew; what was told stays told. */
  report({ steps, loss }: JobReport): void {
    if (steps <= this.#told) return
    this.#work.onReport?.({ steps: steps - this.#told, loss })
    this.#told = steps
  }

  /** Resolves when woken, also since the last time, or after so many milliseconds. */
  async soon(milliseconds: number): Promise<void> {
    const asleep = this.#wake
    await new Promise<void>(resolve => {
      if (this.#isWoken) return resolve()
      const timer = setTimeout(resolve, milliseconds)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = asleep
    this.#isWoken = false
  }
}

function failureOf({ failedReason, attemptsMade }: Job): PielineError {
  if (failedReason.includes('stalled')) {
    return new RunError('the workers that took it died or hung, one after the other', {
      mend: 'Look at their logs, for want of memory first. The same command tries it again.',
    })
  }
  const { message, ...record } = recordIn(failedReason) ?? { name: 'RunError', message: failedReason }
  const tries = attemptsMade > 1 ? ` (${attemptsMade} tries)` : ''
  return errorOf({ mend: 'The same command tries it again.', ...record, message: `${message}${tries}` })
}

function notShared(folder: string, { data }: Job<JobData>): RunError {
  return new RunError(`a worker has made ${data.title}, and it is not in the store of this run`, {
    file: folder,
    mend: 'Give the workers this store: "pieline worker --store", the same folder on all machines.',
  })
}

async function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  signal.throwIfAborted()
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop)
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
