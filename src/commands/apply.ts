/** `pieline apply`: what was decided becomes a new version of the data set. */
import { relative } from 'node:path'
import { Command, Option } from 'commander'
import type { ApplyPlan } from '../apply/apply.js'
import { findRun } from '../pipeline/runs.js'
import { count, counted } from '../report/format.js'
import { type Style, styleFor } from '../terminal/style.js'
import { table } from '../terminal/table.js'
import { examples, jsonOption, outOption, share } from './options.js'

interface Flags {
  readonly out: string
  readonly output?: string
  readonly decisions?: string
  readonly suggestions?: number
  readonly copy?: true
  readonly dryRun?: true
  readonly revert?: string
  readonly json?: true
}

/** Changes shown to a person. */
const shown = 10

export function applyCommand(): Command {
  return new Command('apply')
    .description('write a new version of the data set with what was decided, in the layout it came in')
    .argument('[run]', 'run id, pipeline name or run folder; the newest finished run when absent')
    .addOption(outOption())
    .option(
      '--output <folder>',
      'folder of the new version; when absent, the run’s with ".applied" behind it',
    )
    .option(
      '--decisions <file>',
      'decisions.jsonl, Label Studio’s JSON export of its tasks, or CVAT’s XML; those of "pieline review" when absent',
    )
    .addOption(
      new Option(
        '--suggestions <probability>',
        'where nobody decided, label issues of the training data take a suggestion that is as sure as this',
      ).argParser(share),
    )
    .option('--copy', 'copy files that stay as they are; without it they are hard links')
    .option('--dry-run', 'say what would change, and write nothing')
    .addOption(
      new Option('--revert <version>', 'write the original of such a version').conflicts([
        'decisions',
        'suggestions',
        'dryRun',
      ]),
    )
    .addOption(jsonOption('print what was done as JSON'))
    .addHelpText(
      'after',
      examples(
        ['pieline apply --dry-run', 'what the decisions of "pieline review" would change'],
        ['pieline apply --output letters-2', 'change it, in a copy'],
        ['pieline apply --suggestions 0.95', 'take what the run is sure of, without a review'],
        ['pieline apply --revert letters-2 --output letters-1', 'the original again'],
      ),
    )
    .action(async (name: string | undefined, flags: Flags) => {
      if (flags.revert !== undefined) return revert(flags.revert, flags)
      const run = await findRun(flags.out, name, { finished: true })
      const [{ planApply, versionFiles, writeApplied }, { decisionsOf }] = await Promise.all([
        import('../apply/apply.js'),
        import('../apply/read-decisions.js'),
      ])
      const { suggestions } = flags
      const plan = await planApply(run, {
        events: await decisionsOf(run, flags.decisions),
        ...(suggestions !== undefined && { suggestions }),
      })
      const output = flags.output ?? `${run.folder}.applied`
      const places = flags.dryRun
        ? undefined
        : await writeApplied(plan, output, { copy: flags.copy === true })
      const style = styleFor(process.stdout)
      if (flags.json) {
        console.log(
          JSON.stringify({ ...summaryOf(plan), ...(places !== undefined && { output, dataset: places }) }),
        )
        return
      }
      console.log(planText(plan, style))
      if (places === undefined) {
        console.log('\n  Nothing is written: leave out --dry-run.')
        return
      }
      const folder = relative('.', output)
      const settings = Object.entries(places).map(
        ([key, place]) => `--set "dataset.${key}=${relative('.', place)}"`,
      )
      console.log(
        [
          '',
          `  ${style('bold', `${folder}/data`)}  the new version; beside it ${versionFiles.join(', ')}`,
          `  Go on with:  ${style('bold', `pieline run ${settings.join(' ')}`)}`,
        ].join('\n'),
      )
    })
}

async function revert(version: string, { output = `${version}-reverted`, copy, json }: Flags): Promise<void> {
  const { revertVersion } = await import('../apply/revert.js')
  const files = await revertVersion(version, output, copy === true)
  if (json) console.log(JSON.stringify({ output, files }))
  else console.log(`  ${output}: the original, of which ${counted(files, 'file')} differed`)
}

function summaryOf({ changes, kept, disputed, unmatched }: ApplyPlan) {
  const dropped = changes.filter(({ to }) => to === null).length
  return { relabeled: changes.length - dropped, dropped, kept, disputed, unmatched }
}

function planText(plan: ApplyPlan, style: Style): string {
  const { relabeled, dropped, kept, disputed, unmatched } = summaryOf(plan)
  const { changes, info } = plan
  const facts = [
    `${counted(relabeled, 'label')} changed`,
    `${counted(dropped, 'example')} dropped`,
    `${count(kept)} judged and kept`,
    ...(disputed > 0 ? [`${count(disputed)} left alone: reviewers disagree`] : []),
    ...(unmatched > 0 ? [`${count(unmatched)} decisions about what this run does not have`] : []),
  ]
  const rows = changes
    .slice(0, shown)
    .map(({ exampleId, from, to, who, why }) => [
      exampleId,
      info.classNames[from],
      to === null ? style('dim', 'dropped') : info.classNames[to],
      who,
      why,
    ])
  const columns = ['example', 'from', 'to', 'who', 'why'].map(title => ({ title }))
  const more = changes.length - rows.length
  return [
    `  ${facts.join(' · ')}\n`,
    table(columns, rows, style),
    ...(more > 0 ? [style('dim', `  … and ${count(more)} more`)] : []),
  ].join('\n')
}
