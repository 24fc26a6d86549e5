/**
 * Work on threads of their own. A piece that ran out of memory is done once more, with nothing beside it: pieces side
 * by side take the most, and what is done alone gives the same bytes, as smaller batches of training would not. A
 * thread that gets no further for long is given up; nothing is known then of what it has written, so whoever asked for
 * the work has it done anew where that one did not write.
 */
import type { TransferListItem } from 'node:worker_threads'
import pLimit from 'p-limit'
import { Tinypool } from 'tinypool'
import { RunError, UnavailableError } from '../errors.js'
import { noteHung } from './hung-threads.js'
import { createPulse, type Patience, type Pulse, usualPatience, watchPulse } from './pulse.js'
import { isWantOfMemory } from './want-of-memory.js'
import { workerFile } from './worker-file.js'

/** One try at a piece of work. */
export interface Attempt {
  /** The thread counts in it whenever it has got further, see {@link beat}. */
  readonly pulse: Pulse
  /** Whether nothing is beside it, since it ran out of memory beside others. */
  readonly isAlone: boolean
}

export interface ThreadPool<Task, Result> {
  /**
   * Does a piece of work on a thread that has nothing else to do.
   * @param prepare what the thread gets; asked again if the piece is done again
   * @throws what the thread threw; HungError if it was given up; RunError if it ran out of memory alone too
   */
  run(
    prepare: (attempt: Attempt) => { readonly task: Task; readonly transfer?: TransferListItem[] },
  ): Promise<Result>
  /** Waits for nothing: call it when all work has settled. */
  close(): Promise<void>
}

export interface ThreadPoolOptions {
  /** Threads side by side. */
  readonly workers: number
  /** Hears of work that is done again. */
  readonly log?: ((message: string) => void) | undefined
  /** What to do about work for which there is not enough memory even alone. */
  readonly mendOfMemory: string
  readonly patience?: Patience | undefined
}

/** A thread got no further for long, and was given up. */
export class HungError extends UnavailableError {}

/** @param name of the worker module beside the module at `base`, see {@link workerFile} */
export function createThreadPool<Task, Result>(
  name: string,
  base: string,
  { workers, log = () => {}, mendOfMemory, patience = usualPatience }: ThreadPoolOptions,
): ThreadPool<Task, Result> {
  const pool = new Tinypool({
    ...workerFile(name, base),
    minThreads: 0,
    maxThreads: workers,
    concurrentTasksPerWorker: 1,
    // A thread without work would otherwise end at once, and the next piece of work read its inputs anew.
    idleTimeout: 60_000,
  })
  // Work that waits for a thread waits here: a pulse is watched from when there is one.
  const limit = pLimit(workers)
  type Prepare = Parameters<ThreadPool<Task, Result>['run']>[0]
  const running = new Set<Promise<Result>>()
  /** The work that is done alone, one after the other; others wait for it. */
  let alone: Promise<unknown> = Promise.resolve()

  function start(prepare: Prepare, isAlone: boolean): Promise<Result> {
    const done = limit(() => attempt(prepare, isAlone))
    running.add(done)
    const settle = () => void running.delete(done)
    done.then(settle, settle)
    return done
  }

  async function attempt(prepare: Prepare, isAlone: boolean): Promise<Result> {
    const pulse = createPulse()
    const { task, transfer = [] } = prepare({ pulse, isAlone })
    const ending = new AbortController()
    let hung: HungError | undefined
    const endWatch = watchPulse(pulse, patience, silence => {
      hung = new HungError(`its thread got no further for ${timeText(silence)}`)
      const before = pool.threads
      ending.abort()
      for (const thread of before) if (!pool.threads.includes(thread)) noteHung(thread)
    })
    try {
      return await pool.run(task, { transferList: transfer, signal: ending.signal })
    } catch (error) {
      throw hung ?? error
    } finally {
      endWatch()
    }
  }

  async function startAlone(prepare: Prepare): Promise<Result> {
    await Promise.allSettled(running)
    try {
      return await start(prepare, true)
    } catch (error) {
      if (!isWantOfMemory(error)) throw error
      throw new RunError(`it ran out of memory, alone too: ${(error as Error).message.trim()}`, {
        mend: mendOfMemory,
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
        return await start(prepare, false)
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

/** How often work is begun whose threads hang. */
const tries = 3

/**
 * Makes what threads of a pool make, and makes it anew where one of them hung.
 * @param title names the work in the log
 * @param make begins where no thread has written yet
 * @throws RunError if a thread hangs each time
 */
export async function despiteHanging<T>(
  title: string,
  log: (message: string) => void,
  make: () => Promise<T>,
): Promise<T> {
  for (let turn = 1; ; turn++) {
    try {
      return await make()
    } catch (error) {
      if (!(error instanceof HungError)) throw error
      if (turn === tries) {
        throw new RunError(`${error.message}, ${tries} times one after the other`, {
          mend: 'Look at the disk and the network that hold the data and the runs; the same command goes on.',
          cause: error,
        })
      }
      log(`${title}: ${error.message}; it is given up, and the work begins anew on another`)
    }
  }
}

function timeText(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} minutes`
}
