/** Folders that appear whole or not at all. */
import { randomUUID } from 'node:crypto'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { ConfigError } from '../errors.js'

/**
 * Makes a folder whole or not at all: `write` fills one beside it, which then takes its name.
 * @throws ConfigError if there is something already, or it would lie in a folder that is `forbidden`
 */
export async function writeFolder<T>(
  folder: string,
  forbidden: readonly string[],
  write: (partial: string) => Promise<T>,
): Promise<T> {
  await checkFree(folder, forbidden)
  const partial = join(dirname(resolve(folder)), `.${basename(folder)}.${randomUUID()}`)
  await mkdir(partial, { recursive: true })
  try {
    const result = await write(partial)
    await checkFree(folder, forbidden)
    await rename(partial, folder)
    return result
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
}

/** @throws ConfigError as {@link writeFolder} */
async function checkFree(folder: string, forbidden: readonly string[]): Promise<void> {
  if ((await stat(folder).catch(() => undefined)) !== undefined) {
    throw new ConfigError('is there already, and nothing is overwritten', {
      file: folder,
      mend: 'Name another folder with --output, or remove this one.',
    })
  }
  for (const place of forbidden) {
    const inside = relative(place, resolve(folder))
    if (inside.startsWith('..') || resolve(inside) === inside) continue
    throw new ConfigError('lies within the data set, which stays as it is', {
      file: folder,
      mend: 'Name a folder outside of it with --output.',
    })
  }
}
