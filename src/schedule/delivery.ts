/** Brings messages from the outboxes to their receivers, beside the runs and never in their way. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Log } from '../log.js'
import type { Deliver, Outbox } from '../notify/outbox.js'

/** Looked for new messages so often, since other processes write them too. */
const glance = 1_000

/**
 * Delivers until the signal aborts, or, with `patience`, until nothing is left or so many milliseconds have passed.
 * What is left then waits on the disk for the next time.
 */
export async function deliver(
  outboxes: readonly Outbox[],
  send: Deliver,
  log: Log,
  { signal, patience }: { readonly signal: AbortSignal; readonly patience?: number },
): Promise<void> {
  const begun = performance.now()
  while (!signal.aborted) {
    const pending = await Promise.all(outboxes.map(outbox => round(outbox, send, log)))
    if (patience !== undefined) {
      const isEmpty = pending.every(count => count === 0)
      if (isEmpty || performance.now() - begun > patience) return
    }
    await wait(glance, undefined, { signal }).catch(() => {})
  }
}

/** One look at an outbox: returns how many messages are still in it. */
async function round(outbox: Outbox, send: Deliver, log: Log): Promise<number> {
  try {
    for (const { message, to, outcome, reason } of await outbox.deliver(send)) {
      const { id, pipeline, run, event } = message
      const level = { delivered: 'info', later: 'warn', dead: 'error' } as const
      const fields = { pipeline, run, message: id, about: event, to, ...(reason !== undefined && { reason }) }
      log(level[outcome], outcome === 'delivered' ? 'notified' : `notification-${outcome}`, fields)
    }
    return await outbox.count()
  } catch (error) {
    log('error', 'outbox-failed', { reason: (error as Error).message })
    return 1
  }
}
