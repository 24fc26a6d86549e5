/** Who holds an unfinished folder, so that leftovers of killed processes can be told from work in progress. */
import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
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

/** What tells a process from every other, one that gets its number later included. */
export interface Identity extends Owner {
  /** Where process numbers mean the same: this start of the machine, this container. Absent where that is unknown. */
  readonly place?: string
  /** When it started, in whatever form the system tells; absent where it does not. */
  readonly start?: string
}

/** The identity of a process of this machine. */
export function identityOf(pid: number): Identity {
  const [place, start] = [placeOfProcesses(), startOf(pid)]
  return {
    host: hostname(),
    pid,
    ...(place !== undefined && { place }),
    ...(start !== undefined && { start }),
  }
}

/**
 * Whether the process is there: undefined where it cannot be asked from here, being of another machine, another start
 * of this one, or another container.
 */
export function isSameProcess(identity: Identity): boolean | undefined {
  const { host, pid, place, start } = identity
  if (host !== hostname() || place !== placeOfProcesses()) return undefined
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  return start === undefined || start === startOf(pid)
}

function placeOfProcesses(): string | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return undefined
  }
}

function startOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      // proc_pid_stat(5), field 22, counted after the name, which may hold spaces and parentheses itself.
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    }
    if (process.platform === 'win32') return undefined
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
  } catch {
    return undefined
  }
}
