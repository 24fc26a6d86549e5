/** Writes down when it begins and ends; asks for more memory than there is, as often as it is told to. */
import { appendFile, readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'

export interface HungryTask {
  readonly name: string
  readonly log: string
  /** Attempts that ask for too much. */
  readonly failures: number
}

export default async function work({ name, log, failures }: HungryTask): Promise<string> {
  await appendFile(log, `begin ${name}\n`)
  await wait(40)
  const attempts = (await readFile(log, 'utf8')).split('\n').filter(line => line === `begin ${name}`).length
  try {
    if (attempts <= failures) new ArrayBuffer(2 ** 48)
    return `${name} after ${attempts}`
  } finally {
    await appendFile(log, `end ${name}\n`)
  }
}
