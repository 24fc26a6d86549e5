/**
 * A store on disk that shares its artefacts through an object storage. A file is an object named by its hash, an
 * artefact an object that lists its files, written last and at once: whoever reads the list finds the files, and two
 * machines that make the same artefact never mix theirs.
 */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import pLimit from 'p-limit'
import { z } from 'zod'
import {
  type Artefact,
  type ArtefactFile,
  type ArtefactStore,
  type DiskArtefactStore,
  filesIn,
  hashOf,
} from '../pipeline/store.js'
import { parseStorageAddress } from './address.js'
import { type Bucket, openBucket } from './bucket.js'

const hash = z.string().regex(/^[0-9a-f]{64}$/)
const listSchema = z.strictObject({
  key: hash,
  files: z.array(z.strictObject({ path: z.string(), bytes: z.int().min(0), sha256: hash })),
})

const listName = (key: string): string => `artefacts/${key}.json`
const fileName = (sha256: string): string => `files/${sha256}`

const filesAtOnce = 8

/** Says that it can be written to, before work is done for it. */
const markName = 'PIELINE-STORE'

/**
 * @param disk has what was made or fetched here, and gets the rest
 * @throws ConfigError if the bucket cannot be written to, UnavailableError if nobody answers
 */
export async function openSharedStore(disk: DiskArtefactStore, bucket: Bucket): Promise<ArtefactStore> {
  await bucket.put(markName, Buffer.from('Artefacts of pieline, which it can make again.\n'))

  const limit = pLimit(filesAtOnce)

  /** The files of an artefact as the storage lists them; undefined where it has none, or the list is damaged. */
  async function listed(key: string): Promise<readonly ArtefactFile[] | undefined> {
    const bytes = await bucket.get(listName(key))
    if (bytes === undefined) return undefined
    try {
      const list = listSchema.parse(JSON.parse(bytes.toString('utf8')))
      return list.key === key && list.files.every(({ path }) => isWithin(path)) ? list.files : undefined
    } catch {
      return undefined
    }
  }

  /** @returns whether all of them came, as they were; otherwise the folder is empty again */
  async function fetched(files: readonly ArtefactFile[], folder: string): Promise<boolean> {
    const came = files.map(({ path, bytes, sha256 }) =>
      limit(async () => {
        const file = join(folder, path)
        await mkdir(dirname(file), { recursive: true })
        return (await bucket.download(fileName(sha256), file, bytes)) && (await hashOf(file)) === sha256
      }),
    )
    // All have ended before anything is removed.
    const results = await Promise.allSettled(came)
    for (const result of results) if (result.status === 'rejected') throw result.reason
    if (results.every(result => result.status === 'fulfilled' && result.value)) return true
    await empty(folder)
    return false
  }

  /** @returns whether the storage lists these files now, and not those of somebody who was first */
  async function send(
    key: string,
    folder: string,
    files: readonly ArtefactFile[],
    isAbsent: boolean,
  ): Promise<boolean> {
    const sent = files.map(({ path, bytes, sha256 }) =>
      limit(async () => {
        // Many files are those of other artefacts too; where one was damaged, they are sent again.
        if (isAbsent && (await bucket.has(fileName(sha256), bytes))) return
        await bucket.upload(fileName(sha256), join(folder, path), bytes)
      }),
    )
    await Promise.all(sent)
    const list = Buffer.from(`${JSON.stringify({ key, files }, null, 2)}\n`)
    return bucket.put(listName(key), list, isAbsent)
  }

  /** Shares what is in the folder, unless somebody else was first: then the folder holds theirs. */
  async function share(key: string, folder: string, isAbsent: boolean): Promise<void> {
    const files = await filesIn(folder)
    if (await send(key, folder, files, isAbsent)) return
    const theirs = await listed(key)
    if (theirs === undefined || JSON.stringify(theirs) === JSON.stringify(files)) return
    await empty(folder)
    if (!(await fetched(theirs, folder))) throw new Error('an artefact that was just shared is damaged')
  }

  /** Keys of artefacts that this process knows to be shared. */
  const shared = new Set<string>()

  /** Shares what was made here before there was an object storage: workers elsewhere go by it. */
  async function catchUp({ key, folder, files }: Artefact): Promise<void> {
    if (shared.has(key)) return
    if ((await listed(key)) === undefined) await send(key, folder, files, true)
    shared.add(key)
  }

  return {
    async find(key) {
      const here = await disk.find(key)
      if (here) {
        await catchUp(here)
        return here
      }
      const files = await listed(key)
      if (files === undefined) return undefined
      try {
        return await disk.produce(key, async folder => {
          if (!(await fetched(files, folder))) throw new Damaged()
        })
      } catch (error) {
        if (error instanceof Damaged) return undefined
        throw error
      }
    },
    async produce(key, make) {
      let isFetched = false
      const artefact = await disk.produce(key, async folder => {
        const files = await listed(key)
        isFetched = files !== undefined && (await fetched(files, folder))
        if (isFetched) return
        await make(folder)
        await share(key, folder, files === undefined)
        shared.add(key)
      })
      if (!isFetched) await catchUp(artefact)
      return { ...artefact, reused: artefact.reused || isFetched }
    },
  }
}

/**
 * What makes a store on disk a shared one.
 * @param text see {@link parseStorageAddress}
 * @throws ConfigError at once if the address or the credentials are none
 */
export function sharedThrough(text: string): (disk: DiskArtefactStore) => Promise<ArtefactStore> {
  const bucket = openBucket(parseStorageAddress(text))
  return disk => openSharedStore(disk, bucket)
}

/** The storage lists files that it does not have, or has otherwise. */
class Damaged extends Error {}

/** Whoever writes to the storage names our files: never one outside their folder. */
const isWithin = (path: string): boolean =>
  path.split('/').every(part => part !== '' && part !== '.' && part !== '..') && !/[\\\0:]/.test(path)

async function empty(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true })
}
