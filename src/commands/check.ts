/** `pieline check`: holds a run to its gates, for CI and cron. */
import { appendFile } from 'node:fs/promises'
import { Command } from 'commander'
import { GateError } from '../errors.js'
import { outcomeText } from '../gates/words.js'
import { findRun } from '../pipeline/runs.js'
import { styleFor } from '../terminal/style.js'
import { verdictText } from '../terminal/verdict.js'
import { examples, gather, jsonOption, outOption } from './options.js'

interface Flags {
  readonly out: string
  readonly gate?: readonly string[]
  readonly against?: string
  readonly junit?: string
  readonly markdown?: string
  readonly json?: true
}

export function checkCommand(): Command {
  return new Command('check')
    .description('hold a run to its gates: exit code 1 where one fails')
    .argument('[run]', 'run id, pipeline name or run folder; the newest finished run when absent')
    .addOption(outOption())
    .option('-g, --gate <condition>', 'a gate beside those of the pipeline; may be repeated', gather)
    .option('--against <run>', 'compare with this run in the place of the last good one')
    .option('--junit <file>', 'write the verdict as JUnit XML')
    .option(
      '--markdown <file>',
      'write it as Markdown; on GitHub Actions it is added to the job’s summary anyway',
    )
    .addOption(jsonOption('print the verdict, with all figures that gates may look at, as JSON'))
    .addHelpText(
      'after',
      examples(
        ['pieline run && pieline check', 'in a job of CI'],
        ['pieline check glyphs --gate "noiseRate < 2 %"', 'a gate of today'],
        ['pieline check --json | jq .figures', 'what gates may look at'],
      ),
    )
    .action(async (name: string | undefined, flags: Flags) => {
      const { out, gate: gates = [], against } = flags
      const [{ checkRun, checkAndNote }, { junitXml }, { markdownSummary }, { writeText }] =
        await Promise.all([
          import('../gates/check.js'),
          import('../gates/junit.js'),
          import('../gates/markdown.js'),
          import('../pipeline/files.js'),
        ])
      const run = await findRun(out, name, { finished: name === undefined })
      const isOwn = gates.length === 0 && against === undefined
      const { verdict } = isOwn
        ? await checkAndNote(run)
        : await checkRun(run, {
            gates,
            ...(against !== undefined && { against: await findRun(out, against, { finished: true }) }),
          })
      if (flags.junit !== undefined) await writeText(flags.junit, junitXml(verdict))
      if (flags.markdown !== undefined) await writeText(flags.markdown, markdownSummary(verdict))
      const summary = process.env.GITHUB_STEP_SUMMARY
      if (summary) await appendFile(summary, `${markdownSummary(verdict)}\n`)
      console.log(
        flags.json ? JSON.stringify(verdict, null, 2) : verdictText(verdict, styleFor(process.stdout)),
      )
      if (verdict.passed) return
      // The one JSON value says it all.
      if (flags.json) process.exitCode = 1
      else throw new GateError(`${verdict.pipeline} ${verdict.run}: ${outcomeText(verdict)}`)
    })
}
