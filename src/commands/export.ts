/** `pieline export`: what a run found, in the form that another tool takes. */
import { relative } from 'node:path'
import { Command, Option } from 'commander'
import { type ExportTarget, exportRun, exportTargets } from '../interop/export-run.js'
import { type ImageFolderSplit, imageFolderSplits } from '../interop/image-folder.js'
import { findRun } from '../pipeline/runs.js'
import { counted } from '../report/format.js'
import { examples, jsonOption, outOption } from './options.js'

interface Flags {
  readonly out: string
  readonly to: ExportTarget
  readonly output?: string
  readonly split?: ImageFolderSplit
  readonly json?: true
}

export function exportCommand(): Command {
  return new Command('export')
    .description('hand what a run found to another tool, as files that it takes')
    .argument('[run]', 'run id, pipeline name or run folder; the newest finished run when absent')
    .addOption(outOption())
    .addOption(new Option('--to <tool>', 'who takes it').choices(exportTargets).makeOptionMandatory())
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
        ['pieline export --to cvat', 'suspects as images with their given label as a tag'],
        ['pieline export --to cleanlab', 'label issues and probabilities under its names'],
        ['pieline export --to huggingface', 'every table, with pictures and class names'],
        ['pieline export --to image-folder --split relabeled', 'class folders, as torchvision reads them'],
      ),
    )
    .action(async (name: string | undefined, { out, to, output, split, json }: Flags) => {
      const run = await findRun(out, name, { finished: true })
      const written = await exportRun(run, to, {
        ...(output !== undefined && { output }),
        ...(split !== undefined && { split }),
      })
      if (json) console.log(JSON.stringify({ to, ...written }))
      else console.log(`  ${relative('.', written.output)}: ${counted(written.count, written.what)}`)
    })
}
