/** Models trained elsewhere: a folder with a folder of ONNX files for every level. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from '../errors.js'
import { didYouMean } from '../nearest.js'
import type { ModelsConfig } from './config.js'
import { memberNumbers, naturally } from './member-names.js'

export interface LevelOfFiles {
  /** `dense`, or the name of its folder. */
  readonly name: string
  /** In the order of their names, in which people count. */
  readonly members: readonly MemberOfFile[]
}

export interface MemberOfFile {
  /** The number in its file's name where all of the level have one, else its place. */
  readonly seed: number
  readonly file: string
}

/** Names files and columns. */
const levelName = /^[a-z0-9][a-z0-9._+-]*$/i

/**
 * The members of every level, `dense` first. Folders whose names begin with a dot and files that do not end in
 * `.onnx` are passed over.
 * @throws ConfigError if a folder is missing, holds no models, or has a name that no column can have
 */
export function findModels({ path, dense, levels }: ModelsConfig): LevelOfFiles[] {
  const folders = naturally(
    list(path, 'population.models')
      .filter(entry => (entry.isDirectory() || entry.isSymbolicLink()) && !entry.name.startsWith('.'))
      .map(({ name }) => name),
  )
  if (!folders.includes(dense)) {
    throw new ConfigError(`there is no folder "${dense}" of the members before compression`, {
      file: path,
      key: 'population.models.dense',
      mend: `Name it${folders.length > 0 ? `; there are ${folders.join(', ')}` : ' and put ONNX files into it'}.`,
    })
  }
  const compressed = levels ?? folders.filter(name => name !== dense)
  return [dense, ...compressed].map((folder, l): LevelOfFiles => {
    const name = l === 0 ? 'dense' : folder
    if (l > 0 && name === 'dense') {
      throw new ConfigError(`the level "dense" is that of the folder "${dense}"`, {
        key: 'population.models.levels',
        mend: 'Rename the folder "dense", or leave it out of `levels`.',
      })
    }
    requireLevel(folder, folders, path)
    const names = naturally(
      list(join(path, folder), 'population.models')
        .map(entry => entry.name)
        .filter(file => /\.onnx$/i.test(file) && !file.startsWith('.')),
    )
    if (names.length === 0) {
      throw new ConfigError('holds no ONNX files', {
        file: join(path, folder),
        key: 'population.models',
        mend: 'Put a .onnx file into it for every member, or name the levels to take in population.models.levels.',
      })
    }
    const seeds = memberNumbers(names)
    return { name, members: names.map((file, i) => ({ seed: seeds[i]!, file: join(path, folder, file) })) }
  })
}

function requireLevel(name: string, folders: readonly string[], path: string): void {
  if (!folders.includes(name)) {
    throw new ConfigError(`there is no folder "${name}"`, {
      file: path,
      key: 'population.models.levels',
      mend: `${didYouMean(name, folders)}There are ${folders.join(', ')}.`,
    })
  }
  if (!levelName.test(name)) {
    throw new ConfigError(`a level cannot be called "${name}": it names files and columns`, {
      file: path,
      mend: 'Rename the folder: letters, digits, dot, dash, plus and underscore.',
    })
  }
}

function list(folder: string, key: string) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const what = code === 'ENOENT' ? 'there is no such folder' : `cannot be read (${code})`
    throw new ConfigError(what, { file: folder, key, mend: 'Name a folder of models.', cause })
  }
}
