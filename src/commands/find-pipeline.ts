/** Which pipeline file is meant where the command line names none. */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConfigError } from '../errors.js'
import { nearest } from '../nearest.js'

const bundled = fileURLToPath(new URL('../../pipelines/glyphs.yaml', import.meta.url))

/**
 * Path of the pipeline file: the one named; else `pieline.yaml` in the working folder; else the only file in
 * `pipelines/`, or its `glyphs.yaml`; else the glyphs pipeline that comes with the package.
 */
export async function findPipeline(named: string | undefined, commands: readonly string[]): Promise<string> {
  if (named !== undefined) {
    if (!existsSync(named)) throw noSuchPipeline(named, commands)
    return named
  }
  if (existsSync('pieline.yaml')) return 'pieline.yaml'
  const found = await pipelinesIn('pipelines')
  const [first] = found
  if (found.length === 1) return first
  const glyphs = found.find(file => basename(file) === 'glyphs.yaml')
  if (glyphs !== undefined) return glyphs
  if (found.length > 1) {
    throw new ConfigError('there are several pipelines to choose from', {
      file: 'pipelines',
      mend: `Name one: ${found.map(file => `pieline run ${file}`).join(', ')}.`,
    })
  }
  return bundled
}

async function pipelinesIn(folder: string): Promise<string[]> {
  const names = existsSync(folder) ? await readdir(folder) : []
  return names
    .filter(name => /\.ya?ml$/.test(name))
    .sort()
    .map(name => join(folder, name))
}

/** `pieline staus` runs the default command with a file called `staus`. */
function noSuchPipeline(named: string, commands: readonly string[]): ConfigError {
  const isWord = /^[a-z]+$/.test(named)
  const meant = isWord ? nearest(named, commands) : undefined
  if (isWord) {
    return new ConfigError('there is no such command, and no such pipeline file', {
      file: named,
      mend: meant === undefined ? `Commands: ${commands.join(', ')}.` : `Did you mean "pieline ${meant}"?`,
    })
  }
  return new ConfigError('there is no such file', { file: named, mend: 'Write one with "pieline init".' })
}
