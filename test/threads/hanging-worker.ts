/** Works in a few small pieces, and hangs after some of them as often as it is told to, each time for good. */
import { openSync } from 'node:fs'
import { appendFile, readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { beat, type Pulse } from '../../src/threads/pulse.js'

export interface HangingTask {
  readonly log: string
  readonly pulse: Pulse
  /** Attempts that hang. */
  readonly hangs: number
  /** Milliseconds of each piece. */
  readonly piece: number
  /** A pipe that nobody writes to, to hang within the system; absent: in the thread's own code. */
  readonly pipe?: string
}

export default async function work({ log, pulse, hangs, piece, pipe }: HangingTask): Promise<string> {
  await appendFile(log, 'begin\n')
  const attempts = (await readFile(log, 'utf8')).split('\n').length - 1
  for (let done = 0; done < 4; done++) {
    await wait(piece)
    beat(pulse)
  }
  if (attempts > hangs) return `done at attempt ${attempts}`
  if (pipe !== undefined) openSync(pipe, 'r')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  return 'never'
}
