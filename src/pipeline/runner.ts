/**
 * Runs a pipeline: each stage in order, unless its artefact is in the store already; its files appear in the run
 * folder, and the manifest says how far it is. Killed at any moment, a run leaves whole artefacts only, and the
 * next one goes on with what is missing.
 */
import { mkdir } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { DataError, PielineError, RunError } from '../errors.js'
import type { Cluster, ConnectCluster } from './cluster.js'
import type { Pipeline } from './config.js'
import type { Observer } from './events.js'
import { filesFolder, inputFile } from './inputs.js'
import { linkFile } from './link.js'
import { type Manifest, type StageRecord, writeManifest } from './manifest.js'
import { thisProcess } from './owner.js'
import { type Fingerprint, type PlannedStage, planRun } from './plan.js'
import type { Progress } from './progress.js'
import { noting, openRoots, type Roots } from './roots.js'
import { createRunFolder, listRuns, markAbandoned, pointLatest, type Run } from './runs.js'
import type { Stage, StageName } from './stage.js'
import { readRecord, writeRecord } from './stage-record.js'
import { type Artefact, type ArtefactStore, type DiskArtefactStore, openStore, storeName } from './store.js'
import { pielineVersion, versionsOfLibraries } from './versions.js'

export interface RunnerOptions {
  readonly stages: readonly Stage[]
  readonly fingerprint: Fingerprint
  /** Folder of all runs and of the store. */
  readonly out: string
  /** Default: as many as there are cores. */
  readonly workers?: number
  /** Hash every artefact found, not only those that changed. Default false. */
  readonly verify?: boolean
  /** Stops the run at its next safe point; the run then rejects with the signal's reason. */
  readonly signal?: AbortSignal
  readonly observe?: Observer
  /** Shares the artefacts of the store on disk with other machines. */
  readonly share?: (store: DiskArtefactStore) => Promise<ArtefactStore>
  /** Has members trained and asked by the workers of a cluster. */
  readonly cluster?: ConnectCluster
}

/**
 * Runs a pipeline to its end. Throws what a stage throws on purpose ({@link PielineError}), a {@link RunError} for
 * what it did not expect, and the signal's reason when it was asked to stop.
 */
export async function runPipeline(pipeline: Pipeline, options: RunnerOptions): Promise<Run> {
  try {
    return await runStages(pipeline, options)
  } catch (error) {
    throw options.signal?.aborted ? options.signal.reason : asRunError(error)
  }
}

