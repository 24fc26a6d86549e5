#!/usr/bin/env node
/** The program. Each command is a file in `commands/`, and loads what it needs when it is called. */
import { Command, CommanderError } from 'commander'
import { doctorCommand } from './commands/doctor.js'
import { initCommand } from './commands/init.js'
import { examples } from './commands/options.js'
import { queryCommand } from './commands/query.js'
import { reportCommand } from './commands/report.js'
import { runCommand } from './commands/run.js'
import { statusCommand } from './commands/status.js'
import { PielineError } from './errors.js'
import { pielineVersion } from './pipeline/versions.js'
import { styleFor } from './terminal/style.js'

const program = new Command('pieline')
  .description(
    'Finds the labels in a data set that deserve a second look, by comparing populations of dense and compressed neural networks. Without a command it runs a pipeline.',
  )
  .version(pielineVersion)
  .option('--debug', 'show where an error comes from')
  .addHelpText(
    'after',
    examples(
      ['pieline init images/', 'look at images/<class>/* and write pieline.yaml'],
      ['pieline run', 'run it'],
      ['pieline report --open', 'look at the result'],
      ['pieline help run', 'all about a command'],
    ),
  )
program.addCommand(runCommand(), { isDefault: true })
for (const command of [initCommand(), statusCommand(), reportCommand(), queryCommand(), doctorCommand()]) {
  program.addCommand(command)
}
for (const command of [program, ...program.commands]) command.exitOverride()

// A reader that closes the pipe early, such as head, has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
}

/** Tells the user about an error, and returns the exit code. */
function report(error: unknown): number {
  // Commander has told it already; help and version are no errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const style = styleFor(process.stderr)
  const known = error instanceof PielineError
  const text = known
    ? error.describe()
    : `unexpected: ${error instanceof Error ? error.message : String(error)}`
  process.stderr.write(`${style(['bold', 'red'], 'error')} ${text}\n`)
  if (!known) process.stderr.write('  This is a mistake in pieline itself; --debug shows where.\n')
  if (program.opts<{ debug?: true }>().debug) process.stderr.write(`${stackOf(error)}\n`)
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(errorEvent(error))}\n`)
  return known ? error.exitCode : 4
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
