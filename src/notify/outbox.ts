/**
 * Messages on their way: a file each, there before anybody tries to deliver it and until somebody took it, so that each
 * is delivered at least once, whatever crashes in between.
 */
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { NotificationConfig } from '../pipeline/config.js'
import { writeText } from '../pipeline/files.js'
import type { Message } from './message.js'

/** One message on its way to one receiver. */
interface Letter {
  readonly notification: NotificationConfig
  readonly message: Message
  /** Milliseconds of the epoch. */
  readonly written: number
  readonly attempts: number
  readonly next: number
}

/** Waits between attempts: doubled each time up to the longest; after the lifetime it is laid aside in `dead/`. */
const [firstWait, longestWait, lifetime] = [5_000, 3_600_000, 7 * 86_400_000]

export type Deliver = (notification: NotificationConfig, message: Message) => Promise<void>

/** What became of an attempt. */
export interface Attempt {
  readonly message: Message
  readonly to: NotificationConfig['to']
  readonly outcome: 'delivered' | 'later' | 'dead'
  /** Why it was not delivered. */
  readonly reason?: string
}

export class Outbox {
  readonly #folder: string
  readonly #now: () => number

  /** @param folder made when there is something to keep in it */
  constructor(folder: string, now: () => number = Date.now) {
    this.#folder = folder
    this.#now = now
  }

  /** Keeps a message for a receiver. Returns once it is on the disk. */
  async put(notification: NotificationConfig, message: Message): Promise<void> {
    await mkdir(this.#folder, { recursive: true })
    const written = this.#now()
    const name = `${message.id}.${notification.to}.${crypto.randomUUID()}.json`
    await this.#write(name, { notification, message, written, attempts: 0, next: written })
  }

  /** Tries what is due, each message once. */
  async deliver(send: Deliver): Promise<Attempt[]> {
    const due = (await this.#letters()).filter(({ letter }) => this.#untilDue(letter) <= 0)
    return Promise.all(due.map(({ name, letter }) => this.#attempt(name, letter, send)))
  }

  /** How many messages are on their way. */
  async count(): Promise<number> {
    return (await this.#names()).length
  }

  /** Where the clock was put back, a wait that is longer than any is over. */
  #untilDue({ next }: Letter): number {
    const wait = next - this.#now()
    return wait > longestWait ? 0 : wait
  }

  async #attempt(name: string, letter: Letter, send: Deliver): Promise<Attempt> {
    const { notification, message, written } = letter
    const about = { message, to: notification.to }
    try {
      await send(notification, message)
    } catch (error) {
      const reason = (error as Error).message
      const attempts = letter.attempts + 1
      const wait = Math.min(longestWait, firstWait * 2 ** (attempts - 1))
      const now = this.#now()
      await this.#write(name, { ...letter, attempts, next: now + wait })
      if (now - written < lifetime) return { ...about, outcome: 'later', reason }
      await this.#layAside(name)
      return { ...about, outcome: 'dead', reason }
    }
    await rm(join(this.#folder, name), { force: true })
    return { ...about, outcome: 'delivered' }
  }

  async #letters(): Promise<{ name: string; letter: Letter }[]> {
    const letters: { name: string; letter: Letter }[] = []
    for (const name of await this.#names()) {
      try {
        letters.push({ name, letter: JSON.parse(await readFile(join(this.#folder, name), 'utf8')) })
      } catch (error) {
        // What another process delivered meanwhile is gone; what is damaged stays for people to look at.
        if (error instanceof SyntaxError) await this.#layAside(name)
        else if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
    return letters
  }

  async #names(): Promise<string[]> {
    try {
      return (await readdir(this.#folder)).filter(name => name.endsWith('.json')).sort()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  }

  async #layAside(name: string): Promise<void> {
    await mkdir(join(this.#folder, 'dead'), { recursive: true })
    await rename(join(this.#folder, name), join(this.#folder, 'dead', name))
  }

  #write(name: string, letter: Letter): Promise<void> {
    return writeText(join(this.#folder, name), `${JSON.stringify(letter)}\n`)
  }
}
