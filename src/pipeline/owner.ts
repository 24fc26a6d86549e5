/** Who holds an unfinished folder, so that leftovers of killed processes can be told from work in progress. */
import { hostname } from 'node:os'

export interface Owner {
  readonly host: string
  readonly pid: number
}

export const thisProcess: Owner = { host: hostname(), pid: process.pid }

/**
 * Whether the process that began something at `since` (milliseconds of the epoch) may still be at work. A process
 * of another machine may be: it cannot be asked. One with our own number that began before us had it before us,
 * as happens in containers, whose processes are numbered from 1 each time.
 */
export function isAlive(owner: Owner, since: number): boolean {
  if (owner.host !== thisProcess.host) return true
  if (owner.pid === process.pid) return since >= Date.now() - process.uptime() * 1000 - 1000
  try {
    process.kill(owner.pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
