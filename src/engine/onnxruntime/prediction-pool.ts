/** Members predicted side by side, each on a worker thread of its own. */
import { type ErrorRecord, errorOf } from '../../error-record.js'
import { createThreadPool } from '../../thread-pool.js'
import type { PredictTask } from './predict-worker.js'

export interface PredictionPool {
  /** Writes the logits of all examples; see {@link PredictTask}. @throws DataError if the model cannot be run */
  predict(task: Omit<PredictTask, 'stop'>): Promise<void>
  /** Lets running members stop after their current batch. */
  stop(): void
  /** Waits for nothing: call it when every prediction has settled. */
  close(): Promise<void>
}

/** @param log hears of work that is done again for want of memory */
export function createPredictionPool(workers: number, log?: (message: string) => void): PredictionPool {
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const pool = createThreadPool<PredictTask, ErrorRecord | undefined>(
    'predict-worker',
    import.meta.url,
    workers,
    log,
  )
  return {
    async predict(task) {
      const failure = await pool.run(() => ({ task: { ...task, stop } }))
      if (failure) throw errorOf(failure)
    },
    stop: () => void Atomics.store(stop, 0, 1),
    close: () => pool.close(),
  }
}
