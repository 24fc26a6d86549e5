/**
 * The same verbs as the command line, for programs.
 *
 * ```ts
 * import { readTable, run } from 'pieline'
 *
 * const finished = await run('pieline.yaml')
 * for await (const { example_id, label_quality, is_label_issue } of readTable(finished, 'scores')) {
 *   if (is_label_issue) console.log(example_id, label_quality)
 * }
 * ```
 *
 * {@link run} trains, compresses and judges; {@link score} judges by predictions that are there. {@link review}, {@link
 * apply} and {@link revert} decide and clean, {@link exportRun} hands over to other tools, {@link diff}, {@link check} and
 * {@link compare} set runs beside each other and beside what is expected of them.
 *
 * @packageDocumentation
 */
import { join } from 'node:path'
import { type DataPlaces, planApply, writeApplied } from './apply/apply.js'
import type { Change } from './apply/changes.js'
import { decisionsOf } from './apply/read-decisions.js'
import { revertVersion } from './apply/revert.js'
import { fingerprint } from './dataset/fingerprint.js'
import type { Pipeline, PipelineInput } from './pipeline/config.js'
import { openTable } from './pipeline/files.js'
import { loadPipeline, type Override, resolvePipeline } from './pipeline/load.js'
import { type RunnerOptions, runPipeline } from './pipeline/runner.js'
import type { Run } from './pipeline/runs.js'
import { stages } from './pipeline/stages.js'
import { openReview, type Review } from './review/review.js'
import type { Tables } from './tables/row-types.js'
import { rowsOf } from './tables/rows.js'

export type { DataPlaces } from './apply/apply.js'
export type { Change } from './apply/changes.js'
export type { DatasetInfo } from './dataset/info.js'
export type { Part } from './dataset/source.js'
export type { ChangedSetting } from './difference/changed-settings.js'
export type { ClassBalance, ClassCounts, HomogeneityTest } from './difference/class-balance.js'
export type {
  ChangedExample,
  ChangedExamples,
  ComparedSide,
  Difference,
  ExampleChanges,
  LevelChange,
  MarkChanges,
  MemberAccuracy,
  StatisticDrift,
} from './difference/difference.js'
export type { NoiseChange, Share } from './difference/noise-change.js'
export {
  ConfigError,
  DataError,
  type ErrorPlace,
  GateError,
  PielineError,
  RunError,
  StoppedError,
} from './errors.js'
export {
  type Checked,
  type CheckOptions,
  checkRun as check,
  type GateOutcome,
  type Verdict,
} from './gates/check.js'
export { type Exported, type ExportOptions, type ExportTarget, exportRun } from './interop/export-run.js'
export type { ImageFolderSplit } from './interop/image-folder.js'
export type { InputShape, Normalization } from './model/architecture.js'
export type { Pipeline, PipelineInput } from './pipeline/config.js'
export type { KeyPath, Locate } from './pipeline/config-errors.js'
export type { Observer, RunEvent } from './pipeline/events.js'
export { openTable } from './pipeline/files.js'
export { loadPipeline, type Override, parseOverride, resolvePipeline } from './pipeline/load.js'
export { type Manifest, readManifest, type StageRecord } from './pipeline/manifest.js'
export type { Progress } from './pipeline/progress.js'
export { findRun, listAllRuns, listRuns, type Run } from './pipeline/runs.js'
export type { Headline, StageName } from './pipeline/stage.js'
export type { AnnotationColumns } from './predictions/annotations.js'
export type { LabelColumns } from './predictions/labels.js'
export {
  type DoubtfulConsensus,
  type NamedAnnotator,
  type ScoreAnnotatorsOptions,
  type ScoredAnnotators,
  scoreAnnotators,
} from './predictions/score-annotators.js'
export {
  type ClassIssue,
  type MultiLabelClass,
  type ScoredMultiLabels,
  type ScoreMultiLabelOptions,
  scoreMultiLabel,
} from './predictions/score-multi-label.js'
export {
  type ScoredPredictions,
  type ScorePredictionsOptions as ScoreOptions,
  type Suspect,
  scorePredictions as score,
} from './predictions/score-predictions.js'
export type { Decision, ReviewEvent, Standing } from './review/decisions.js'
export type { Expected, Progress as ReviewProgress } from './review/estimate.js'
export type { Filter, State, Suspect as ReviewSuspect } from './review/queue.js'
export type { Page, Review, Ruling } from './review/review.js'
export type { Neighbor, RunTables } from './review/run-tables.js'
export { type ReviewServer, type ServerOptions, serveReview } from './review/server.js'
export type { AnnotatorQuality } from './scoring/consensus.js'
export type { DecisionRule } from './scoring/decision.js'
export type { ComparedMethod, Comparison, Equality, Estimate } from './scoring/fair-comparison.js'
export type { PredictionForm } from './scoring/matrix-scores.js'
export type { EstimatedCount } from './scoring/noise-counts.js'
export { type CompareOptions, compareRuns as compare, type SizeMeasure } from './stages/compared-runs.js'
export type { DataVersion } from './stages/data-version.js'
export {
  type ArmFigures,
  type DetectionFigures,
  type Headlines,
  headlinesOf,
  type IngestHeadline,
  type InspectHeadline,
  type LevelFigures,
  type PreviewHeadline,
  type RetrainHeadline,
  type RobustnessFigures,
  type RobustnessHeadline,
  type ScoreHeadline,
  type TruthFigures,
} from './stages/headlines.js'
export { type Compared, runDifference as diff } from './stages/run-difference.js'
export type { ImageValue } from './tables/columns.js'
export type { ReadOptions } from './tables/parquet.js'
export type * from './tables/row-types.js'

