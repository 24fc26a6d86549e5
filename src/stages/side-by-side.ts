/** Work on several items at a time in threads that can be told to stop. */
import pLimit from 'p-limit'

export interface Threads {
  readonly workers: number
  readonly signal: AbortSignal
  /** Lets running threads end soon. */
  stop(): void
}

/**
 * What `act` makes of each item, in their order. The first failure stops the others, which then fail for no reason of
 * their own.
 */
export async function sideBySide<T, R>(
  items: readonly T[],
  { workers, signal, stop }: Threads,
  act: (item: T) => Promise<R>,
): Promise<R[]> {
  const limit = pLimit(workers)
  let failure: { readonly error: unknown } | undefined
  signal.addEventListener('abort', stop)
  try {
    const results: R[] = []
    await Promise.all(
      items.map((item, i) =>
        limit(async () => {
          if (signal.aborted || failure !== undefined) return
          try {
            results[i] = await act(item)
          } catch (error) {
            failure ??= { error }
            stop()
          }
        }),
      ),
    )
    signal.throwIfAborted()
    if (failure !== undefined) throw failure.error
    return results
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
