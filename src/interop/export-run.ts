/** What a run found, as files that another tool takes. */
import { join } from 'node:path'
import { readDatasetInfo } from '../dataset/info.js'
import { ConfigError } from '../errors.js'
import type { Run } from '../pipeline/runs.js'
import { writeFolder } from '../pipeline/whole-folder.js'
import type { ImageFolderSplit } from './image-folder.js'

export const exportTargets = ['label-studio', 'cvat', 'cleanlab', 'huggingface', 'image-folder'] as const
/** Who takes what is exported: Label Studio, CVAT, cleanlab, Hugging Face `datasets`, or torchvision's `ImageFolder`. */
export type ExportTarget = (typeof exportTargets)[number]

const takesPictures: ReadonlySet<ExportTarget> = new Set(['label-studio', 'cvat', 'image-folder'])

/** What is exported, and where. */
export interface ExportOptions {
  /** Folder to make; when absent, the run's with the tool's name behind it. */
  readonly output?: string
  /** Of `image-folder`: which training examples; those without label issues when absent. */
  readonly split?: ImageFolderSplit
}

/** What was written. */
export interface Exported {
  readonly output: string
  readonly count: number
  /** What was counted: `task`, `training example`, `table` or `image`. */
  readonly what: string
}

/**
 * Writes a folder that another tool takes.
 * @throws ConfigError if the folder is there already, the tool takes pictures and the data are none, or `split` goes
 *   with another tool
 */
export async function exportRun(
  run: Run,
  to: ExportTarget,
  { output = `${run.folder}.${to}`, split }: ExportOptions = {},
): Promise<Exported> {
  if (split !== undefined && to !== 'image-folder') {
    throw new ConfigError('--split goes with --to image-folder', { mend: 'Leave it out.' })
  }
  const info = await readDatasetInfo(join(run.folder, 'dataset.json'))
  if (takesPictures.has(to) && info.input.kind !== 'image') {
    throw new ConfigError(`the data are no pictures, and ${to} takes those`, { file: run.folder })
  }
  const written = await writeFolder(output, [], async folder => {
    if (to === 'label-studio') {
      const { exportLabelStudio } = await import('./label-studio.js')
      return { count: await exportLabelStudio(run.folder, info, folder, output), what: 'task' }
    }
    if (to === 'cvat') {
      const { exportCvat } = await import('./cvat.js')
      return { count: await exportCvat(run.folder, info, folder), what: 'image' }
    }
    if (to === 'cleanlab') {
      const { exportCleanlab } = await import('./cleanlab.js')
      return { count: await exportCleanlab(run.folder, info, folder), what: 'training example' }
    }
    if (to === 'huggingface') {
      const { exportHuggingFace } = await import('./hugging-face.js')
      return { count: await exportHuggingFace(run.folder, info, folder), what: 'table' }
    }
    const { exportImageFolder } = await import('./image-folder.js')
    return { count: await exportImageFolder(run.folder, info, folder, split ?? 'cleaned'), what: 'image' }
  })
  return { output, ...written }
}
