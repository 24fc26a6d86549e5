/**
 * Which artefacts a run uses while it goes on, beside those that its manifest names: `store/roots/<pipeline>@<run>`,
 * a key a line. A key is noted before it is looked up, so that whoever removes artefacts either sees the note, or has
 * removed it before anybody found it.
 */
import { mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Manifest } from './manifest.js'
import type { ArtefactStore } from './store.js'

type RunName = Pick<Manifest, 'pipeline' | 'run'>

const folderName = 'roots'
/** Where the notes are, in the folder of a store. */
export const rootsFolder = (store: string): string => join(store, folderName)

const nameOf = ({ pipeline, run }: RunName): string => `${pipeline}@${run}`

export interface Roots {
  note(key: string): Promise<void>
  close(): Promise<void>
}

/** Opens the notes of a run; `store` is the folder of the store. */
export async function openRoots(store: string, run: RunName): Promise<Roots> {
  await mkdir(rootsFolder(store), { recursive: true })
  const file = await open(join(store, folderName, nameOf(run)), 'a')
  const noted = new Set<string>()
  return {
    async note(key) {
      if (noted.has(key)) return
      await file.appendFile(`${key}\n`)
      noted.add(key)
    },
    close: () => file.close(),
  }
}

/** The keys that a run noted; undefined where it keeps no notes. */
export async function readRoots(store: string, run: RunName): Promise<readonly string[] | undefined> {
  try {
    return (await readFile(join(store, folderName, nameOf(run)), 'utf8')).split('\n').filter(Boolean)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Removes the notes of a run. */
export async function removeRoots(store: string, run: RunName): Promise<void> {
  await rm(join(store, folderName, nameOf(run)), { force: true })
}

/** A store that tells which keys are asked of it, each before it is looked up. */
export function noting(store: ArtefactStore, note: (key: string) => Promise<void>): ArtefactStore {
  return {
    async find(key) {
      await note(key)
      return store.find(key)
    },
    async produce(key, ...how) {
      await note(key)
      return store.produce(key, ...how)
    },
    ...(store.elsewhere !== undefined && { elsewhere: store.elsewhere }),
  }
}
