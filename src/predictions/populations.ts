/** The members of populations that are known by their predictions alone: where they lie, and which level is theirs. */
import { readdir, stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { ConfigError, DataError } from '../errors.js'
import type { AuditedLevel } from '../stages/audit-rows.js'
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

/** In the order in which people count: 2 before 10. */
function naturally(names: readonly string[]): string[] {
  const order = new Intl.Collator('en', { numeric: true })
  return names.toSorted((a, b) => order.compare(a, b) || (a < b ? -1 : 1))
}

/** Numbers of members: those in the names where all have one and no two the same, else 0, 1, … */
export function memberNumbers(names: readonly string[]): number[] {
  const numbers = names.map(name =>
    Number(/(\d+)\D*$/.exec(basename(name, extname(name)))?.[1] ?? Number.NaN),
  )
  const distinct = numbers.every(Number.isSafeInteger) && new Set(numbers).size === numbers.length
  return distinct && numbers.every(number => number < 2 ** 31) ? numbers : names.map((_, index) => index)
}

/**
 * What a level's name tells: `magnitude-0.9`, `int8-dynamic` and `filter-0.5+int8-static` tell everything, as those
 * that a pipeline gives do; of other names figures are NaN.
 */
export function levelNamed(name: string): AuditedLevel {
  if (name === 'dense') return { name, method: name, sparsity: 0, bits: 32 }
  const [, sparsity] = /-(0(?:\.\d+)?|1)(?=\+|$)/.exec(name) ?? []
  const [, bits] = /(?:int|float)(\d+)/.exec(name) ?? []
  if (sparsity === undefined && bits === undefined) {
    return { name, method: name, sparsity: Number.NaN, bits: Number.NaN }
  }
  return {
    name,
    method: sparsity === undefined ? name : name.replace(`-${sparsity}`, ''),
    sparsity: Number(sparsity ?? 0),
    bits: Number(bits ?? 32),
  }
}
