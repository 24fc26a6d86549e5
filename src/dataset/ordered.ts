/** Concurrency that keeps order, and does not run ahead of whoever reads. */

/**
 * What `map` makes of each item, in the order of the items, with at most `concurrency` of them in the making.
 * When one fails, the error comes in its place: all before it have been given out, none after it.
 */
export async function* mapOrdered<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  concurrency: number,
  map: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const pending: Promise<R>[] = []
  try {
    for await (const item of items) {
      const result = map(item)
      // Whoever awaits it comes later; until then a failure is not unhandled.
      result.catch(() => {})
      pending.push(result)
      if (pending.length >= concurrency) yield await pending.shift()!
    }
    while (pending.length > 0) yield await pending.shift()!
  } finally {
    await Promise.allSettled(pending)
  }
}
