/**
 * Files that data name by a path of their own. Data from elsewhere may name any file of the machine, by its path or by
 * a symbolic link, so such a file is read only where it lies in the folder of the data.
 */
import type { Stats } from 'node:fs'
import { readFile, realpath, stat } from 'node:fs/promises'
import { isAbsolute, relative, resolve, sep } from 'node:path'
import { DataError, type ErrorPlace } from '../errors.js'
import { mostImageBytes } from '../raster.js'
import { BadExample, type NamedFile } from './source.js'

const mend = 'Put it into that folder, or set `dataset.allowOutside: true` for data that you trust.'

/**
 * The file of a path in the data.
 * @param folder where relative paths begin
 * @param place of the path, for errors
 * @throws DataError if it leads out of the folder, unless that is allowed
 */
export function namedFile(
  path: string,
  folder: string,
  allowOutside: boolean,
  place: ErrorPlace & { readonly file: string },
): NamedFile {
  const file = resolve(folder, path)
  if (allowOutside) return { file }
  if (isIn(folder, file)) return { file, within: folder }
  throw new DataError(`the path ${path} leads out of the data folder`, { ...place, mend })
}

/**
 * What is known of a named file without reading it.
 * @throws DataError if links lead it out of its folder; what `stat` throws if it is not there
 */
export async function statNamed({ file, within }: NamedFile): Promise<Stats> {
  if (within === undefined) return stat(file)
  const [real, folder] = await Promise.all([realpath(file), realpath(within)])
  if (isIn(folder, real)) return stat(real)
  throw new DataError('a link leads out of the data folder', { file, mend })
}

/**
 * The bytes of a named image.
 * @param path by which the data know it
 * @throws DataError as {@link statNamed}; BadExample if it is not there, no plain file, or too large to be an image
 */
export async function readNamedImage(image: NamedFile, path: string | null): Promise<Uint8Array> {
  const missing = (cause: unknown) => new BadExample(`there is no image file ${path}`, undefined, { cause })
  const info = await statNamed(image).catch(cause => {
    throw cause instanceof DataError ? cause : missing(cause)
  })
  // Of a pipe or a device there may be no end.
  if (!info.isFile()) throw new BadExample(`${path} is no file`)
  if (info.size > mostImageBytes) {
    throw new BadExample(`the image file has ${info.size} bytes, more than ${mostImageBytes / 1e6} million`)
  }
  return readFile(image.file).catch(cause => {
    throw missing(cause)
  })
}

function isIn(folder: string, file: string): boolean {
  const path = relative(folder, file)
  return path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path)
}
