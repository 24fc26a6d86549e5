/**
 * A store on disk of limited size: what was used longest ago goes first, and nothing goes that is in use. Whoever uses
 * artefacts notes their keys before it looks them up, as a run does (see `roots.ts`), so that several processes may
 * share the folder.
 */
import { randomUUID } from 'node:crypto'
import { readdir, readFile, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { isAlive, thisProcess } from './owner.js'
import { noting, openRoots, removeRoots, rootsFolder } from './roots.js'
import type { ArtefactStore, DiskArtefactStore, StoredArtefact } from './store.js'

/** Somebody who uses artefacts for a while. */
export interface Use {
  /** What it looks up here stays until it has ended. */
  readonly store: ArtefactStore
  end(): Promise<void>
}

export interface ArtefactCache {
  begin(): Promise<Use>
}

/** What went. */
export interface Evicted {
  readonly artefacts: number
  readonly bytes: number
}

const usesName = 'use'
const useName = new RegExp(`^${usesName}@(\\d+)\\.(\\d+)\\.[^.]+\\.(.*)$`)

/**
 * @param disk whose artefacts may go
 * @param store what users see of it, such as the same store shared through an object storage
 * @param limit bytes of whole artefacts; what is in use may be more
 * @param tell hears of what went, or why nothing could
 */
export async function openCache(
  disk: DiskArtefactStore,
  store: ArtefactStore,
  limit: number,
  tell: (outcome: Evicted | { readonly error: unknown }) => void,
): Promise<ArtefactCache> {
  const roots = rootsFolder(disk.folder)
  const sizes = new Map<string, number>()
  let evicting: Promise<void> | undefined

  /** Keys that are in use, or needed by runs whose store this is too. Notes of processes that died go. */
  async function inUse(): Promise<ReadonlySet<string>> {
    const keys = new Set<string>()
    for (const name of await readdir(roots).catch(ifAbsent([]))) {
      const owner = useName.exec(name)
      if (owner) {
        const [, pid, since, host] = owner
        if (!isAlive({ host: host!, pid: Number(pid) }, Number(since))) {
          await removeRoots(disk.folder, { pipeline: usesName, run: name.slice(usesName.length + 1) })
          continue
        }
      }
      const text = await readFile(join(roots, name), 'utf8').catch(ifAbsent(''))
      for (const key of text.split('\n')) keys.add(key)
    }
    return keys
  }

  async function sizeOf(key: string): Promise<number> {
    const known = sizes.get(key)
    if (known !== undefined) return known
    const size = await bytesIn(join(disk.folder, key)).catch(ifAbsent(0))
    sizes.set(key, size)
    return size
  }

  async function evict(): Promise<void> {
    const artefacts = await disk.list()
    let bytes = 0
    for (const { key } of artefacts) bytes += await sizeOf(key)
    if (bytes <= limit) return
    const used = await inUse()
    const going: StoredArtefact[] = []
    for (const artefact of artefacts.sort((a, b) => a.since - b.since)) {
      if (bytes <= limit) break
      if (used.has(artefact.key)) continue
      going.push(artefact)
      bytes -= await sizeOf(artefact.key)
    }
    if (going.length === 0) return
    const freed = await disk.remove(going, async () => {
      const usedNow = await inUse()
      return ({ key }) => !usedNow.has(key)
    })
    for (const { key } of going) sizes.delete(key)
    tell({ artefacts: going.length, bytes: freed })
  }

  /** One at a time; what ends meanwhile is looked at by the next. */
  function evictSoon(): Promise<void> {
    const next = (evicting ?? Promise.resolve())
      .then(evict)
      .catch(error => tell({ error }))
      .finally(() => {
        if (evicting === next) evicting = undefined
      })
    evicting = next
    return next
  }

  await evictSoon()
  return {
    async begin() {
      const { pid, host } = thisProcess
      const name = { pipeline: usesName, run: `${pid}.${Date.now()}.${randomUUID()}.${host}` }
      const notes = await openRoots(disk.folder, name)
      const note = async (key: string) => {
        await notes.note(key)
        const now = new Date()
        await utimes(join(disk.folder, key), now, now).catch(ifAbsent(undefined))
      }
      return {
        store: noting(store, note),
        async end() {
          await notes.close()
          await removeRoots(disk.folder, name)
          await evictSoon()
        },
      }
    },
  }
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size
  }
  return bytes
}

const ifAbsent =
  <T>(value: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code === 'ENOENT') return value
    throw error
  }