/** How a pipeline is run. */
export interface RunOptions
  extends Partial<Pick<RunnerOptions, 'out' | 'workers' | 'verify' | 'signal' | 'observe'>> {
  /** Values that take the place of the pipeline's own. */
  readonly overrides?: readonly Override[]
  /**
   * Redis of a cluster whose workers make the members, `redis://[user[:password]@]host[:port][/database]` or `rediss://…`;
   * a password that it lacks comes from `REDIS_PASSWORD` or the file that `REDIS_PASSWORD_FILE` names.
   */
  readonly cluster?: string
  /**
   * Object storage that shares what is made, `s3://bucket/prefix[?endpoint=…&region=…&pathStyle=…]`; credentials come from
   * `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
   */
  readonly store?: string
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
  const { overrides = [], cluster, store, ...rest } = options
  const connections = {
    ...(cluster !== undefined && { cluster: (await import('./cluster/store.js')).clusterAt(cluster, false) }),
    ...(store !== undefined && { share: (await import('./storage/shared-store.js')).sharedThrough(store) }),
  }
  const resolved: Pipeline =
    typeof pipeline === 'string'
      ? await loadPipeline(pipeline, overrides)
      : resolvePipeline(pipeline, process.cwd(), overrides)
  return runPipeline(resolved, { stages, fingerprint, out: 'runs', ...rest, ...connections })
}

/**
 * The rows of a run's table, in the order of the table. Streams: a batch of rows is held at a time.
 * For many rows and few columns, {@link openTable} gives the same table as Arrow record batches, without an object a row.
 *
 * @param run a run that came as far as the table
 * @param name such as `scores` or `predictions/dense`; {@link Tables} has all of them
 * @throws DataError that names the file, if the run has no such table, or the table no such column
 */
export function readTable<Name extends keyof Tables>(run: Run, name: Name): AsyncGenerator<Tables[Name]>
/**
 * Some columns of the rows.
 *
 * @param columns those to read
 */
export function readTable<Name extends keyof Tables, Column extends keyof Tables[Name]>(
  run: Run,
  name: Name,
  columns: readonly Column[],
): AsyncGenerator<Pick<Tables[Name], Column>>
export async function* readTable(
  run: Run,
  name: string,
  columns?: readonly (string | number)[],
): AsyncGenerator<unknown> {
  const wanted = columns === undefined ? {} : { columns: columns.map(String) }
  for await (const batch of openTable(join(run.folder, `${name}.parquet`), wanted)) yield* rowsOf(batch)
}

/**
 * Opens a run for review: its suspects, most suspicious first, and what was decided about them. {@link serveReview} shows
 * it as a page.
 *
 * @param run a run that came as far as its suspects
 * @param reviewer who decides
 * @returns to be closed when it is done
 * @throws ConfigError if the run has no suspects yet; DataError if the file of decisions is damaged
 */
export function review(run: Run, { reviewer }: { readonly reviewer: string }): Promise<Review> {
  return openReview(run, reviewer)
}

/** What becomes of a data set, and where. */
export interface ApplyOptions {
  /** Folder of the new version; when absent, the run's with `.applied` behind it. */
  readonly output?: string
  /** `decisions.jsonl`, or Label Studio's JSON export; those of the review when absent. */
  readonly decisions?: string
  /**
   * Label issues of the training data that nobody judged take the suggested label where its probability is this high,
   * 0 to 1; when absent, none does.
   */
  readonly suggestions?: number
  /** Copy files that stay as they are, in the place of hard links. */
  readonly copy?: boolean
  /** Write nothing. */
  readonly dryRun?: boolean
}

/** What was changed. */
export interface Applied {
  /** In the order of the run's tables. */
  readonly changes: readonly Change[]
  /** Decisions that leave the example as it is. */
  readonly kept: number
  /** Examples about which reviewers disagree; they stay as they are. */
  readonly disputed: number
  /** Decisions about examples or labels that the run does not have. */
  readonly unmatched: number
  /** Where the new version has what the pipeline calls `dataset.path`, `dataset.test`, …; absent from a dry run. */
  readonly dataset?: DataPlaces
}

/**
 * Writes a new version of the run's data set with what was decided, in the layout it came in; the original stays.
 *
 * @throws ConfigError if nothing was decided, the layout cannot be written, or the output is there already; DataError if
 *   the data are no longer those that the run read, or the decisions are none
 */
export async function apply(run: Run, options: ApplyOptions = {}): Promise<Applied> {
  const { output = `${run.folder}.applied`, decisions, suggestions, copy = false, dryRun = false } = options
  const events = await decisionsOf(run, decisions)
  const plan = await planApply(run, { events, ...(suggestions !== undefined && { suggestions }) })
  const { changes, kept, disputed, unmatched } = plan
  const applied = { changes, kept, disputed, unmatched }
  return dryRun ? applied : { ...applied, dataset: await writeApplied(plan, output, { copy }) }
}

/**
 * Writes the original of a version that {@link apply} wrote: the same files, with the same bytes but for tables, which are
 * encoded anew with the same rows, and compressed files, which hold the same bytes.
 *
 * @param version its folder
 * @param output folder to make; when absent, the version's with `-reverted` behind it
 * @param copy copy files that stay as they are, in the place of hard links
 * @returns how many files differ from the version
 * @throws ConfigError if it is no such version, or the output is there already
 */
export function revert(version: string, output = `${version}-reverted`, copy = false): Promise<number> {
  return revertVersion(version, output, copy)
}
