/** Stopping a command that goes on for long. */
import { StoppedError } from '../errors.js'

/** The first signal asks to stop; with the listeners gone, the second ends the process as it would any other. */
export function stopOnSignals(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController()
  const signals = ['SIGINT', 'SIGTERM'] as const
  const release = () => {
    for (const signal of signals) process.removeListener(signal, stop)
  }
  const stop = (signal: NodeJS.Signals) => {
    release()
    process.stderr.write('\nStopping at the next safe point; once more to stop at once.\n')
    controller.abort(new StoppedError(signal as (typeof signals)[number]))
  }
  for (const signal of signals) process.on(signal, stop)
  return { signal: controller.signal, release }
}
