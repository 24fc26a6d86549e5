#!/usr/bin/env node
/** Where the program starts, and where its errors end: in words, and in the exit code. */
import { CommanderError } from 'commander'
import { PielineError } from './errors.js'
import { createProgram } from './program.js'
import { styleFor } from './terminal/style.js'
import { leaveHungThreads } from './threads/hung-threads.js'

// A reader that closes the pipe early, such as head, has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

const program = createProgram()
try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
}
await leaveHungThreads()

/** Tells the user about an error, and returns the exit code. */
function report(error: unknown): number {
  // Commander has told it already; help and version are no errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const style = styleFor(process.stderr)
  process.stderr.write(`${style(['bold', 'red'], 'error')} ${describe(error)}\n`)
  if (program.opts<{ debug?: true }>().debug) process.stderr.write(`${stackOf(error)}\n`)
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(errorEvent(error))}\n`)
  return error instanceof PielineError ? error.exitCode : 4
}

function describe(error: unknown): string {
  if (error instanceof PielineError) return error.describe()
  if (!(error instanceof Error)) return String(error)
  // What the operating system refuses is told in its own words.
  if ('syscall' in error) return error.message
  return `${error.message}\n  This is a mistake in pieline itself; --debug shows where.`
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? `${error.stack}` : `${error.stack}\ncaused by ${stackOf(error.cause)}`
}

function errorEvent(error: unknown): Record<string, unknown> {
  if (!(error instanceof PielineError)) return { event: 'error', name: 'Error', message: String(error) }
  const { name, message, file, row, key, mend, exitCode } = error
  return { event: 'error', name, message, file, row, key, mend, exitCode }
}
