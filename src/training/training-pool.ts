/** Members trained side by side, each on a worker thread of its own. */
import { MessageChannel } from 'node:worker_threads'
import { type ErrorRecord, errorOf } from '../error-record.js'
import type { Patience } from '../threads/pulse.js'
import { createThreadPool, despiteHanging } from '../threads/thread-pool.js'
import type { TrainProgress, TrainTask } from './training-worker.js'

export interface TrainingPool {
  /** Trains; see {@link TrainTask}. @throws PielineError as the worker threw it; HungError if its thread hung */
  train(
    task: Omit<TrainTask, 'stop' | 'progress' | 'pulse'>,
    onProgress: (progress: TrainProgress) => void,
  ): Promise<void>
  /** See {@link despiteHanging}. */
  despiteHanging<T>(title: string, make: () => Promise<T>): Promise<T>
  /** Lets running members stop after their current call of the engine. */
  stop(): void
  close(): Promise<void>
}

/** @param log hears of work that is done again, for want of memory or because its thread hung */
export function createTrainingPool(
  workers: number,
  log: (message: string) => void = () => {},
  patience?: Patience,
): TrainingPool {
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const pool = createThreadPool<TrainTask, ErrorRecord | undefined>('training-worker', import.meta.url, {
    workers,
    log,
    patience,
    mendOfMemory: 'Run on more memory, or with a smaller model.batchSize, model.width or dataset.size.',
  })
  return {
    async train(task, onProgress) {
      let told = 0
      let close = () => {}
      try {
        const failure = await pool.run(({ pulse }) => {
          close()
          const { port1, port2 } = new MessageChannel()
          let done = 0
          // Steps that are done again were told already.
          port1.on('message', ({ steps, loss }: TrainProgress) => {
            done += steps
            if (done > told) onProgress({ steps: done - told, loss })
            told = Math.max(told, done)
          })
          close = () => port1.close()
          return { task: { ...task, stop, progress: port2, pulse }, transfer: [port2] }
        })
        if (failure) throw errorOf(failure)
      } finally {
        close()
      }
    },
    despiteHanging: (title, make) => despiteHanging(title, log, make),
    stop: () => void Atomics.store(stop, 0, 1),
    close: () => pool.close(),
  }
}
