/** One hash of all the data that a configuration points to. */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { DataError } from '../errors.js'
import type { DatasetConfig } from '../pipeline/config.js'
import { locate } from './locate.js'
import { statNamed } from './named-file.js'
import { openReader } from './open.js'
import { mapOrdered } from './ordered.js'
import { resolveRoles } from './roles.js'
import type { Format, NamedFile, Part, SourceFile } from './source.js'
import { inFlight } from './survey.js'

/** Formats whose images may lie in files of their own. */
export const namesImages: ReadonlySet<Format> = new Set([
  'folder',
  'csv',
  'celeba',
  'coco',
  'label-studio',
  'imagefolder',
])

/**
 * SHA-256 over the bytes of the source files, 64 hexadecimal digits. Files come in the order in which they are
 * read, each under its name relative to the data's own place, so that the same data in another folder have the
 * same fingerprint. For image folders and CSV files of paths, the images count too.
 *
 * `Stage.settings` of ingest is synchronous and cannot hold this: whoever makes ingest's key calls this and mixes
 * the fingerprint in, beside `ingest.settings(pipeline)`.
 * @throws ConfigError if the data are not where the configuration says; DataError if a file cannot be read
 */
export async function fingerprint(config: DatasetConfig): Promise<string> {
  const hash = createHash('sha256')
  const parts: Part[] = config.test === undefined ? ['train'] : ['train', 'test']
  for (const part of parts) {
    hash.update(`${part}\n`)
    const { format, files } = await locate(config, part)
    if (format !== 'folder') await addFiles(hash, files)
    for (const { companions = [] } of files) await addFiles(hash, companions)
    if (namesImages.has(format)) await addImages(hash, config, part)
  }
  return hash.digest('hex')
}

async function addFiles(hash: Hash, files: Iterable<SourceFile>): Promise<void> {
  const hashed = mapOrdered(files, inFlight, async file => `${file.name}\0${await hashFile(file.path)}\n`)
  for await (const line of hashed) hash.update(line)
}

async function addImages(hash: Hash, config: DatasetConfig, part: Part): Promise<void> {
  const reader = await openReader(config, part)
  // Test data may lack the truth, which is no image.
  const { trueLabel, ...columns } = config
  const roles = resolveRoles(columns, await reader.describe())
  if (roles.content.kind !== 'image') return
  async function* images() {
    for await (const batch of reader.examples(roles)) {
      for (const { image } of batch) if (image?.named !== undefined) yield { ...image, named: image.named }
    }
  }
  const hashed = mapOrdered(
    images(),
    inFlight,
    async ({ path, named }) => `${path}\0${(await isFile(named)) ? await hashFile(named.file) : missing}\n`,
  )
  for await (const line of hashed) hash.update(line)
}

/** In place of the hash of a file that is not there: whether that is an error is for ingest to say. */
const missing = 'missing'

/** @throws DataError if a link leads it out of its folder */
async function isFile(named: NamedFile): Promise<boolean> {
  try {
    return (await statNamed(named)).isFile()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return false
    if (cause instanceof DataError) throw cause
    throw new DataError('the file cannot be read', { file: named.file, cause })
  }
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return missing
    throw new DataError('the file cannot be read', { file: path, cause })
  }
  return hash.digest('hex')
}
