/** Label quality of one group of examples by a matrix of predictions, over worker threads where there is much to do. */
import { availableParallelism } from 'node:os'
import { Tinypool } from 'tinypool'
import { fitGroup } from '../scoring/label-quality.js'
import { type LeadingClasses, unknownClasses } from '../scoring/leading-classes.js'
import type { PredictionForm } from '../scoring/matrix-scores.js'
import { emptyJudgement, type LabelJudgement } from '../scoring/noise-model.js'
import { workerFile } from '../threads/worker-file.js'
import { type JudgingTask, judge, type TakingTask, take } from './judging-worker.js'
import type { Numbers } from './npy.js'

/** Fewer values than this are through before a thread has started. */
const leastShared = 2 ** 23
/** Values that a task takes up: few enough to stay in a core's cache. */
const blockValues = 2 ** 18

/** Whoever does the tasks. */
interface Workers {
  readonly count: number
  take(task: TakingTask): Promise<void>
  judge(task: JudgingTask): Promise<Float64Array>
  close(): Promise<void>
}

const alone: Workers = {
  count: 1,
  take: async task => take(task),
  judge: async task => judge(task),
  close: async () => {},
}

function threads(count: number): Workers {
  const pool = new Tinypool({
    ...workerFile('judging-worker', import.meta.url),
    minThreads: count,
    maxThreads: count,
    concurrentTasksPerWorker: 1,
  })
  return {
    count,
    take: task => pool.run(task, { name: 'take' }),
    judge: task => pool.run(task, { name: 'judge' }),
    close: () => pool.destroy(),
  }
}

export class MatrixJudge {
  /** Rows that a task takes up, at most. */
  readonly blockRows: number
  readonly #form: PredictionForm
  readonly #leading: LeadingClasses
  readonly #workers: Workers
  /** Buffers that no worker reads at the moment, and the tasks that read the others. */
  readonly #free: SharedArrayBuffer[]
  readonly #taking = new Set<Promise<void>>()
  #taken = 0

  /**
   * @param labels given labels, [examples] @param classes ≥ 2
   * @param workers threads, of which the results do not depend; 1 works in the caller's own
   */
  constructor(labels: Int32Array, classes: number, form: PredictionForm, workers?: number) {
    this.blockRows = Math.max(1, Math.floor(blockValues / classes))
    this.#form = form
    const shared = (bytes: number) => new SharedArrayBuffer(bytes)
    const own = new Int32Array(shared(labels.byteLength))
    own.set(labels)
    this.#leading = unknownClasses(own, classes, shared)
    const count = workers ?? (labels.length * classes < leastShared ? 1 : availableParallelism())
    this.#workers = count === 1 ? alone : threads(count)
    const bytes = this.blockRows * classes * Float64Array.BYTES_PER_ELEMENT
    this.#free = Array.from({ length: this.#workers.count + 1 }, () => shared(bytes))
  }

  /** Takes up the next rows, [rows, classes]. They may be overwritten as soon as this is through. */
  async take(values: Numbers): Promise<void> {
    const { classes } = this.#leading
    const height = this.blockRows * classes
    for (let begin = 0; begin < values.length; begin += height) {
      const block = values.subarray(begin, begin + height)
      await this.#takeBlock(block)
      this.#taken += block.length / classes
    }
  }

  async #takeBlock(values: Numbers): Promise<void> {
    while (this.#free.length === 0) await Promise.race(this.#taking)
    const buffer = this.#free.pop()!
    const isSingle = values instanceof Float32Array
    const copy = isSingle
      ? new Float32Array(buffer, 0, values.length)
      : new Float64Array(buffer, 0, values.length)
    copy.set(values)
    const task = this.#workers
      .take({ leading: this.#leading, first: this.#taken, values: copy, form: this.#form })
      .then(() => {
        this.#free.push(buffer)
        this.#taking.delete(task)
      })
    // It is waited for later on, or no more, where the caller gives up.
    task.catch(() => {})
    this.#taking.add(task)
  }

  /** Judges all labels, when every example is there. @returns the counts are by given (row) and true class (column) */
  async judge(): Promise<{ judgement: LabelJudgement; joint: Float64Array }> {
    await Promise.all(this.#taking)
    const leading = this.#leading
    const [examples, parts] = [leading.labels.length, this.#workers.count]
    const judgement = emptyJudgement(examples, bytes => new SharedArrayBuffer(bytes))
    const model = fitGroup(leading, 0)
    const bound = (part: number) => Math.floor((part * examples) / parts)
    const joints = await Promise.all(
      Array.from({ length: parts }, (_, part) =>
        this.#workers.judge({ leading, model, range: [bound(part), bound(part + 1)], judgement }),
      ),
    )
    const [joint, ...others] = joints
    for (const other of others) for (let at = 0; at < joint.length; at++) joint[at] += other[at]
    return { judgement, joint }
  }

  close(): Promise<void> {
    return this.#workers.close()
  }
}
