/** Test pictures corrupted side by side, each corruption on a worker thread of its own. */
import { Tinypool } from 'tinypool'
import { workerFile } from '../threads/worker-file.js'
import type { CorruptTask } from './corrupt-worker.js'

export interface CorruptionPool {
  /** Writes the corrupted pictures; see {@link CorruptTask}. */
  corrupt(task: Omit<CorruptTask, 'stop'>): Promise<void>
  /** Lets running threads stop after their current pictures. */
  stop(): void
  /** Waits for nothing: call it when everything has settled. */
  close(): Promise<void>
}

export function createCorruptionPool(workers: number): CorruptionPool {
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const pool = new Tinypool({
    ...workerFile('corrupt-worker', import.meta.url),
    minThreads: 0,
    maxThreads: workers,
    idleTimeout: 60_000,
  })
  return {
    corrupt: task => pool.run({ ...task, stop } satisfies CorruptTask),
    stop: () => void Atomics.store(stop, 0, 1),
    close: () => pool.destroy(),
  }
}
