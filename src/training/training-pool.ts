/** Members trained side by side, each on a worker thread of its own. */
import { MessageChannel } from 'node:worker_threads'
import { Tinypool } from 'tinypool'
import { RunError } from '../errors.js'
import { workerFile } from '../worker-file.js'
import type { TrainFailure, TrainProgress, TrainTask } from './training-worker.js'

export interface TrainingPool {
  /** Trains; see {@link TrainTask}. @throws RunError with what the worker said, if it failed on purpose. */
  train(
    task: Omit<TrainTask, 'stop' | 'progress'>,
    onProgress: (progress: TrainProgress) => void,
  ): Promise<void>
  /** Lets running members stop after their current call of the engine. */
  stop(): void
  close(): Promise<void>
}

export function createTrainingPool(workers: number): TrainingPool {
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const pool = new Tinypool({
    ...workerFile('training-worker', import.meta.url),
    minThreads: 0,
    maxThreads: workers,
    concurrentTasksPerWorker: 1,
    // A thread without work would otherwise end at once, and the next member's read the training set anew.
    idleTimeout: 60_000,
  })
  return {
    async train(task, onProgress) {
      const { port1, port2 } = new MessageChannel()
      port1.on('message', onProgress)
      try {
        const work = { ...task, stop, progress: port2 } satisfies TrainTask
        const failure: TrainFailure | undefined = await pool.run(work, { transferList: [port2] })
        if (failure) throw new RunError(failure.message, failure)
      } finally {
        port1.close()
      }
    },
    stop: () => void Atomics.store(stop, 0, 1),
    close: () => pool.destroy(),
  }
}
