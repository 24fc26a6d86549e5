/** Run folders: `<out>/<pipeline>/<run id>/`, and `<out>/<pipeline>/latest`, which names the newest finished one. */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat, symlink } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { ConfigError } from '../errors.js'
import { didYouMean } from '../nearest.js'
import { type Manifest, readManifest, writeManifest } from './manifest.js'
import { isAlive } from './owner.js'

/** A run on disk. */
export interface Run {
  /** Absolute path of the run folder. */
  readonly folder: string
  readonly manifest: Manifest
}

const runIdPattern = /^\d{8}T\d{6}\.\d{3}Z$/

/**
 * Makes a new run folder, named by the time: `20260131T235959.123Z`, or by the millisecond after the newest run where
 * the clock was put back, so that names tell the order. No two runs get the same one.
 */
export async function createRunFolder(pipelineFolder: string): Promise<{ id: string; folder: string }> {
  await mkdir(pipelineFolder, { recursive: true })
  for (;;) {
    const [newest] = await runIds(pipelineFolder)
    const id = runIdOf(Math.max(Date.now(), newest === undefined ? 0 : timeOf(newest) + 1))
    const folder = join(pipelineFolder, id)
    try {
      await mkdir(folder)
      return { id, folder }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      await wait(1)
    }
  }
}

const runIdOf = (time: number): string => new Date(time).toISOString().replace(/[-:]/g, '')

/** The time that a run id names, in milliseconds of the epoch. */
const timeOf = (id: string): number => Date.parse(id.replace(/^(....)(..)(..)T(..)(..)/, '$1-$2-$3T$4:$5:'))

/**
 * Lets `latest` name the newest finished run. Whoever writes looks again afterwards: of several runs that finish in
 * one moment, the last to write has then seen the newest.
 */
export async function pointLatest(pipelineFolder: string): Promise<void> {
  const pointer = join(pipelineFolder, 'latest')
  let named: string | undefined
  for (;;) {
    const newest = await newestFinished(pipelineFolder)
    if (newest === undefined || newest === named) return
    const temporary = join(pipelineFolder, `.latest.${randomUUID()}`)
    // A junction is what Windows lets everybody make; elsewhere the word is ignored.
    await symlink(newest, temporary, 'junction')
    await rename(temporary, pointer)
    named = newest
  }
}

async function newestFinished(pipelineFolder: string): Promise<string | undefined> {
  for (const id of await runIds(pipelineFolder)) {
    const manifest = await readManifest(join(pipelineFolder, id)).catch(() => undefined)
    if (manifest?.status === 'done') return id
  }
  return undefined
}

/** Names of the run folders of one pipeline, newest first. */
async function runIds(pipelineFolder: string): Promise<string[]> {
  const names = await namesIn(pipelineFolder)
  return names
    .filter(name => runIdPattern.test(name))
    .sort()
    .reverse()
}

/** Runs of one pipeline, newest first; folders without a readable manifest are left out. */
export async function listRuns(pipelineFolder: string): Promise<Run[]> {
  const runs: Run[] = []
  for (const name of await runIds(pipelineFolder)) {
    const folder = resolve(pipelineFolder, name)
    try {
      runs.push({ folder, manifest: await readManifest(folder) })
    } catch {
      // Made this moment, or by another version: nothing to show.
    }
  }
  return runs
}

/** Absolute paths of all run folders under `out`, whether a manifest is in them or not. */
export async function runFolders(out: string): Promise<string[]> {
  const pipelines = await namesIn(out)
  const folders = pipelines.map(async name =>
    (await runIds(join(out, name))).map(id => resolve(out, name, id)),
  )
  return (await Promise.all(folders)).flat()
}

/** Runs of all pipelines under `out`, newest first. */
export async function listAllRuns(out: string): Promise<Run[]> {
  const pipelines = await namesIn(out)
  const runs = await Promise.all(pipelines.map(name => listRuns(join(out, name))))
  return runs.flat().sort((a, b) => (a.manifest.run < b.manifest.run ? 1 : -1))
}

/** Whether the manifest says that the run goes on, but nobody is there who runs it. */
export function isAbandoned({ status, process, started }: Manifest): boolean {
  return status === 'running' && !isAlive(process, Date.parse(started))
}

/** Marks the runs of a pipeline as interrupted whose process was killed. */
export async function markAbandoned(pipelineFolder: string): Promise<void> {
  for (const { folder, manifest } of await listRuns(pipelineFolder)) {
    if (!isAbandoned(manifest)) continue
    const stages = manifest.stages.map(stage =>
      stage.state === 'running' ? { ...stage, state: 'waiting' as const } : stage,
    )
    await writeManifest(folder, { ...manifest, status: 'interrupted', stages })
  }
}

/**
 * The run that `name` means: a run folder's path, a run id, `pipeline/run id`, or a pipeline's name for its newest
 * run; without a name, the newest of all. With `finished`, only runs that are done count. Throws a
 * {@link ConfigError} that lists what there is.
 */
export async function findRun(
  out: string,
  name?: string,
  { finished = false }: { readonly finished?: boolean } = {},
): Promise<Run> {
  if (name !== undefined && (await isFile(join(name, 'manifest.json')))) {
    return { folder: resolve(name), manifest: await readManifest(name) }
  }
  const runs = await listAllRuns(out)
  const possible = finished ? runs.filter(({ manifest }) => manifest.status === 'done') : runs
  const wanted = name?.replace(/\/(latest)?$/, '')
  const found = possible.find(
    ({ manifest: { run, pipeline } }) =>
      wanted === undefined || wanted === run || wanted === pipeline || wanted === `${pipeline}/${run}`,
  )
  if (found) return found
  if (runs.length === 0) {
    throw new ConfigError('there are no runs here', {
      file: out,
      mend: 'Start one with "pieline run", or name the folder of your runs with --out.',
    })
  }
  if (
    wanted === undefined ||
    runs.some(({ manifest }) => [manifest.run, manifest.pipeline].includes(wanted))
  ) {
    throw new ConfigError('no run is finished yet', {
      file: out,
      mend: `See "pieline status"; "pieline run" goes on with one that stopped.`,
    })
  }
  const names = runs.flatMap(({ manifest: { run, pipeline } }) => [pipeline, run])
  const pipelines = [...new Set(runs.map(({ manifest }) => manifest.pipeline))]
  throw new ConfigError(`there is no run "${wanted}"`, {
    file: out,
    mend: `${didYouMean(wanted, names)}There are runs of ${pipelines.join(', ')}.`,
  })
}

/** Takes a run's folder away; a half-removed one is no run any more. */
export async function removeRun({ folder }: Run): Promise<void> {
  const aside = join(dirname(folder), `.removed.${basename(folder)}`)
  await rename(folder, aside)
  await rm(aside, { recursive: true, force: true })
}

/** Finishes what {@link removeRun} began before its process was killed. */
export async function removeRemains(pipelineFolder: string): Promise<void> {
  for (const name of await namesIn(pipelineFolder)) {
    if (name.startsWith('.removed.')) await rm(join(pipelineFolder, name), { recursive: true, force: true })
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw error
  }
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isFile(),
    () => false,
  )
}
