/** From the path in a pipeline to the files of the data set and their format. */
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, extname, join, relative, sep } from 'node:path'
import { glob, isDynamicPattern } from 'tinyglobby'
import { ConfigError } from '../errors.js'
import { type DatasetConfig, datasetFormats } from '../pipeline/config.js'
import { annotationFiles, annotationFormat } from './annotation-files.js'
import { celebaLayout } from './celeba.js'
import { cifarLayout } from './cifar.js'
import { idxLayout } from './idx.js'
import { annotationsOf } from './imagenet.js'
import type { Layout } from './layout.js'
import { npyLayout } from './npy.js'
import { anywhere, namesOfPart } from './parts.js'
import type { Format, Part, SourceFile } from './source.js'

const layouts: readonly Layout[] = [celebaLayout, cifarLayout, idxLayout, npyLayout]

const formatsByEnding: Readonly<Record<string, Format>> = {
  '.parquet': 'parquet',
  '.pq': 'parquet',
  '.arrow': 'arrow',
  '.arrows': 'arrow',
  '.ipc': 'arrow',
  '.feather': 'arrow',
  '.csv': 'csv',
  '.tsv': 'csv',
}

export interface Location {
  readonly format: Format
  /** The shards in order; for an image folder, the folder itself. */
  readonly files: readonly SourceFile[]
}

/** The layout that a folder of these names is in, if it is one of those told by names. */
export const layoutOfFolder = (names: readonly string[], format?: Format): Layout | undefined =>
  layouts.find(
    layout =>
      (format === undefined || layout.format === format) &&
      (layout.inputs(names, 'train').length > 0 || layout.inputs(names, 'test').length > 0),
  )

/**
 * The files of a part. A path is a file, a glob of shards (sorted by path), a folder of a known layout or of
 * shards of one tabular format, or an image folder. A folder that holds training and test data serves for both:
 * each part takes its own files.
 * @throws ConfigError if there is nothing, or its format cannot be told
 */
export async function locate(config: DatasetConfig, part: Part): Promise<Location> {
  const key = part === 'train' ? 'dataset.path' : 'dataset.test'
  const path = (part === 'train' ? config.path : config.test)!
  const found = await find(config, part, path, key)
  const labels = part === 'train' ? config.labels : config.testLabels
  return labels === undefined ? found : withLabels(found, labels, part)
}

async function find(config: DatasetConfig, part: Part, path: string, key: string): Promise<Location> {
  const info = await stat(path).catch(() => undefined)
  if (info?.isFile()) return files(config, key, [path], dirname(path))
  if (info?.isDirectory()) {
    if (config.format === 'folder') return folder(path)
    const names = (await readdir(path)).sort(byCodeUnit)
    const layout = layoutOfFolder(names, config.format)
    const shards = names.filter(name => isShard(name, config.format))
    const annotations = layout === undefined && shards.length === 0 ? await annotationFiles(path, names) : []
    const isUnsorted = layout === undefined && shards.length === 0 && annotations.length === 0
    if (isUnsorted && config.format === undefined) return folder(path)
    const filesOf = (part: Part) =>
      layout !== undefined
        ? layout.inputs(names, part)
        : annotations.length > 0
          ? namesOfPart(annotations, part, anywhere)
          : namesOfPart(shards, part)
    const own = filesOf(part)
    // CelebA's list is the same file for both, and says itself which rows are whose.
    const isShared = layout !== undefined && layout.isPaired !== true
    const isSame = own.length > 0 && own.join('\0') === filesOf('train').join('\0')
    if (part === 'test' && path === config.path && isSame && !isShared) {
      throw new ConfigError(`the test data of ${path} are its training data: ${own.join(', ')}`, {
        key,
        mend: 'Leave it out, and `dataset.testShare` holds out a part; or name files of their own.',
      })
    }
    if (layout?.isPaired && own.length > 1) {
      throw new ConfigError(`the folder ${path} holds more than one data set: ${own.join(', ')}`, {
        key,
        mend: 'Name one of the files, or a glob of those that belong together.',
      })
    }
    if (own.length > 0) {
      const format = layout === undefined ? {} : { format: layout.format }
      const paths = own.map(name => join(path, name))
      return files({ ...config, ...format }, key, paths, dirname(path))
    }
    const data = part === 'train' ? 'training data' : 'test data'
    const isOther = layout !== undefined || shards.length > 0
    throw new ConfigError(
      isOther
        ? `the folder ${path} holds no ${data}`
        : `the folder ${path} holds no data of the format ${config.format}`,
      { key, mend: 'Name the files, or another `format`.' },
    )
  }
  if (isDynamicPattern(path)) {
    const shards = (await glob(path.split(sep).join('/'), { absolute: true })).sort(byCodeUnit)
    if (shards.length > 0) return files(config, key, shards, commonFolder(shards))
    throw new ConfigError(`no file matches ${path}`, { key, mend: 'Check the pattern.' })
  }
  throw new ConfigError(`there is no file or folder ${path}`, {
    key,
    mend: 'Paths are relative to the folder of the pipeline file.',
  })
}

