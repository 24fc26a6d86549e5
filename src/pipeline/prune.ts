/**
 * Retention: which runs go, and which artefacts nothing needs any more. Artefacts are collected by reachability: a run
 * that stays keeps the artefacts of its stages, the parts these were made with, and what it has noted so far.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Pipeline } from './config.js'
import { readManifest } from './manifest.js'
import { readRoots, removeRoots } from './roots.js'
import { isAbandoned, type Run, removeRemains, removeRun, runFolders } from './runs.js'
import { readRecord } from './stage-record.js'
import { type DiskArtefactStore, openStore, type StoredArtefact, storeName } from './store.js'

export type Retention = NonNullable<Pipeline['keep']>

const day = 86_400_000

/**
 * The runs of one pipeline that go.
 * @param runs newest first
 * @param keep a run stays that either of its limits keeps; all do where it is undefined
 * @param pinned runs that stay in any case. So do those that go on, the newest, and the newest finished one
 * @param now milliseconds of the epoch
 */
export function expiredRuns(
  runs: readonly Run[],
  keep: Retention | undefined,
  pinned: readonly Run[],
  now: number,
): Run[] {
  if (keep === undefined) return []
  const { runs: newest = 0, days = 0 } = keep
  const names = new Set(pinned.map(({ manifest }) => manifest.run))
  const finished = runs.find(({ manifest }) => manifest.status === 'done')
  return runs.filter((run, place) => {
    const { manifest } = run
    const goesOn = manifest.status === 'running' && !isAbandoned(manifest)
    if (goesOn || place === 0 || run === finished || names.has(manifest.run)) return false
    return place >= newest && Date.parse(manifest.started) < now - days * day
  })
}

export interface Pruned {
  readonly runs: readonly Run[]
  /** Artefacts of the store that went, and the bytes that they took. */
  readonly artefacts: number
  readonly bytes: number
}

export interface PruneOptions {
  /** Say what would go, and remove nothing; bytes are then unknown, 0. */
  readonly dryRun?: boolean
}

/**
 * Removes these runs, and all artefacts that no other run in `out` needs. Safe beside runs that go on.
 * @throws RunError if there is a manifest that this version does not understand, since nobody knows what its run needs
 */
export async function prune(
  out: string,
  expired: readonly Run[],
  { dryRun = false }: PruneOptions = {},
): Promise<Pruned> {
  if (!dryRun) {
    for (const run of expired) {
      await removeRun(run)
      await removeRoots(join(out, storeName), run.manifest)
    }
    for (const pipeline of new Set(expired.map(({ manifest }) => manifest.pipeline))) {
      await removeRemains(join(out, pipeline))
    }
  }
  if (!existsSync(join(out, storeName))) return { runs: expired, artefacts: 0, bytes: 0 }
  const store = await openStore(join(out, storeName))
  const gone = new Set(expired.map(run => run.folder))
  const unneeded = async () => {
    const { keys, until } = await requirements(out, store, gone)
    return ({ key, since }: StoredArtefact) => !keys.has(key) && since > until
  }
  const artefacts = (await store.list()).filter(await unneeded())
  const bytes = dryRun ? 0 : await store.remove(artefacts, unneeded)
  return { runs: expired, artefacts: artefacts.length, bytes }
}

/** What the runs that stay need. */
interface Requirements {
  readonly keys: ReadonlySet<string>
  /** Earlier versions did not note what they used: whatever came until then may be needed. Milliseconds of the epoch. */
  readonly until: number
}

async function requirements(
  out: string,
  store: DiskArtefactStore,
  gone: ReadonlySet<string>,
): Promise<Requirements> {
  const keys = new Set<string>()
  let until = Number.NEGATIVE_INFINITY
  const since = new Map((await store.list()).map(artefact => [artefact.key, artefact.since]))
  for (const folder of await runFolders(out)) {
    if (gone.has(folder) || !existsSync(join(folder, 'manifest.json'))) continue
    const manifest = await readManifest(folder)
    const notes = await readRoots(store.folder, manifest)
    for (const key of notes ?? []) keys.add(key)
    if (notes === undefined && manifest.status !== 'done') {
      until = Math.max(until, manifest.finished === null ? Date.now() : Date.parse(manifest.finished))
    }
    for (const { key } of manifest.stages) {
      keys.add(key)
      const made = since.get(key)
      if (made === undefined) continue
      const uses = await usesOf(join(store.folder, key))
      if (uses === undefined) until = Math.max(until, made)
      for (const part of uses ?? []) keys.add(part)
    }
  }
  return { keys, until }
}

/** What a stage's artefact was made with; undefined where it does not say so, or is damaged. */
async function usesOf(artefactFolder: string): Promise<readonly string[] | undefined> {
  try {
    return (await readRecord(artefactFolder)).uses
  } catch {
    return undefined
  }
}
