/** `pieline report`: where a run's report is, or the report itself. */
import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Command } from 'commander'
import { ConfigError } from '../errors.js'
import { findRun } from '../pipeline/runs.js'
import { openInBrowser } from '../terminal/browser.js'
import { examples, jsonOption, outOption } from './options.js'

interface Flags {
  readonly out: string
  readonly open?: true
  readonly json?: true
}

export function reportCommand(): Command {
  return new Command('report')
    .description('print the path of a run’s report, or open it')
    .argument('[run]', 'run id, pipeline name or run folder; the newest finished run when absent')
    .addOption(outOption())
    .option('--open', 'open it in the browser')
    .addOption(jsonOption('print path and run as JSON'))
    .addHelpText(
      'after',
      examples(
        ['pieline report --open', 'look at the newest'],
        ['cp "$(pieline report)" .', 'take it along'],
      ),
    )
    .action(async (name: string | undefined, { out, open, json }: Flags) => {
      const { folder, manifest } = await findRun(out, name, { finished: name === undefined })
      const path = join(folder, 'report.html')
      if (!existsSync(path)) {
        throw new ConfigError('this run has no report', {
          file: relative('.', folder),
          mend: `It is ${manifest.status}; "pieline run" goes on with it.`,
        })
      }
      console.log(
        json ? JSON.stringify({ report: path, run: manifest.run, pipeline: manifest.pipeline }) : path,
      )
      if (open) await openInBrowser(path)
    })
}