async function runStages(pipeline: Pipeline, options: RunnerOptions): Promise<Run> {
  const { stages, fingerprint, observe = () => {}, signal = new AbortController().signal } = options
  const began = performance.now()
  const out = resolve(options.out)
  const pipelineFolder = join(out, pipeline.name)
  const workers = options.workers ?? availableParallelism()
  const disk = await openStore(join(out, storeName), { verify: options.verify ?? false })
  const store = (await options.share?.(disk)) ?? disk
  await markAbandoned(pipelineFolder)
  const beside = (await listRuns(pipelineFolder)).filter(({ manifest }) => manifest.status === 'running')
  const plan = await planRun(pipeline, { stages, fingerprint, store })
  const { id, folder } = await createRunFolder(pipelineFolder)
  const roots = await openRoots(join(out, storeName), { pipeline: pipeline.name, run: id })
  let manifest = newManifest(pipeline, id, plan.dataset, plan.stages, workers)
  const update = async (change: Partial<Manifest>) => {
    manifest = { ...manifest, ...change }
    await writeManifest(folder, manifest)
  }
  const updateStage = (name: StageName, change: Partial<StageRecord>) =>
    update({ stages: manifest.stages.map(stage => (stage.name === name ? { ...stage, ...change } : stage)) })

  await update({})
  observe({
    event: 'run-started',
    run: id,
    pipeline: pipeline.name,
    folder,
    stages: plan.stages.map(({ stage }) => stage.name),
    reused: plan.stages.filter(({ artefact }) => artefact).map(({ stage }) => stage.name),
  })
  for (const { manifest: other } of beside) {
    observe({ event: 'log', stage: stages[0]!.name, message: besideText(other) })
  }
  const artefacts = new Map<StageName, Artefact>()
  let current: StageName | undefined
  let cluster: Cluster | undefined
  try {
    cluster = await options.cluster?.({
      store: disk.folder,
      signal,
      log: message => observe({ event: 'log', stage: current ?? stages[0]!.name, message }),
    })
    for (const planned of plan.stages) {
      const { name } = planned.stage
      signal.throwIfAborted()
      current = name
      observe({ event: 'stage-started', stage: name })
      await updateStage(name, { state: 'running' })
      const artefact = await produceStage(planned, pipeline, {
        store,
        roots,
        cluster,
        artefacts,
        workers,
        signal,
        observe,
        dataset: plan.dataset,
        fingerprint,
      })
      artefacts.set(name, artefact)
      const { headline, seconds } = await readRecord(artefact.folder)
      const files = await publish(artefact, folder)
      await updateStage(name, { state: 'done', reused: artefact.reused, seconds, headline, files })
      observe({ event: 'stage-finished', stage: name, reused: artefact.reused, seconds, headline })
      current = undefined
    }
  } catch (error) {
    const stopped = signal.aborted
    const failure: unknown = stopped ? signal.reason : asRunError(error, current)
    const stages = manifest.stages.map(stage =>
      stage.name === current
        ? { ...stage, state: stopped ? ('waiting' as const) : ('failed' as const) }
        : stage,
    )
    const status = stopped ? 'interrupted' : 'failed'
    const finished = new Date().toISOString()
    // On a full disk this fails too; the first failure is the one to tell.
    await update({ stages, status, finished, error: describeError(failure, current) }).catch(() => {})
    throw failure
  } finally {
    await cluster?.close()
    await roots.close()
  }
  await update({ status: 'done', finished: new Date().toISOString() })
  await pointLatest(pipelineFolder)
  observe({ event: 'run-finished', run: id, folder, seconds: (performance.now() - began) / 1000 })
  return { folder, manifest }
}

/** Both end right, since artefacts appear whole and the same keys are the same bytes. */
function besideText({ run, process: { host, pid } }: Manifest): string {
  return `run ${run} of this pipeline goes on at the same time (process ${pid} on ${host}): what both need is made twice`
}

interface StageEnvironment {
  readonly store: ArtefactStore
  readonly roots: Roots
  readonly cluster: Cluster | undefined
  readonly artefacts: ReadonlyMap<StageName, Artefact>
  readonly workers: number
  readonly signal: AbortSignal
  readonly observe: Observer
  /** Hash of the data that the run is about. */
  readonly dataset: string
  readonly fingerprint: Fingerprint
}

function produceStage(
  { stage, key, inputKeys, source }: PlannedStage,
  pipeline: Pipeline,
  { store, roots, cluster, artefacts, workers, signal, observe, dataset, fingerprint }: StageEnvironment,
): Promise<Artefact> {
  return store.produce(key, async temporary => {
    const began = performance.now()
    const output = join(temporary, filesFolder)
    await mkdir(output)
    const uses = new Set<string>()
    const noted = noting(store, key => {
      uses.add(key)
      return roots.note(key)
    })
    const headline = await stage.run({
      pipeline,
      output,
      input: path => inputFile(path, stage, artefacts),
      store: cluster?.storeOf(stage.name, noted) ?? noted,
      inputKeys,
      workers,
      progress: progressOf(stage.name, observe),
      signal,
    })
    if (stage.readsSource && (await fingerprint(pipeline.dataset)) !== dataset) throw changedData(pipeline)
    if ((await stage.source?.(pipeline)) !== source) throw changedSource(stage)
    const seconds = (performance.now() - began) / 1000
    await writeRecord(temporary, { headline, seconds, uses: [...uses].sort() })
  })
}