/** The location with the labels where the configuration says that they are. */
async function withLabels({ format, files }: Location, path: string, part: Part): Promise<Location> {
  const key = part === 'train' ? 'dataset.labels' : 'dataset.testLabels'
  if (!layouts.find(layout => layout.format === format)?.isPaired) {
    throw new ConfigError(`data of the format ${format} hold their labels themselves`, {
      key,
      mend: 'Leave it out; `dataset.label` names the column.',
    })
  }
  if (files.length > 1) {
    throw new ConfigError(`there are ${files.length} files of inputs, but one of labels`, {
      key,
      mend: 'Leave it out, and put the labels of each file beside it under the name that belongs to it.',
    })
  }
  if (!(await stat(path).catch(() => undefined))?.isFile()) {
    throw new ConfigError(`there is no file ${path}`, {
      key,
      mend: 'Paths are relative to the folder of the pipeline file.',
    })
  }
  return { format, files: [{ ...files[0], companions: [{ path, name: basename(path) }] }] }
}

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const formatOf = (name: string): Format | undefined =>
  layouts.find(layout => layout.matches(name))?.format ?? formatsByEnding[extname(name).toLowerCase()]

function isShard(name: string, format: Format | undefined): boolean {
  const own = formatsByEnding[extname(name).toLowerCase()]
  return own !== undefined && (format === undefined || own === format)
}

async function folder(path: string): Promise<Location> {
  const companions = await annotationsOf(path)
  return { format: 'folder', files: [{ path, name: basename(path), companions }] }
}

async function files(
  config: DatasetConfig,
  key: string,
  paths: readonly string[],
  base: string,
): Promise<Location> {
  const formats = new Set(
    await Promise.all(
      paths.map(async path => config.format ?? formatOf(basename(path)) ?? annotationFormat(path)),
    ),
  )
  const [format] = formats
  if (formats.size > 1 || format === undefined) {
    throw new ConfigError(
      formats.size > 1
        ? `the files are of several formats: ${[...formats].join(', ')}`
        : `the format of ${paths[0]} cannot be told from its name`,
      { key, mend: `Set \`dataset.format\` to one of ${datasetFormats.join(', ')}.` },
    )
  }
  if (format === 'folder') throw new ConfigError(`${paths[0]} is no folder`, { key })
  const layout = layouts.find(layout => layout.format === format)
  const sourceFile = (path: string): SourceFile => ({ path, name: relative(base, path).split(sep).join('/') })
  async function withCompanions(path: string): Promise<SourceFile> {
    if (layout === undefined) return sourceFile(path)
    const names = (await readdir(dirname(path))).sort(byCodeUnit)
    const companions = layout.companions(basename(path), names)
    return { ...sourceFile(path), companions: companions.map(name => sourceFile(join(dirname(path), name))) }
  }
  return { format, files: await Promise.all(paths.map(withCompanions)) }
}

/** The deepest folder that all files lie in or under. */
export function commonFolder(paths: readonly string[]): string {
  let base = dirname(paths[0])
  while (!paths.every(path => path.startsWith(`${base}${sep}`) || path.startsWith(`${base}/`))) {
    base = dirname(base)
  }
  return base
}
