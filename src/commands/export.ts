/** `pieline export`: what a run found, in the form that another tool takes. */
import { relative } from 'node:path'
import { Command, Option } from 'commander'
import { ConfigError } from '../errors.js'
import { type ImageFolderSplit, imageFolderSplits } from '../interop/image-folder.js'
import { findRun, type Run } from '../pipeline/runs.js'
import { counted } from '../report/format.js'
import { examples, jsonOption, outOption } from './options.js'

const targets = ['label-studio', 'cleanlab', 'huggingface', 'image-folder'] as const
type Target = (typeof targets)[number]

interface Flags {
  readonly out: string
  readonly to: Target
  readonly output?: string
  readonly split?: ImageFolderSplit
  readonly json?: true
}

export function exportCommand(): Command {
  return new Command('export')
    .description('hand what a run found to another tool, as files that it takes')
    .argument('[run]', 'run id, pipeline name or run folder; the newest finished run when absent')
    .addOption(outOption())
    .addOption(new Option('--to <tool>', 'who takes it').choices(targets).makeOptionMandatory())
    .option('--output <folder>', 'folder to make; when absent, the run’s with the tool’s name behind it')
    .addOption(
      new Option(
        '--split <split>',
        'for image-folder: all training examples, those without label issues (when absent), or all with suggested labels',
      ).choices(imageFolderSplits),
    )
    .addOption(jsonOption('print what was written as JSON'))
    .addHelpText(
      'after',
      examples(
        ['pieline export --to label-studio', 'suspects as tasks, with suggestions'],
        ['pieline export --to cleanlab', 'label issues and probabilities under its names'],
        ['pieline export --to huggingface', 'every table, with pictures and class names'],
        ['pieline export --to image-folder --split relabeled', 'class folders, as torchvision reads them'],
      ),
    )
    .action(async (name: string | undefined, flags: Flags) => {
      const run = await findRun(flags.out, name, { finished: true })
      const { to, json } = flags
      const output = flags.output ?? `${run.folder}.${to}`
      const written = await write(run, output, flags)
      if (json) console.log(JSON.stringify({ to, output, ...written }))
      else console.log(`  ${relative('.', output)}: ${counted(written.count, written.what)}`)
    })
}

async function write(
  run: Run,
  output: string,
  { to, split }: Flags,
): Promise<{ readonly count: number; readonly what: string }> {
  if (split !== undefined && to !== 'image-folder') {
    throw new ConfigError('--split goes with --to image-folder', { mend: 'Leave it out.' })
  }
  const [{ readDatasetInfo }, { writeFolder }] = await Promise.all([
    import('../dataset/info.js'),
    import('../pipeline/whole-folder.js'),
  ])
  const info = await readDatasetInfo(`${run.folder}/dataset.json`)
  if ((to === 'label-studio' || to === 'image-folder') && info.input.kind !== 'image') {
    throw new ConfigError(`the data are no pictures, and ${to} takes those`, { file: run.folder })
  }
  return writeFolder(output, [], async folder => {
    if (to === 'label-studio') {
      const { exportLabelStudio } = await import('../interop/label-studio.js')
      return { count: await exportLabelStudio(run.folder, info, folder, output), what: 'task' }
    }
    if (to === 'cleanlab') {
      const { exportCleanlab } = await import('../interop/cleanlab.js')
      return { count: await exportCleanlab(run.folder, info, folder), what: 'training example' }
    }
    if (to === 'huggingface') {
      const { exportHuggingFace } = await import('../interop/hugging-face.js')
      return { count: await exportHuggingFace(run.folder, info, folder), what: 'table' }
    }
    const { exportImageFolder } = await import('../interop/image-folder.js')
    return { count: await exportImageFolder(run.folder, info, folder, split ?? 'cleaned'), what: 'image' }
  })
}
