/** The members of populations that are known by their predictions alone: where they lie, and which level is theirs. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError, DataError } from '../errors.js'
import { naturally } from '../pipeline/member-names.js'
import { isTable } from './table.js'

/** The files of one level; each holds a member or several. */
export interface LevelFiles {
  readonly level: string
  readonly files: readonly string[]
}

const isPredictionFile = (name: string): boolean => /\.npy$/i.test(name) || isTable(name)

/**
 * The files of every level. A level is a file, or a folder of files.
 *
 * @param paths by level; or one path that says itself what its levels are: a folder of folders by their names, a
 *   table by its column `level`, for which the level here is empty. Anything else is `dense`.
 * @throws DataError if a path has no predictions
 */
export async function findLevels(paths: string | Readonly<Record<string, string>>): Promise<LevelFiles[]> {
  if (typeof paths !== 'string') {
    const levels = Object.entries(paths)
    return Promise.all(levels.map(async ([level, path]) => ({ level, files: await filesOf(path) })))
  }
  if (!(await isFolder(paths))) return [{ level: '', files: [paths] }]
  const names = naturally(await readdir(paths))
  const folders: string[] = []
  for (const name of names) if (await isFolder(join(paths, name))) folders.push(name)
  if (folders.length === 0 || names.some(isPredictionFile)) {
    return [{ level: 'dense', files: await filesOf(paths) }]
  }
  return Promise.all(folders.map(async level => ({ level, files: await filesOf(join(paths, level)) })))
}

/** @throws ConfigError if none is called `dense` */
export function denseFirst<Level extends { readonly level: string }>(levels: readonly Level[]): Level[] {
  const dense = levels.filter(({ level }) => level === 'dense')
  if (dense.length === 1) return [...dense, ...levels.filter(({ level }) => level !== 'dense')]
  throw new ConfigError(`no level is called "dense": ${levels.map(({ level }) => level).join(', ')}`, {
    mend: 'Name the predictions of the models as they were before compression: --predictions dense=…',
  })
}

async function filesOf(path: string): Promise<string[]> {
  if (!(await isFolder(path))) return [path]
  const names = naturally(await readdir(path)).filter(isPredictionFile)
  if (names.length > 0) return names.map(name => join(path, name))
  throw new DataError('the folder has no predictions', {
    file: path,
    mend: 'Put a .npy, .parquet, .arrow or .csv file in it for every member.',
  })
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (cause) {
    throw new DataError('there is no such file or folder', { file: path, mend: 'Check the path.', cause })
  }
}
