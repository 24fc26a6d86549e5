/** `pieline diff`: what changed between two runs, or two versions of a data set. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { ConfigError } from '../errors.js'
import { findRun, listAllRuns, type Run } from '../pipeline/runs.js'
import type { Compared } from '../stages/run-difference.js'
import { styleFor } from '../terminal/style.js'
import { datasetAt } from './dataset-at.js'
import { count, examples, jsonOption, outOption } from './options.js'

interface Flags {
  readonly out: string
  readonly label?: string
  readonly html?: string
  readonly list: number
  readonly json?: true
}

export function diffCommand(): Command {
  return new Command('diff')
    .description(
      'show what changed between two runs (examples, labels, issues, PIEs, noise, accuracy, drift), or between two versions of a data set',
    )
    .argument(
      '[a]',
      'run id, pipeline name, run folder, or a data set; alone, a pipeline whose last two runs are compared',
    )
    .argument('[b]', 'the later one; without both, the newest finished run and the one before it')
    .addOption(outOption())
    .option('-l, --label <column>', 'of data sets, column of the label; found by its name when absent')
    .option('--html <file>', 'write it as a page')
    .option('--list <number>', 'new label issues and relabelings shown', count, 10)
    .addOption(jsonOption('print the difference as JSON'))
    .addHelpText(
      'after',
      examples(
        ['pieline diff', 'the newest run against the one before it'],
        ['pieline diff glyphs', 'the last two of a pipeline'],
        ['pieline diff before after --html diff.html', 'two pipelines, as a page'],
        ['pieline diff images images-2/data/images', 'two versions of a data set'],
      ),
    )
    .action(async (a: string | undefined, b: string | undefined, flags: Flags) => {
      const scratch = await mkdtemp(join(tmpdir(), 'pieline-diff-'))
      try {
        await show(await sidesOf(a, b, flags, scratch), flags)
      } finally {
        await rm(scratch, { recursive: true, force: true })
      }
    })
}

async function show([earlier, later]: Sides, { html, list, json }: Flags): Promise<void> {
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
}

type Sides = readonly [earlier: Compared, later: Compared]

async function sidesOf(
  a: string | undefined,
  b: string | undefined,
  { out, label }: Flags,
  scratch: string,
): Promise<Sides> {
  if (a === undefined || b === undefined) return runsOf(out, a)
  const runs = await listAllRuns(out)
  // A pipeline is often called like the folder of its data: "letters" is its run, "letters/" the folder.
  const isDataset = (name: string) =>
    existsSync(name) &&
    !existsSync(join(name, 'manifest.json')) &&
    runs.every(({ manifest: { pipeline, run } }) => name !== pipeline && name !== run)
  const side = (name: string, place: string) =>
    isDataset(name) ? ingested(name, join(scratch, place), label) : findRun(out, name, { finished: true })
  return [await side(a, 'a'), await side(b, 'b')]
}

async function ingested(name: string, folder: string, label: string | undefined): Promise<Compared> {
  const [{ ingestVersion }, { silentProgress }] = await Promise.all([
    import('../stages/data-version.js'),
    import('../pipeline/progress.js'),
  ])
  const { pipeline } = await datasetAt(name, { label, mayAsk: false })
  await mkdir(folder)
  return ingestVersion(name, pipeline, folder, silentProgress)
}

/** The last finished run, of a pipeline if one is named, and the one before it. */
async function runsOf(out: string, name: string | undefined): Promise<[Run, Run]> {
  const later = await findRun(out, name, { finished: true })
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
