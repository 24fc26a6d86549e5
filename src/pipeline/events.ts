/** What a run tells while it goes on: the terminal draws it, `--json` prints it, a library user may listen. */
import type { Headline, StageName } from './stage.js'

/** What a run tells: `--json` prints it, one a line. */
export type RunEvent =
  | {
      readonly event: 'run-started'
      readonly run: string
      readonly pipeline: string
      readonly folder: string
      readonly stages: readonly StageName[]
      /** Stages whose artefacts are there already. */
      readonly reused: readonly StageName[]
    }
  | { readonly event: 'stage-started'; readonly stage: StageName }
  | {
      readonly event: 'progress'
      readonly stage: StageName
      /** What is being counted, such as `training members`. */
      readonly label: string
      readonly done: number
      readonly total: number
      readonly note?: string
    }
  | { readonly event: 'log'; readonly stage: StageName; readonly message: string }
  | {
      readonly event: 'stage-finished'
      readonly stage: StageName
      readonly reused: boolean
      /** Wall-clock seconds that making it took, in whichever run. */
      readonly seconds: number
      readonly headline: Headline
    }
  | {
      readonly event: 'run-finished'
      readonly run: string
      readonly folder: string
      readonly seconds: number
    }

/** Hears of what a run does while it goes on. */
export type Observer = (event: RunEvent) => void
