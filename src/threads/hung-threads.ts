/** Threads that were given up and have not ended: one that hangs within the system itself would keep the process for good. */
import { setTimeout as pause } from 'node:timers/promises'

interface Thread {
  once(event: 'exit', listener: () => void): unknown
}

const hung = new Set<Thread>()

/** Notes a thread that was told to end. */
export function noteHung(thread: Thread): void {
  hung.add(thread)
  thread.once('exit', () => void hung.delete(thread))
}

/** Milliseconds that a thread that was told to end gets for it. */
const lastChance = 1000

/**
 * Ends the process by SIGKILL where a thread cannot be ended, when all else is done: `process.exit` would wait for it.
 * What was written to stdout and stderr comes out first.
 */
export async function leaveHungThreads(): Promise<void> {
  if (hung.size > 0) await pause(lastChance)
  if (hung.size === 0) return
  const written = (stream: NodeJS.WriteStream, text: string) =>
    new Promise<void>(resolve => void stream.write(text, () => resolve()))
  await written(process.stdout, '')
  await written(
    process.stderr,
    'A thread hangs within the system and cannot be ended; the process ends by SIGKILL.\n',
  )
  process.kill(process.pid, 'SIGKILL')
}
