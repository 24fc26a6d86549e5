/** What a run would do, known before anything is done: every stage's key, and what of it is in the store. */
import type { DatasetConfig, Pipeline } from './config.js'
import { inputFile, MissingInput } from './inputs.js'
import { keyOf } from './key.js'
import { silentProgress } from './progress.js'
import type { Stage, StageContext, StageName, StagePart } from './stage.js'
import type { Artefact, ArtefactStore } from './store.js'
import { versionsOfLibraries } from './versions.js'

export interface PlannedStage {
  readonly stage: Stage
  readonly key: string
  readonly inputKeys: StageContext['inputKeys']
  /** What {@link Stage.source} gave. */
  readonly source?: string
  /** What an earlier run left in the store. */
  readonly artefact: Artefact | undefined
}

export interface Plan {
  /** Hash of the data set's bytes. */
  readonly dataset: string
  readonly stages: readonly PlannedStage[]
}

/** Hash of the data that a pipeline would read, 64 hexadecimal digits: equal data, equal hash, wherever they lie. */
export type Fingerprint = (dataset: DatasetConfig) => Promise<string>

/** Where a stage's files come from, apart from the stage itself. */
export interface PlanOptions {
  /** All stages in order; those that the pipeline does not ask for are left out. */
  readonly stages: readonly Stage[]
  readonly fingerprint: Fingerprint
  readonly store: Pick<ArtefactStore, 'find'>
}

/**
 * Plans a run. A stage's key hashes its name, version and settings, the libraries that compute, and the keys of its
 * inputs, or the data's fingerprint where it has none; so a stage runs anew only if something before it changed.
 */
export async function planRun(
  pipeline: Pipeline,
  { stages, fingerprint, store }: PlanOptions,
): Promise<Plan> {
  const dataset = await fingerprint(pipeline.dataset)
  const libraries = versionsOfLibraries(pipeline.engine)
  const keys: Partial<Record<StageName, string>> = {}
  const planned: PlannedStage[] = []
  for (const stage of stages) {
    if (stage.wanted && !stage.wanted(pipeline)) continue
    const inputKeys = Object.fromEntries(
      stage.inputs.flatMap(name => (keys[name] === undefined ? [] : [[name, keys[name]]])),
    )
    const source = await stage.source?.(pipeline)
    const key = keyOf({
      stage: stage.name,
      version: stage.version,
      settings: stage.settings(pipeline) ?? null,
      inputs: inputKeys,
      ...(stage.inputs.length === 0 && { dataset }),
      ...(source !== undefined && { source }),
      libraries,
    })
    keys[stage.name] = key
    planned.push({
      stage,
      key,
      inputKeys,
      ...(source !== undefined && { source }),
      artefact: await store.find(key),
    })
  }
  return { dataset, stages: planned }
}

export interface PlannedPart extends StagePart {
  readonly reused: boolean
}

/**
 * The parts of a planned stage, such as members, and which of them are in the store; undefined where they are not
 * known before the stages it builds on have run.
 */
export async function partsOf(
  planned: PlannedStage,
  plan: Plan,
  pipeline: Pipeline,
  store: ArtefactStore,
): Promise<readonly PlannedPart[] | undefined> {
  const { stage, inputKeys } = planned
  if (!stage.parts) return []
  const artefacts = new Map<StageName, Artefact>()
  for (const { stage, artefact } of plan.stages) if (artefact) artefacts.set(stage.name, artefact)
  try {
    const parts = await stage.parts({
      pipeline,
      input: path => inputFile(path, stage, artefacts),
      store,
      inputKeys,
      workers: 1,
      progress: silentProgress,
      signal: new AbortController().signal,
    })
    return await Promise.all(
      parts.map(async part => ({ ...part, reused: (await store.find(part.key)) !== undefined })),
    )
  } catch (error) {
    if (error instanceof MissingInput) return undefined
    throw error
  }
}
