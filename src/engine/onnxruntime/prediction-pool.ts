/** Members predicted side by side, each on a worker thread of its own. */
import { Tinypool } from 'tinypool'
import { workerFile } from '../../worker-file.js'
import type { PredictTask } from './predict-worker.js'

export interface PredictionPool {
  /** Writes the logits of all examples; see {@link PredictTask}. */
  predict(task: Omit<PredictTask, 'stop'>): Promise<void>
  /** Lets running members stop after their current batch. */
  stop(): void
  /** Waits for nothing: call it when every prediction has settled. */
  close(): Promise<void>
}

export function createPredictionPool(workers: number): PredictionPool {
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const pool = new Tinypool({
    ...workerFile('predict-worker', import.meta.url),
    minThreads: 0,
    maxThreads: workers,
    // A thread without work would otherwise end at once, and start anew for the next member.
    idleTimeout: 60_000,
  })
  return {
    predict: task => pool.run({ ...task, stop } satisfies PredictTask),
    stop: () => void Atomics.store(stop, 0, 1),
    close: () => pool.destroy(),
  }
}
