/** Text that is drawn anew every second. */
import { setTimeout as pause } from 'node:timers/promises'
import { createLogUpdate } from 'log-update'

/** Until the signal ends it; the last text stays on the screen. */
export async function watch(text: () => Promise<string>, signal: AbortSignal): Promise<void> {
  const draw = createLogUpdate(process.stdout)
  while (!signal.aborted) {
    draw(await text())
    await pause(1000, undefined, { signal }).catch(() => {})
  }
  draw.done()
}
