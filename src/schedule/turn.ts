/** A pipeline's turn: run, compare with the last good run, hold to the gates, tell, and let old runs go. */
import { join } from 'node:path'
import { fingerprint } from '../dataset/fingerprint.js'
import { PielineError } from '../errors.js'
import { type Checked, checkAndNote } from '../gates/check.js'
import { newsText, outcomeText } from '../gates/words.js'
import type { Log } from '../log.js'
import { messageOf, type RunOutcome } from '../notify/message.js'
import { Outbox } from '../notify/outbox.js'
import type { Pipeline } from '../pipeline/config.js'
import type { RunEvent } from '../pipeline/events.js'
import { acquireLock, type Holder, isLock, type Lock } from '../pipeline/lock.js'
import { prune } from '../pipeline/prune.js'
import { type RunnerOptions, runPipeline } from '../pipeline/runner.js'
import type { Run } from '../pipeline/runs.js'
import type { Stage } from '../pipeline/stage.js'
import { stages as allStages } from '../pipeline/stages.js'
import { runsToRemove } from './retention.js'

/** Runs may share what they make, and have a cluster make it, as {@link RunnerOptions} say. */
export interface TurnOptions extends Pick<RunnerOptions, 'share' | 'cluster'> {
  /** Folder of all runs. */
  readonly out: string
  readonly workers?: number
  readonly signal: AbortSignal
  readonly log: Log
  readonly stages?: readonly Stage[]
}

export type TurnResult =
  | { readonly outcome: 'passed' | 'gate'; readonly run: Run; readonly checked: Checked }
  | { readonly outcome: 'failed'; readonly error: unknown }
  /** Another process has the pipeline's turn. */
  | { readonly outcome: 'skipped' }

/** Where a pipeline's messages wait. */
export const outboxOf = (out: string, pipeline: string): Outbox => new Outbox(join(out, pipeline, 'outbox'))

/** Throws the signal's reason when it was asked to stop, and nothing else: a run that fails is a result. */
export async function takeTurn(pipeline: Pipeline, options: TurnOptions): Promise<TurnResult> {
  const { out, log } = options
  const { name } = pipeline
  const failed = (event: string) => (error: unknown) =>
    log('error', event, { pipeline: name, error: messageText(error) })
  let lock: Lock | Holder
  try {
    lock = await acquireLock(join(out, name))
  } catch (error) {
    failed('lock-failed')(error)
    return { outcome: 'failed', error }
  }
  if (!isLock(lock)) {
    log('warn', 'turn-skipped', { pipeline: name, host: lock.host, pid: lock.pid, since: lock.since })
    return { outcome: 'skipped' }
  }
  try {
    const result = await attempt(pipeline, options)
    // What follows changes nothing of how the run ended.
    await tell(pipeline, result, out).catch(failed('notification-failed'))
    await letGo(pipeline, options).catch(failed('prune-failed'))
    return result
  } finally {
    await lock.release().catch(failed('release-failed'))
  }
}

async function attempt(
  pipeline: Pipeline,
  { out, workers, share, cluster, signal, log, stages = allStages }: TurnOptions,
): Promise<Exclude<TurnResult, { outcome: 'skipped' }>> {
  const { name } = pipeline
  try {
    const run = await runPipeline(pipeline, {
      stages,
      fingerprint,
      out,
      ...(workers !== undefined && { workers }),
      ...(share && { share }),
      ...(cluster && { cluster }),
      signal,
      observe: event => logEvent(event, name, log),
    })
    const checked = await checkAndNote(run)
    const { passed, against, gates } = checked.verdict
    log(passed ? 'info' : 'warn', 'gates-checked', {
      pipeline: name,
      run: run.manifest.run,
      outcome: outcomeText(checked.verdict),
      news: newsText(checked.verdict),
      against,
      gates,
    })
    return { outcome: passed ? 'passed' : 'gate', run, checked }
  } catch (error) {
    signal.throwIfAborted()
    log('error', 'run-failed', { pipeline: name, error: messageText(error) })
    return { outcome: 'failed', error }
  }
}

function logEvent(event: RunEvent, pipeline: string, log: Log): void {
  if (event.event === 'run-started') {
    log('info', event.event, { pipeline, run: event.run, reused: event.reused.length })
  } else if (event.event === 'stage-finished') {
    const { stage, reused, seconds } = event
    log('info', event.event, { pipeline, stage, reused, ...(reused ? {} : { seconds: rounded(seconds) }) })
  } else if (event.event === 'log') {
    log('info', 'stage-said', { pipeline, stage: event.stage, message: event.message })
  } else if (event.event === 'run-finished') {
    log('info', event.event, { pipeline, run: event.run, seconds: rounded(event.seconds) })
  }
}

/** To milliseconds. */
const rounded = (seconds: number): number => Number(seconds.toFixed(3))

/** Puts a message for everybody who wants to hear of such a run into the outbox; delivery is somebody else's work. */
async function tell(
  pipeline: Pipeline,
  result: Exclude<TurnResult, { outcome: 'skipped' }>,
  out: string,
): Promise<void> {
  const { name, notify = [] } = pipeline
  const event: RunOutcome = result.outcome
  const receivers = notify.filter(({ on }) => on.includes(event))
  if (receivers.length === 0) return
  const message =
    result.outcome === 'failed'
      ? messageOf({ event, pipeline: name, run: null, summary: messageText(result.error) })
      : messageOf({
          event,
          pipeline: name,
          run: result.run.manifest.run,
          summary: `${outcomeText(result.checked.verdict)}. ${newsText(result.checked.verdict)}`,
          folder: result.run.folder,
          verdict: result.checked.verdict,
        })
  const outbox = outboxOf(out, name)
  for (const receiver of receivers) await outbox.put(receiver, message)
}

async function letGo({ name, keep }: Pipeline, { out, log }: TurnOptions): Promise<void> {
  if (keep === undefined) return
  const { runs, artefacts, bytes } = await prune(out, await runsToRemove(out, name, keep))
  if (runs.length > 0 || artefacts > 0) {
    log('info', 'pruned', { pipeline: name, runs: runs.length, artefacts, bytes })
  }
}

/** What happened, in the words that the command line would use. */
export function messageText(error: unknown): string {
  if (error instanceof PielineError) return error.describe()
  return error instanceof Error ? error.message : String(error)
}
