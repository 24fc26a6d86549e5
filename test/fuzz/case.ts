/** One damaged file, and what comes of it. */
import { readFile, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { PielineError } from '../../src/errors.js'
import { randomStream } from '../../src/random.js'
import { mutate } from './mutations.js'

/** Files that are read together. */
export interface Sample {
  /** Paths of those that damage comes to. */
  readonly files: readonly string[]
  /**
   * Reads them as pieline does, and holds what was read to itself.
   * @throws what pieline throws; {@link Inconsistent} where something looks whole and is not
   */
  read(): Promise<void>
}

export interface FuzzedFormat {
  readonly name: string
  /** Exit codes with which a damaged file may be refused; none: damage is to be mended. */
  readonly refusals: readonly number[]
  /** Writes whole samples into a folder. */
  samples(folder: string): Promise<readonly Sample[]>
}

/** What was read does not hold together. */
export class Inconsistent extends Error {}

export interface Outcome {
  readonly outcome: 'read' | 'refused' | 'failed'
  readonly damage: string
  /** What went wrong, of those that failed. */
  readonly reason?: string
}

/** Damages a file of a sample, reads, and puts the file back. The same number is the same damage. */
export async function tryCase(
  { name, refusals }: FuzzedFormat,
  samples: readonly Sample[],
  seed: number,
  number: number,
): Promise<Outcome> {
  const random = randomStream('fuzz', seed, name, number)
  const sample = samples[random.integer(samples.length)]!
  const file = sample.files[random.integer(sample.files.length)]!
  const whole = await readFile(file)
  const { bytes, damage } = mutate(whole, random)
  const told = `${basename(file)}: ${damage}`
  await writeFile(file, bytes)
  try {
    await sample.read()
    return { outcome: 'read', damage: told }
  } catch (error) {
    const reason = whyUnclear(error, refusals)
    if (reason === undefined) return { outcome: 'refused', damage: told }
    return { outcome: 'failed', damage: told, reason }
  } finally {
    await writeFile(file, whole)
  }
}

const longestMessage = 4000

/** What is wrong with an error itself; undefined where it says what, where and how it ought to. */
function whyUnclear(error: unknown, refusals: readonly number[]): string | undefined {
  if (!(error instanceof PielineError)) {
    const { stack = String(error) } = error as Error
    return `no error on purpose: ${stack}`
  }
  const text = error.describe()
  const found = `${error.name}: ${text.slice(0, 300)}`
  if (!refusals.includes(error.exitCode)) {
    // A run wraps what it did not expect.
    const cause = error.cause instanceof Error ? `\n${error.cause.stack}` : ''
    return `exit code ${error.exitCode}: ${found}${cause}`
  }
  // Several faults of a pipeline are told one a line, each with its place.
  if (error.file === undefined && error.key === undefined && !/^ {2}\S+:\d+/m.test(text)) {
    return `says not where: ${found}`
  }
  if (/undefined|\[object |NaN is not|is not iterable|is not a function|Cannot read prop/.test(error.message))
    return `says what no user knows: ${found}`
  if (text.length > longestMessage) return `takes ${text.length} characters: ${found}`
  if (/[^\P{Cc}\t\n]/u.test(text)) return `holds control characters: ${JSON.stringify(found)}`
  return undefined
}
