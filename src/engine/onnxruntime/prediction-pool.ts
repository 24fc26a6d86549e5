/** Members predicted side by side, each on a worker thread of its own. */
import { type ErrorRecord, errorOf } from '../../error-record.js'
import type { Patience } from '../../threads/pulse.js'
import { createThreadPool, despiteHanging } from '../../threads/thread-pool.js'
import type { Predicted, PredictTask } from './predict-worker.js'

export interface PredictionPool {
  /**
   * Writes the logits of all examples; see {@link PredictTask}.
   * @throws DataError if the model cannot be run, HungError if its thread hung
   */
  predict(task: Omit<PredictTask, 'stop' | 'pulse' | 'mayShrink'>): Promise<void>
  /** See {@link despiteHanging}. */
  despiteHanging<T>(title: string, make: () => Promise<T>): Promise<T>
  /** Lets running members stop after their current batch. */
  stop(): void
  /** Waits for nothing: call it when every prediction has settled. */
  close(): Promise<void>
}

/** @param log hears of work that is done again, for want of memory or because its thread hung, and of smaller batches */
export function createPredictionPool(
  workers: number,
  log: (message: string) => void = () => {},
  patience?: Patience,
): PredictionPool {
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const pool = createThreadPool<PredictTask, ErrorRecord | Predicted>('predict-worker', import.meta.url, {
    workers,
    log,
    patience,
    mendOfMemory: 'Run on more memory, or with a smaller dataset.size or model.width.',
  })
  return {
    async predict(task) {
      const result = await pool.run(({ pulse, isAlone }) => ({
        task: { ...task, stop, pulse, mayShrink: isAlone },
      }))
      if ('name' in result) throw errorOf(result)
      const { wanted, batch } = result
      if (batch < wanted) {
        log(`batches of ${wanted} examples ran out of memory alone too; with batches of ${batch} it went on`)
      }
    },
    despiteHanging: (title, make) => despiteHanging(title, log, make),
    stop: () => void Atomics.store(stop, 0, 1),
    close: () => pool.close(),
  }
}
