/** What a stage is. Stages know files and the rooms that do the work; they never call each other. */
import type { Pipeline } from './config.js'
import type { Progress } from './progress.js'
import type { ArtefactStore } from './store.js'

/** A stage by its name; `stages.ts` has their order. */
export type StageName =
  | 'ingest'
  | 'models'
  | 'backbone'
  | 'train'
  | 'preview'
  | 'compress'
  | 'predict'
  | 'inspect'
  | 'score'
  | 'robustness'
  | 'export'
  | 'retrain'
  | 'report'

/** Figures worth a line in the closing table and in `manifest.json`; JSON values only. */
export type Headline = Readonly<Record<string, unknown>>

export interface StageContext {
  readonly pipeline: Pipeline
  /** Folder in which the stage writes, with the relative paths of the run folder; becomes an artefact as a whole when `run` returns. */
  readonly output: string
  /**
   * Absolute path of a file that a stage in `inputs` wrote, by its path in the run folder, such as
   * `examples.parquet`. Throws where none of them wrote it.
   */
  input(path: string): string
  /** Content-addressed store, for parts of a stage that are worth keeping on their own (members). */
  readonly store: ArtefactStore
  /** Keys of the stages in `inputs`, for the keys of parts. */
  readonly inputKeys: Readonly<Partial<Record<StageName, string>>>
  /** How many workers may run side by side; must not change a single byte of the result. */
  readonly workers: number
  readonly progress: Progress
  /** Aborted when the user asks to stop; a stage ends at the next safe point by throwing the signal's reason. */
  readonly signal: AbortSignal
}

/** What is there before a stage has run. */
export type PlanningContext = Omit<StageContext, 'output'>

/** A part of a stage that is an artefact of its own. */
export interface StagePart {
  /** Such as `dense/3`. */
  readonly name: string
  readonly key: string
}

export interface Stage {
  readonly name: StageName
  /** Raise it when the same inputs would give other bytes: it is part of the stage's key. */
  readonly version: number
  readonly inputs: readonly StageName[]
  /** Whether it reads the data set itself, which must then be the same before and after. */
  readonly readsSource?: true
  /** Hash of the files outside the run, other than the data set, that the stage reads: part of its key. */
  source?(pipeline: Pipeline): Promise<string>
  /** Whether the pipeline asks for this stage; where not, later stages do not get it as an input. Absent: always. */
  wanted?(pipeline: Pipeline): boolean
  /** The part of the configuration on which the result depends: it is part of the stage's key. */
  settings(pipeline: Pipeline): unknown
  /** What the stage keeps in the store on its own, such as members, so that a dry run can say what is there. */
  parts?(context: PlanningContext): Promise<readonly StagePart[]>
  /** Writes the stage's files under `context.output` and returns its headline figures. */
  run(context: StageContext): Promise<Headline>
}
