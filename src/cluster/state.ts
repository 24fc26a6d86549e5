/** What a cluster is doing, as its queue knows it. */
import { type Job, Queue } from 'bullmq'
import { errorOf, recordIn } from '../error-record.js'
import { type ClusterAddress, connect } from './address.js'
import { type JobData, type JobReport, prefix, queueName } from './queue.js'

export interface ClusterState {
  /** Connected workers, `<machine>:<process>`. */
  readonly workers: readonly string[]
  readonly active: readonly ActiveJob[]
  /** Jobs that wait for a worker, by stage. */
  readonly waiting: Readonly<Record<string, number>>
  /** Jobs that failed and wait for their next try. */
  readonly retrying: number
  readonly setAside: readonly SetAsideJob[]
  /** Jobs done within the last ten minutes, a minute. */
  readonly perMinute: number
  /** Jobs done in each of the last ten minutes, oldest first. */
  readonly history: readonly number[]
  /** Until the jobs that are in the queue now are done; later stages come on top. Undefined: nothing is known yet. */
  readonly secondsLeft: number | undefined
}

interface NamedJob {
  /** Key of the artefact. */
  readonly key: string
  readonly kind: JobData['kind']
  readonly title: string
  readonly stage: string
}

export interface ActiveJob extends NamedJob {
  readonly worker: string
  readonly seconds: number
  /** Steps of training done, and their loss; absent where nothing is reported yet. */
  readonly report?: JobReport
}

export interface SetAsideJob extends NamedJob {
  readonly reason: string
  readonly tries: number
}

/** Milliseconds that count as lately. */
const lately = 600_000
const minute = 60_000
/** Jobs read of each kind at most. */
const most = 499

export interface ClusterView {
  read(): Promise<ClusterState>
  close(): Promise<void>
}

/** @throws RunError if Redis cannot be reached */
export async function viewCluster(address: ClusterAddress): Promise<ClusterView> {
  const redis = await connect(address)
  const queue = new Queue<JobData>(queueName(), { connection: redis, prefix })
  queue.on('error', () => {})
  return {
    async read() {
      const [workers, active, prioritized, retrying, failed, completed] = await Promise.all([
        queue.getWorkers(),
        queue.getActive(0, most),
        queue.getPrioritized(0, most),
        queue.getDelayed(0, most),
        queue.getFailed(0, most),
        queue.getCompleted(0, most),
      ])
      const now = Date.now()
      const done = completed.filter(({ finishedOn = 0 }) => finishedOn <= now && now - finishedOn < lately)
      return {
        workers: workers.map(({ rawname = '' }) => rawname.split(':w:').at(-1)!).sort(),
        active: active.map(job => activeJob(job, now)),
        waiting: countByStage(prioritized),
        retrying: retrying.length,
        setAside: failed.map(job => ({
          ...namedJob(job),
          reason: failureText(job.failedReason),
          tries: job.attemptsMade,
        })),
        perMinute: perMinute(done, now),
        history: historyOf(done, now),
        secondsLeft: secondsLeft(completed, active, [...prioritized, ...retrying], now),
      }
    },
    async close() {
      await queue.close()
      redis.disconnect()
    },
  }
}

type AnyJob = Pick<Job<JobData>, 'id' | 'data' | 'processedOn' | 'finishedOn' | 'processedBy' | 'progress'>

function namedJob({ id, data: { kind, title, stage } }: AnyJob): NamedJob {
  return { key: id!, kind, title, stage }
}

function failureText(reason: string): string {
  const record = recordIn(reason)
  return record === undefined ? reason : errorOf(record).describe()
}

function activeJob(job: AnyJob, now: number): ActiveJob {
  const { processedBy = '', processedOn = now, progress } = job
  const report = typeof progress === 'object' ? (progress as JobReport) : undefined
  return {
    ...namedJob(job),
    worker: processedBy,
    seconds: (now - processedOn) / 1000,
    ...(report && { report }),
  }
}

function countByStage(jobs: readonly AnyJob[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { data } of jobs) counts[data.stage] = (counts[data.stage] ?? 0) + 1
  return counts
}

function perMinute(done: readonly AnyJob[], now: number): number {
  const first = Math.min(...done.map(({ processedOn = now }) => processedOn))
  return done.length === 0 ? 0 : (done.length / Math.max(1000, Math.min(lately, now - first))) * minute
}

function historyOf(done: readonly AnyJob[], now: number): number[] {
  const history = new Array<number>(lately / minute).fill(0)
  for (const { finishedOn = 0 } of done)
    history[history.length - 1 - Math.floor((now - finishedOn) / minute)]!++
  return history
}

/** From the mean duration of each kind, side by side as many as now. */
export function secondsLeft(
  completed: readonly AnyJob[],
  active: readonly AnyJob[],
  waiting: readonly AnyJob[],
  now: number,
): number | undefined {
  if (active.length + waiting.length === 0) return 0
  const meanOf = (kind: JobData['kind']) => {
    const own = completed.filter(({ data, processedOn, finishedOn }) => {
      return data.kind === kind && processedOn !== undefined && finishedOn !== undefined
    })
    const sum = own.reduce((total, job) => total + job.finishedOn! - job.processedOn!, 0)
    return own.length === 0 ? undefined : sum / own.length
  }
  const means = { train: meanOf('train'), predict: meanOf('predict') }
  let left = 0
  for (const job of [...active, ...waiting]) {
    const mean = means[job.data.kind]
    if (mean === undefined) return undefined
    left += active.includes(job) ? Math.max(0, mean - (now - (job.processedOn ?? now))) : mean
  }
  return left / 1000 / Math.max(1, active.length)
}
