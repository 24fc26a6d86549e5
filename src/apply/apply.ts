/** From a run and what was decided about it to a new version of its data set, in the layout it came in. */
import { dirname, join, relative } from 'node:path'
import { isDynamicPattern } from 'tinyglobby'
import { fingerprint, namesImages } from '../dataset/fingerprint.js'
import { type DatasetInfo, readDatasetInfo } from '../dataset/info.js'
import { commonFolder, locate } from '../dataset/locate.js'
import { openReader } from '../dataset/open.js'
import type { Format, Part } from '../dataset/source.js'
import { ConfigError, DataError } from '../errors.js'
import { type DatasetConfig, type PipelineInput, pipelineSchema } from '../pipeline/config.js'
import { writeTable, writeText } from '../pipeline/files.js'
import type { Run } from '../pipeline/runs.js'
import { writeFolder } from '../pipeline/whole-folder.js'
import { csvLine } from '../tables/csv.js'
import { rewriteCoco, rewriteLabelStudio, rewriteMetadata } from './annotations.js'
import { rewriteCifar, rewriteIdx, rewriteNpy } from './arrays.js'
import {
  type Change,
  type Choice,
  type ChosenChanges,
  changesBatch,
  changesSchema,
  chooseChanges,
} from './changes.js'
import { rewriteCsv } from './csv.js'
import { datasheet } from './datasheet.js'
import { rewriteFolder } from './folder.js'
import type { Layout, VersionFile } from './layout.js'
import { rewriteTables } from './tables.js'
import { dataFolder, writeVersion } from './version.js'

const layouts: Readonly<Partial<Record<Format, Layout>>> = {
  parquet: rewriteTables,
  arrow: rewriteTables,
  csv: rewriteCsv,
  folder: rewriteFolder,
  cifar: rewriteCifar,
  idx: rewriteIdx,
  npy: rewriteNpy,
  coco: rewriteCoco,
  'label-studio': rewriteLabelStudio,
  imagefolder: rewriteMetadata,
}

export interface ApplyPlan extends ChosenChanges {
  readonly run: Run
  readonly info: DatasetInfo
  readonly config: DatasetConfig
  readonly choice: Choice
  readonly layout: Layout
}

/**
 * What would change.
 * @throws ConfigError if nothing was decided, or the layout cannot be written
 * @throws DataError if the data are no longer those that the run read
 */
export async function planApply(run: Run, choice: Choice): Promise<ApplyPlan> {
  const { folder, manifest } = run
  const info = await readDatasetInfo(join(folder, 'dataset.json'))
  const dataset = manifest.config.dataset as PipelineInput['dataset']
  const config = pipelineSchema.parse({ name: 'apply', dataset }).dataset
  const layout = layouts[info.source.format]
  if (layout === undefined) {
    throw new ConfigError(`data of the format ${info.source.format} are not written`, {
      file: config.path,
      mend: 'Take the split `relabeled` or `cleaned` of the run.',
    })
  }
  const { started, finished } = manifest
  const ended = { id: `${manifest.pipeline}/${manifest.run}`, finished: finished ?? started }
  const chosen = await chooseChanges(folder, info, config.test !== undefined, choice, ended)
  if (chosen.changes.length === 0) {
    throw new ConfigError('nothing is to change', {
      file: folder,
      mend:
        chosen.unmatched > 0
          ? `${chosen.unmatched} decisions are about examples or labels that this run does not have.`
          : 'Decide with "pieline review", or take what the run is sure of with --suggestions 0.9.',
    })
  }
  if ((await fingerprint(config)) !== manifest.dataset) {
    throw new DataError('the data are not those that the run read', {
      file: config.path,
      mend: 'They changed since: run the pipeline again, or bring them back.',
    })
  }
  return { run, info, config, choice, layout, ...chosen }
}

/** Files of a new version beside its data. */
export const versionFiles = ['changes.parquet', 'changes.csv', 'datasheet.md'] as const

