/** Files that appear in several folders without taking their space twice. */
import { constants } from 'node:fs'
import { chmod, copyFile, link, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'

/** What file systems without hard links, links across file systems and files with too many links answer. */
const unlinkable = new Set(['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES'])

/**
 * Makes the file `from` appear as `to` too, which must not exist yet: as a hard link, or as a read-only copy where
 * there can be none. Missing folders are made.
 */
export async function linkFile(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  try {
    await link(from, to)
  } catch (error) {
    if (!unlinkable.has((error as NodeJS.ErrnoException).code ?? '')) throw error
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    await chmod(to, 0o444)
  }
}
