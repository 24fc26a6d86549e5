/** From the path in a pipeline to the files of the data set and their format. */
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, extname, relative, sep } from 'node:path'
import { glob, isDynamicPattern } from 'tinyglobby'
import { ConfigError } from '../errors.js'
import type { DatasetConfig } from '../pipeline/config.js'
import type { Format, Part, SourceFile } from './source.js'

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

/**
 * The files of a part. A path is a file, a glob of shards (sorted by path), a folder of shards of one tabular
 * format, or an image folder.
 * @throws ConfigError if there is nothing, or its format cannot be told
 */
export async function locate(config: DatasetConfig, part: Part): Promise<Location> {
  const key = part === 'train' ? 'dataset.path' : 'dataset.test'
  const path = (part === 'train' ? config.path : config.test)!
  const info = await stat(path).catch(() => undefined)
  if (info?.isFile()) return tabular(config, key, [path], dirname(path))
  if (info?.isDirectory()) {
    if (config.format === 'folder') return folder(path)
    const shards = (await readdir(path)).filter(name => isShard(name, config.format)).sort(byCodeUnit)
    if (shards.length > 0)
      return tabular(
        config,
        key,
        shards.map(name => `${path}/${name}`),
        dirname(path),
      )
    if (config.format === undefined) return folder(path)
    throw new ConfigError(`the folder ${path} holds no ${config.format} file`, {
      key,
      mend: 'Name the files, or another `format`.',
    })
  }
  if (isDynamicPattern(path)) {
    const shards = (await glob(path.split(sep).join('/'), { absolute: true })).sort(byCodeUnit)
    if (shards.length > 0) return tabular(config, key, shards, commonFolder(shards))
    throw new ConfigError(`no file matches ${path}`, { key, mend: 'Check the pattern.' })
  }
  throw new ConfigError(`there is no file or folder ${path}`, {
    key,
    mend: 'Paths are relative to the folder of the pipeline file.',
  })
}

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const formatOf = (name: string): Format | undefined => formatsByEnding[extname(name).toLowerCase()]

function isShard(name: string, format: Format | undefined): boolean {
  const own = formatOf(name)
  return own !== undefined && (format === undefined || own === format)
}

function folder(path: string): Location {
  return { format: 'folder', files: [{ path, name: basename(path) }] }
}

function tabular(config: DatasetConfig, key: string, paths: readonly string[], base: string): Location {
  const formats = new Set(paths.map(path => config.format ?? formatOf(path)))
  const [format] = formats
  if (formats.size > 1 || format === undefined) {
    throw new ConfigError(
      formats.size > 1
        ? `the files are of several formats: ${[...formats].join(', ')}`
        : `the format of ${paths[0]} cannot be told from its name`,
      { key, mend: 'Set `dataset.format` to parquet, arrow, csv or folder.' },
    )
  }
  if (format === 'folder') throw new ConfigError(`${paths[0]} is no folder`, { key })
  return {
    format,
    files: paths.map(path => ({ path, name: relative(base, path).split(sep).join('/') })),
  }
}

function commonFolder(paths: readonly string[]): string {
  let base = dirname(paths[0])
  while (!paths.every(path => path.startsWith(`${base}${sep}`) || path.startsWith(`${base}/`))) {
    base = dirname(base)
  }
  return base
}