/**
 * Writes the new version: the folder `data` with the data set, the change log, a datasheet, and what takes it back.
 * @returns where the new version has what the pipeline calls `dataset.path`, `dataset.test`, …
 * @throws ConfigError if the output is there already, or lies within the data set
 */
export async function writeApplied(
  plan: ApplyPlan,
  output: string,
  { copy }: { readonly copy: boolean },
): Promise<DataPlaces> {
  const { run, info, config, choice, changes } = plan
  const forbidden = info.source.format === 'folder' ? foldersOf(config) : []
  const base = await baseOf(config)
  await writeFolder(output, forbidden, async partial => {
    await writeVersion(partial, filesOf(plan), { base, copy })
    const batch = changesBatch(changes, info.classNames)
    await writeTable(join(partial, 'changes.parquet'), changesSchema, [batch])
    await writeText(join(partial, 'changes.csv'), changesCsv(changes, info.classNames))
    const { manifest } = run
    const facts = {
      pipeline: manifest.pipeline,
      run: manifest.run,
      fingerprint: manifest.dataset,
      format: info.source.format,
      classNames: info.classNames,
      chosen: plan,
      suggestions: choice.suggestions,
    }
    await writeText(join(partial, 'datasheet.md'), datasheet(facts))
  })
  const placed = Object.entries(placesOf(config)).map(([key, place]) => [
    key,
    join(output, dataFolder, relative(base, place)),
  ])
  return Object.fromEntries(placed) as DataPlaces
}

async function* filesOf({ config, info, layout, changes }: ApplyPlan): AsyncGenerator<VersionFile> {
  for (const part of partsOf(config)) {
    const { format, files } = await locate(config, part)
    const reader = await openReader(config, part)
    const own = changes.filter(change => change.part === part)
    yield* layout({ part, format, config, info, files, reader }, own)
  }
}

const partsOf = ({ test }: DatasetConfig): Part[] => (test === undefined ? ['train'] : ['train', 'test'])

/** Where the data of a pipeline lie, by the keys of `dataset`. */
export type DataPlaces = { readonly path: string } & {
  readonly [key in 'test' | 'labels' | 'testLabels']?: string
}

function placesOf({ path, test, labels, testLabels }: DatasetConfig): DataPlaces {
  return {
    path,
    ...(test !== undefined && { test }),
    ...(labels !== undefined && { labels }),
    ...(testLabels !== undefined && { testLabels }),
  }
}

const foldersOf = ({ path, test }: DatasetConfig): string[] => [path, ...(test === undefined ? [] : [test])]

/** The folder in which all files of the data set lie, and those that they name. */
async function baseOf(config: DatasetConfig): Promise<string> {
  const places = Object.values(placesOf(config)).filter(place => !isDynamicPattern(place))
  for (const part of partsOf(config)) {
    const { format, files } = await locate(config, part)
    for (const file of files) {
      places.push(file.path, ...(file.companions ?? []).map(companion => companion.path))
    }
    if (!namesImages.has(format)) continue
    const reader = await openReader(config, part)
    const { columns } = await reader.describe()
    const image = columns.find(({ name, kind }) =>
      config.image === undefined ? kind === 'image' : name === config.image,
    )
    if (image === undefined) continue
    const roles = { label: config.label, content: { kind: 'image', column: image.name }, groups: [] } as const
    for await (const batch of reader.examples(roles)) {
      for (const { image } of batch) if (image?.named !== undefined) places.push(image.named.file)
    }
  }
  return commonFolder([...new Set(places.map(place => dirname(place)))].map(folder => join(folder, '_')))
}

/** RFC 4180, with the names of {@link changesSchema}. */
function changesCsv(changes: readonly Change[], classNames: readonly string[]): string {
  const rows = changesBatch(changes, classNames)
    .toArray()
    .map(row => changesSchema.fields.map(({ name }) => String(row![name] ?? '')))
  return [changesSchema.fields.map(({ name }) => name), ...rows].map(csvLine).join('')
}
