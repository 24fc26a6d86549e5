/** The program's commands. Each is a file in `commands/`, and loads what it needs when it is called. */
import { Command } from 'commander'
import { applyCommand } from './commands/apply.js'
import { checkCommand } from './commands/check.js'
import { compareCommand } from './commands/compare.js'
import { diffCommand } from './commands/diff.js'
import { doctorCommand } from './commands/doctor.js'
import { exportCommand } from './commands/export.js'
import { initCommand } from './commands/init.js'
import { examples } from './commands/options.js'
import { pruneCommand } from './commands/prune.js'
import { queryCommand } from './commands/query.js'
import { reportCommand } from './commands/report.js'
import { reviewCommand } from './commands/review.js'
import { runCommand } from './commands/run.js'
import { scheduleCommand } from './commands/schedule.js'
import { scoreCommand } from './commands/score.js'
import { statusCommand } from './commands/status.js'
import { workerCommand } from './commands/worker.js'
import { pielineVersion } from './pipeline/versions.js'

/** The program; it throws commander's errors instead of ending the process. */
export function createProgram(): Command {
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
  for (const command of [
    initCommand(),
    statusCommand(),
    reportCommand(),
    reviewCommand(),
    queryCommand(),
    checkCommand(),
    compareCommand(),
    diffCommand(),
    scoreCommand(),
    applyCommand(),
    exportCommand(),
    scheduleCommand(),
    pruneCommand(),
    workerCommand(),
    doctorCommand(),
  ]) {
    program.addCommand(command)
  }
  program.exitOverride().showHelpAfterError('All commands: pieline --help')
  for (const command of program.commands) {
    command.exitOverride().showHelpAfterError(`All options: pieline ${command.name()} --help`)
  }
  return program
}