function changedData({ dataset }: Pipeline): DataError {
  return new DataError('the data changed while the run was reading them', {
    file: dataset.path,
    key: 'dataset.path',
    mend: 'Run again when nothing writes to them, or on a copy.',
  })
}

function changedSource({ name }: Stage): DataError {
  return new DataError(`files that the stage ${name} reads changed while the run was reading them`, {
    mend: 'Run again when nothing writes to them, or on a copy.',
  })
}

/** Lets a stage's files appear in the run folder. */
async function publish(artefact: Artefact, folder: string): Promise<StageRecord['files']> {
  const files: StageRecord['files'] = []
  for (const { path, bytes, sha256 } of artefact.files) {
    if (!path.startsWith(`${filesFolder}/`)) continue
    const published = path.slice(filesFolder.length + 1)
    try {
      await linkFile(join(artefact.folder, path), join(folder, published))
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
      throw new RunError('two stages wrote the same file', { file: published, cause })
    }
    files.push({ path: published, bytes, sha256 })
  }
  return files
}

function progressOf(stage: StageName, observe: Observer): Progress {
  let label: string = stage
  let done = 0
  let total = 0
  return {
    start(newLabel, newTotal) {
      label = newLabel
      total = newTotal
      done = 0
      observe({ event: 'progress', stage, label, done, total })
    },
    advance(units, note) {
      done += units
      observe({ event: 'progress', stage, label, done, total, ...(note !== undefined && { note }) })
    },
    log: message => observe({ event: 'log', stage, message }),
  }
}

function newManifest(
  pipeline: Pipeline,
  run: string,
  dataset: string,
  stages: readonly PlannedStage[],
  workers: number,
): Manifest {
  const { seeds, firstSeed } = pipeline.population
  return {
    format: 1,
    run,
    pipeline: pipeline.name,
    status: 'running',
    started: new Date().toISOString(),
    finished: null,
    process: thisProcess,
    versions: {
      pieline: pielineVersion,
      node: process.versions.node,
      ...versionsOfLibraries(pipeline.engine),
    },
    machine: {
      platform: `${process.platform}-${process.arch}`,
      processor: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
    },
    workers,
    seed: pipeline.seed,
    memberSeeds: Array.from({ length: seeds }, (_, at) => firstSeed + at),
    dataset,
    config: pipeline,
    stages: stages.map(({ stage, key }) => ({
      name: stage.name,
      key,
      state: 'waiting',
      reused: false,
      seconds: null,
      headline: {},
      files: [],
    })),
  }
}

const systemMends: Readonly<Record<string, string>> = {
  ENOSPC:
    'The disk is full: make room, or name another folder with --out. The same command goes on from here.',
  EDQUOT:
    'The quota is used up: make room, or name another folder with --out. The same command goes on from here.',
  EFBIG: 'Files may not grow so large here: raise the limit (ulimit -f), or name another folder with --out.',
  ENOENT: 'A folder or file vanished while the run used it: leave the folder of runs alone, and run again.',
  EACCES: 'Check who may write there, or name another folder with --out.',
  ENOTDIR: 'Part of this path is a file: name another folder with --out.',
  EROFS: 'The file system is read-only: name another folder with --out.',
  EMFILE: 'Too many files are open: raise the limit (ulimit -n).',
  ERR_WORKER_OUT_OF_MEMORY: 'Run with fewer workers (--workers) or on more memory.',
}

function asRunError(error: unknown, stage?: StageName): PielineError {
  if (error instanceof PielineError) return error
  const { code = '', message } = error as NodeJS.ErrnoException
  const mend = systemMends[code]
  return new RunError(
    `${stage === undefined ? 'the run' : `stage ${stage}`} failed: ${message ?? String(error)}`,
    {
      cause: error,
      ...(mend && { mend }),
    },
  )
}

function describeError(error: unknown, stage: StageName | undefined): NonNullable<Manifest['error']> {
  const name = error instanceof Error ? error.name : 'Error'
  const message =
    error instanceof PielineError ? error.describe() : error instanceof Error ? error.message : String(error)
  return { name, message, ...(stage !== undefined && { stage }) }
}
