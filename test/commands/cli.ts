/** The command line as a process of its own, as users start it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'

const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const program = join(import.meta.dirname, '../../src/cli.ts')

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The program and its arguments, as a shell would be given them. */
export const commandLine = (...args: string[]): readonly [string, ...string[]] => [
  process.execPath,
  '--import',
  loader,
  program,
  ...args,
]

/** Starts the program in a folder; `NO_COLOR` and no terminal, so that its words are the same everywhere. */
export function start(folder: string, ...args: string[]) {
  const [node, ...rest] = commandLine(...args)
  const child = spawn(node, rest, {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1', COLUMNS: '100' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const outcome = Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]).then(
    ([[code], stdout, stderr]): Outcome => ({ code, stdout, stderr }),
  )
  return { child, outcome }
}

/** Runs the program in a folder to its end. */
export function pieline(folder: string, ...args: string[]): Promise<Outcome> {
  return start(folder, ...args).outcome
}
