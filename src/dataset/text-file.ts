/** Text files that are read whole. */
import { readFile, stat } from 'node:fs/promises'
import { DataError } from '../errors.js'

/** More bytes than that make no string. */
const mostBytes = 512 * 2 ** 20

/**
 * The text of a file, without its byte order mark.
 * @throws DataError if it is not there, no plain file (of a pipe or a device there may be no end), or too large
 */
export async function readText(path: string): Promise<string> {
  const unreadable = (cause: unknown) =>
    new DataError('the file cannot be opened', { file: path, mend: 'Check the path.', cause })
  const info = await stat(path).catch(cause => {
    throw unreadable(cause)
  })
  if (!info.isFile()) throw new DataError('is no file', { file: path, mend: 'Check the path.' })
  if (info.size >= mostBytes) {
    throw new DataError(`the file has ${info.size} bytes, and is read whole: up to ${mostBytes}`, {
      file: path,
      mend: 'Write the labels as Parquet or CSV, which are read in pieces.',
    })
  }
  const text = await readFile(path, 'utf8').catch(cause => {
    throw unreadable(cause)
  })
  return text.replace(/^\uFEFF/, '')
}
