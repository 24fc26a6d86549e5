/** Options that several commands share. */
import { type Command, InvalidArgumentError, Option } from 'commander'

/** Where runs go unless `--out` says otherwise, from the working folder. */
export const defaultOut = 'runs'

export const outOption = (): Option =>
  new Option('-o, --out <folder>', 'folder of all runs').default(defaultOut)

export const jsonOption = (what: string): Option => new Option('--json', what)

export const clusterOption = (): Option =>
  new Option('--cluster <address>', 'Redis of the cluster, redis://host:6379 or rediss:// over TLS').env(
    'PIELINE_CLUSTER',
  )

/** An object storage that shares the artefacts of runs; for a worker, a folder as well. */
export const storeOption = (what: string): Option => new Option('--store <place>', what).env('PIELINE_STORE')

/** Whether the address of the cluster is on the command line, which others can read, not in the environment. */
export const isOnCommandLine = (command: Command): boolean =>
  command.getOptionValueSource('cluster') === 'cli'

/** Parses a count on the command line, 1 or more. */
export function count(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.')
  return value
}

/** Parses a seed on the command line, 0 or more. */
export function seed(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0) {
    throw new InvalidArgumentError('It must be a whole number from 0.')
  }
  return value
}

/** Parses a TCP port on the command line; 0 means any that is free. */
export function port(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value) || value < 0 || value > 65_535) {
    throw new InvalidArgumentError('It must be a whole number from 0 to 65535.')
  }
  return value
}

/** Parses a share on the command line, more than 0 and at most 1. */
export function share(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError('It must be more than 0 and at most 1.')
  return value
}

const units = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}

/** Parses a size on the command line, such as `20GB` or `512 MiB`. */
export function size(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([a-z]+)$/i.exec(text) ?? []
  const bytes = Number(number) * (units[unit as keyof typeof units] ?? Number.NaN)
  if (!(bytes >= 1)) throw new InvalidArgumentError('It must be a size, such as 20GB or 512MiB.')
  return Math.round(bytes)
}

/** Gathers an option that may be given several times. */
export function gather(value: string, values: readonly string[] = []): string[] {
  return [...values, value]
}

/** The examples at the end of a command's help. */
export function examples(...lines: readonly (readonly [command: string, what: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length))
  const text = lines.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`).join('\n')
  return `\nExamples:\n${text}`
}
