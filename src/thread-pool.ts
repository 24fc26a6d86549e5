/**
 * Work on threads of their own. A piece that ran out of memory is done once more, with nothing beside it: pieces side
 * by side take the most, and what is done alone gives the same bytes, as smaller batches would not.
 */
import type { TransferListItem } from 'node:worker_threads'
import { Tinypool } from 'tinypool'
import { RunError } from './errors.js'
import { workerFile } from './worker-file.js'

export interface ThreadPool<Task, Result> {
  /**
   * Does a piece of work on a thread that has nothing else to do.
   * @param prepare what the thread gets; asked again if the piece is done again
   * @throws what the thread threw; RunError if it ran out of memory alone too
   */
  run(prepare: () => { readonly task: Task; readonly transfer?: TransferListItem[] }): Promise<Result>
  /** Waits for nothing: call it when all work has settled. */
  close(): Promise<void>
}

/**
 * @param name of the worker module beside the module at `base`, see {@link workerFile}
 * @param log hears of work that is done again
 */
export function createThreadPool<Task, Result>(
  name: string,
  base: string,
  workers: number,
  log: (message: string) => void = () => {},
): ThreadPool<Task, Result> {
  const pool = new Tinypool({
    ...workerFile(name, base),
    minThreads: 0,
    maxThreads: workers,
    concurrentTasksPerWorker: 1,
    // A thread without work would otherwise end at once, and the next piece of work read its inputs anew.
    idleTimeout: 60_000,
  })
  type Prepare = Parameters<ThreadPool<Task, Result>['run']>[0]
  const running = new Set<Promise<Result>>()
  /** The work that is done alone, one after the other; others wait for it. */
  let alone: Promise<unknown> = Promise.resolve()

  function start(prepare: Prepare): Promise<Result> {
    const { task, transfer = [] } = prepare()
    const done: Promise<Result> = pool.run(task, { transferList: transfer })
    running.add(done)
    const settle = () => void running.delete(done)
    done.then(settle, settle)
    return done
  }

  async function startAlone(prepare: Prepare): Promise<Result> {
    await Promise.allSettled(running)
    try {
      return await start(prepare)
    } catch (error) {
      if (!isWantOfMemory(error)) throw error
      throw new RunError(`it ran out of memory, alone too: ${(error as Error).message}`, {
        mend: 'Run on more memory, or with a smaller model.batchSize, model.width or dataset.size.',
        cause: error,
      })
    }
  }

  return {
    async run(prepare) {
      for (let seen: unknown; seen !== alone; ) {
        seen = alone
        await seen
      }
      try {
        return await start(prepare)
      } catch (error) {
        if (!isWantOfMemory(error)) throw error
        log('a worker ran out of memory; its work is done again with nothing beside it')
        const again = alone.then(() => startAlone(prepare))
        alone = again.catch(() => {})
        return await again
      }
    },
    close: () => pool.destroy(),
  }
}

/** As Node says it of a thread's heap and of buffers, and ONNX Runtime of its tensors. */
function isWantOfMemory(error: unknown): boolean {
  const { code, message = '' } = error as NodeJS.ErrnoException
  return (
    code === 'ERR_WORKER_OUT_OF_MEMORY' ||
    /bad[ _]alloc|out of memory|allocation failed|failed to allocate|not enough memory/i.test(message)
  )
}
