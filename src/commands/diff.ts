/** `pieline diff`: what changed between two runs. */
import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import { ConfigError } from '../errors.js'
import { findRun, listAllRuns, type Run } from '../pipeline/runs.js'
import { styleFor } from '../terminal/style.js'
import { count, examples, jsonOption, outOption } from './options.js'

interface Flags {
  readonly out: string
  readonly html?: string
  readonly list: number
  readonly json?: true
}

export function diffCommand(): Command {
  return new Command('diff')
    .description('show what changed between two runs: examples, labels, issues, PIEs, noise, accuracy, drift')
    .argument(
      '[a]',
      'run id, pipeline name or run folder; alone, a pipeline whose last two runs are compared',
    )
    .argument('[b]', 'the later run; without both, the newest finished run and the one before it')
    .addOption(outOption())
    .option('--html <file>', 'write it as a page')
    .option('--list <number>', 'new label issues and relabelings shown', count, 10)
    .addOption(jsonOption('print the difference as JSON'))
    .addHelpText(
      'after',
      examples(
        ['pieline diff', 'the newest run against the one before it'],
        ['pieline diff glyphs', 'the last two of a pipeline'],
        ['pieline diff before after --html diff.html', 'two pipelines, as a page'],
      ),
    )
    .action(async (a: string | undefined, b: string | undefined, { out, html, list, json }: Flags) => {
      const [earlier, later] = await runsOf(out, a, b)
      const { runDifference, suspectPictures } = await import('../stages/run-difference.js')
      const difference = await runDifference(earlier, later)
      if (html !== undefined) {
        const { differencePage } = await import('../report/difference-page.js')
        const { shownCards } = await import('../report/suspect-cards.js')
        const shown = difference.issues?.new.listed.slice(0, shownCards).map(({ id }) => id) ?? []
        await writeFile(html, differencePage(difference, await suspectPictures(later, shown)))
      }
      if (json) {
        console.log(JSON.stringify(difference, null, 2))
        return
      }
      const { differenceText } = await import('../terminal/difference.js')
      const style = styleFor(process.stdout)
      console.log(differenceText(difference, list, style))
      if (html !== undefined) console.log(`\n  ${style('bold', 'page')}  ${html}`)
    })
}

async function runsOf(out: string, a: string | undefined, b: string | undefined): Promise<[Run, Run]> {
  if (a !== undefined && b !== undefined) {
    return [await findRun(out, a, { finished: true }), await findRun(out, b, { finished: true })]
  }
  const later = await findRun(out, a, { finished: true })
  const { pipeline, run } = later.manifest
  const earlier = (await listAllRuns(out)).find(
    ({ manifest }) => manifest.pipeline === pipeline && manifest.status === 'done' && manifest.run < run,
  )
  if (earlier === undefined) {
    throw new ConfigError(`${pipeline}/${run} has no finished run before it`, {
      file: out,
      mend: 'Name two runs: pieline diff <a> <b>.',
    })
  }
  return [earlier, later]
}
