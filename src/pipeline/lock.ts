/**
 * One holder at a time, between processes and machines that share a folder, however they end.
 *
 * The holder is whoever made the file of the highest number, `.lock.<n>`; the next one makes `.lock.<n+1>`, which only
 * one can. The highest file is never removed, so that nobody can take a number again that was overtaken meanwhile;
 * lower ones are.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { writeText } from './files.js'
import { type Identity, identityOf, isSameProcess } from './owner.js'

export interface Lock {
  /** Lets the next one have it. */
  release(): Promise<void>
}

/** Who has the lock, where somebody has. */
export interface Holder extends Identity {
  /** UTC, ISO 8601. */
  readonly since: string
}

/** How often a holder shows that it is there, and after which silence one that cannot be asked counts as gone. */
const beatMilliseconds = 15_000
const silenceMilliseconds = 20 * beatMilliseconds

/** What a lock's file holds when nobody has the lock. */
const released = 'released\n'

const holderSchema = z.object({
  host: z.string(),
  pid: z.number(),
  place: z.string().optional(),
  start: z.string().optional(),
  since: z.string(),
})

/** The lock in `folder`, or who has it. */
export async function acquireLock(folder: string): Promise<Lock | Holder> {
  await mkdir(folder, { recursive: true })
  for (;;) {
    const highest = Math.max(0, ...(await numbers(folder)))
    const holder = highest > 0 ? await holderOf(folder, highest) : undefined
    if (holder) return holder
    const mine = highest + 1
    if (!(await make(pathOf(folder, mine)))) continue
    // Somebody else who judged the same one at the same time may be further already.
    const found = await numbers(folder)
    if (Math.max(...found) > mine) {
      await rm(pathOf(folder, mine), { force: true })
      continue
    }
    for (const lower of found.filter(number => number < mine))
      await rm(pathOf(folder, lower), { force: true })
    return hold(pathOf(folder, mine))
  }
}

export function isLock(taken: Lock | Holder): taken is Lock {
  return 'release' in taken
}

const pathOf = (folder: string, number: number): string => join(folder, `.lock.${number}`)

async function numbers(folder: string): Promise<number[]> {
  return (await readdir(folder)).flatMap(name => {
    const [, number] = /^\.lock\.(\d+)$/.exec(name) ?? []
    return number === undefined ? [] : [Number(number)]
  })
}

/** Whether the file was not there yet. */
async function make(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx')
    try {
      const holder: Holder = { ...identityOf(process.pid), since: new Date().toISOString() }
      await file.writeFile(`${JSON.stringify(holder)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function hold(path: string): Lock {
  const beat = setInterval(() => {
    // A folder that cannot be reached now may be next time.
    touch(path).catch(() => {})
  }, beatMilliseconds)
  beat.unref()
  return {
    async release() {
      clearInterval(beat)
      await writeText(path, released)
    },
  }
}

/** Writes the first byte again, so that the file system sets the time, by its own clock. */
async function touch(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.write('{', 0)
  } finally {
    await file.close()
  }
}

/** Who has this lock; undefined where it was released, or its holder is gone. */
async function holderOf(folder: string, number: number): Promise<Holder | undefined> {
  const path = pathOf(folder, number)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  if (text === released) return undefined
  const holder = parseHolder(text)
  const isThere = holder && isSameProcess(holder)
  if (isThere === false || (isThere === undefined && (await isSilent(folder, path)))) return undefined
  // What a writer has not finished yet is a lock all the same.
  return holder ?? { host: 'unknown', pid: 0, since: new Date().toISOString() }
}

function parseHolder(text: string): Holder | undefined {
  try {
    return holderSchema.parse(JSON.parse(text)) as Holder
  } catch {
    return undefined
  }
}

/** Whether the file was not touched for long, by the clock of the file system, which all machines share. */
async function isSilent(folder: string, path: string): Promise<boolean> {
  const probe = join(folder, `.clock.${randomUUID()}`)
  try {
    await writeFile(probe, '')
    const [now, beaten] = await Promise.all([stat(probe), stat(path)])
    return now.mtimeMs - beaten.mtimeMs > silenceMilliseconds
  } finally {
    await rm(probe, { force: true })
  }
}
