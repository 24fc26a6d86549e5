/**
 * The same verbs as the command line, for programs.
 *
 * ```ts
 * import { readManifest, run } from 'pieline'
 *
 * const { folder, manifest } = await run('pieline.yaml', { out: 'runs' })
 * ```
 */
import { fingerprint } from './dataset/fingerprint.js'
import type { Pipeline, PipelineInput } from './pipeline/config.js'
import { loadPipeline, type Override, resolvePipeline } from './pipeline/load.js'
import { type RunnerOptions, runPipeline } from './pipeline/runner.js'
import type { Run } from './pipeline/runs.js'
import { stages } from './pipeline/stages.js'

export type { Difference } from './difference/difference.js'
export { ConfigError, DataError, GateError, PielineError, RunError, StoppedError } from './errors.js'
export { checkRun, type Verdict } from './gates/check.js'
export type { Pipeline, PipelineInput } from './pipeline/config.js'
export type { Observer, RunEvent } from './pipeline/events.js'
export { loadPipeline, type Override, parseOverride, resolvePipeline } from './pipeline/load.js'
export { type Manifest, readManifest, type StageRecord } from './pipeline/manifest.js'
export { findRun, listAllRuns, listRuns, type Run } from './pipeline/runs.js'
export {
  type ScoredPredictions,
  type ScorePredictionsOptions,
  type Suspect,
  scorePredictions,
} from './predictions/score-predictions.js'
export type { Headlines } from './stages/headlines.js'
export { runDifference } from './stages/run-difference.js'

export interface RunOptions
  extends Partial<Pick<RunnerOptions, 'out' | 'workers' | 'verify' | 'signal' | 'observe'>> {
  /** Values that take the place of the pipeline's own. */
  readonly overrides?: readonly Override[]
}

/**
 * Runs a pipeline to its end, or goes on with what an earlier run left undone.
 *
 * @param pipeline a pipeline file, or the pipeline itself, whose relative paths start from the working folder
 * @param options `out` is the folder of all runs, `runs` when absent; `workers`, all cores when absent, changes no
 *   byte of the result
 * @returns the run's folder and manifest
 * @throws ConfigError, DataError, RunError; the signal's reason when it was asked to stop
 */
export async function run(pipeline: string | PipelineInput, options: RunOptions = {}): Promise<Run> {
  const { overrides = [], ...rest } = options
  const resolved: Pipeline =
    typeof pipeline === 'string'
      ? await loadPipeline(pipeline, overrides)
      : resolvePipeline(pipeline, process.cwd(), overrides)
  return runPipeline(resolved, { stages, fingerprint, out: 'runs', ...rest })
}
