/** Runs pipelines when they are due, one at a time, since a run takes all cores. */

import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { ConfigError } from '../errors.js'
import { exposition } from '../metrics/prometheus.js'
import { serveMetrics } from '../metrics/server.js'
import { requireSecrets, send } from '../notify/send.js'
import type { Pipeline } from '../pipeline/config.js'
import { writeText } from '../pipeline/files.js'
import { loadPipeline } from '../pipeline/load.js'
import { isAbandoned, listRuns, type Run } from '../pipeline/runs.js'
import { timetable } from '../pipeline/timetable.js'
import { deliver } from './delivery.js'
import { type PipelineState, scheduleMetrics } from './metrics.js'
import { messageText, outboxOf, type TurnOptions, type TurnResult, takeTurn } from './turn.js'

export interface SchedulerOptions extends TurnOptions {
  /** Written after every turn, for the textfile collector of Prometheus’ node exporter. */
  readonly metricsFile?: string
  /** Served on the loopback interface; 0 takes any that is free. */
  readonly metricsPort?: number
}

/** A clock that was put on, or a machine that slept, is noticed within so many milliseconds. */
const glance = 20_000
/** How long a single turn waits at its end for its messages to be taken, in milliseconds. */
const patience = 30_000

interface Entry {
  readonly file: string
  pipeline: Pipeline
  next?: Date
  isRunning: boolean
  readonly turns: Record<TurnResult['outcome'], number>
}

/**
 * Runs pipelines by their timetables until the signal aborts. A run that was missed, while nobody was there or another
 * run took long, is caught up once. Pipeline files are read anew before every turn.
 *
 * @throws ConfigError if a pipeline has no schedule or its secrets are missing, or the port is taken
 */
export async function schedule(files: readonly string[], options: SchedulerOptions): Promise<void> {
  const { signal, log, out } = options
  const entries = await load(files)
  for (const { file, pipeline } of entries) {
    if (pipeline.schedule === undefined) {
      throw new ConfigError('does not say when it is due', {
        file,
        key: 'schedule',
        mend: 'Add `schedule: { cron: "0 3 * * *", timezone: Europe/Berlin }`, or run it now with --once.',
      })
    }
  }
  const ended = new AbortController()
  const outboxes = entries.map(({ pipeline }) => outboxOf(out, pipeline.name))
  // Not awaited: what is under way at the end is delivered again.
  void deliver(outboxes, send, log, { signal: AbortSignal.any([signal, ended.signal]) })
  try {
    await withMetrics(entries, options, () => runWhenDue(entries, options))
  } finally {
    ended.abort()
  }
}

async function runWhenDue(entries: readonly Entry[], options: SchedulerOptions): Promise<void> {
  const { signal, out } = options
  for (const entry of entries) {
    const missed = await isMissed(entry.pipeline, out)
    setNext(entry, missed ? new Date() : undefined, options, missed)
  }
  await writeMetrics(entries, options)
  while (!signal.aborted) {
    const entry = earliest(entries)
    await until(entry?.next, signal)
    if (entry === undefined || signal.aborted) continue
    await turn(entry, options)
    setNext(entry, undefined, options)
    await writeMetrics(entries, options)
  }
}

/**
 * Gives every pipeline one turn, now, and delivers its messages as far as that succeeds within half a minute; the rest
 * waits for the next time.
 */
export async function runOnce(
  files: readonly string[],
  options: SchedulerOptions,
): Promise<readonly TurnResult[]> {
  const entries = await load(files)
  const results: TurnResult[] = []
  await withMetrics(entries, options, async () => {
    for (const entry of entries) {
      results.push(await turn(entry, options))
      await writeMetrics(entries, options)
    }
    const outboxes = entries.map(({ pipeline }) => outboxOf(options.out, pipeline.name))
    await deliver(outboxes, send, options.log, { signal: options.signal, patience })
    await writeMetrics(entries, options)
  })
  options.signal.throwIfAborted()
  return results
}

async function load(files: readonly string[]): Promise<Entry[]> {
  const entries: Entry[] = []
  for (const file of files) {
    const pipeline = await loadPipeline(file)
    const twin = entries.find(entry => entry.pipeline.name === pipeline.name)
    if (twin !== undefined) {
      throw new ConfigError(
        `has the name of ${twin.file}, "${pipeline.name}": their runs could not be told apart`,
        {
          file,
          key: 'name',
          mend: 'Give it another name.',
        },
      )
    }
    for (const notification of pipeline.notify ?? []) await requireSecrets(notification)
    entries.push({ file, pipeline, isRunning: false, turns: { passed: 0, gate: 0, failed: 0, skipped: 0 } })
  }
  return entries
}

async function turn(entry: Entry, options: SchedulerOptions): Promise<TurnResult> {
  const { signal, log } = options
  entry.isRunning = true
  try {
    const result = await takeTurn(await reread(entry, log), options)
    entry.turns[result.outcome]++
    return result
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    entry.isRunning = false
  }
}

/** The pipeline as its file says now; as it said before where the file is at fault. */
async function reread(entry: Entry, log: TurnOptions['log']): Promise<Pipeline> {
  try {
    const pipeline = await loadPipeline(entry.file)
    if (pipeline.name === entry.pipeline.name) entry.pipeline = pipeline
    else log('warn', 'pipeline-renamed', { pipeline: entry.pipeline.name, name: pipeline.name })
  } catch (error) {
    log('error', 'pipeline-not-read', { pipeline: entry.pipeline.name, error: messageText(error) })
  }
  return entry.pipeline
}

function setNext(entry: Entry, now: Date | undefined, { log }: SchedulerOptions, missed = false): void {
  const { schedule, name } = entry.pipeline
  const next = now ?? (schedule && timetable(schedule).next(new Date()))
  if (next === undefined) delete entry.next
  else entry.next = next
  log('info', missed ? 'run-missed' : 'run-due', { pipeline: name, next: next?.toISOString() ?? null })
}

/** Whether the pipeline was due after its newest run that came to an end began; not where it has never run. */
async function isMissed({ name, schedule }: Pipeline, out: string): Promise<boolean> {
  const due = schedule && timetable(schedule).last(new Date())
  const runs = await listRuns(join(out, name))
  if (due === undefined || runs.length === 0) return false
  return !runs.some(run => Date.parse(run.manifest.started) >= due.getTime() && counts(run))
}

/** A run that was stopped or killed is gone on with; one that goes on is another process’s. */
function counts({ manifest }: Run): boolean {
  return manifest.status !== 'interrupted' && !isAbandoned(manifest)
}

function earliest(entries: readonly Entry[]): Entry | undefined {
  return entries
    .filter(({ next }) => next !== undefined)
    .reduce<Entry | undefined>(
      (first, entry) => (first && first.next! <= entry.next! ? first : entry),
      undefined,
    )
}

/** Waits by the clock on the wall, in pieces, since a timer neither sees it put on nor runs while a machine sleeps. */
async function until(time: Date | undefined, signal: AbortSignal): Promise<void> {
  for (;;) {
    const left = time === undefined ? glance : time.getTime() - Date.now()
    if (left <= 0 || signal.aborted) return
    await wait(Math.min(left, glance), undefined, { signal }).catch(() => {})
  }
}

async function withMetrics(
  entries: readonly Entry[],
  options: SchedulerOptions,
  work: () => Promise<void>,
): Promise<void> {
  const { metricsPort, log } = options
  if (metricsPort === undefined) return work()
  const server = await serveMetrics(metricsPort, () => metricsText(entries, options))
  log('info', 'metrics-served', { port: server.port })
  try {
    await work()
  } finally {
    server.close()
  }
}

async function metricsText(entries: readonly Entry[], { out }: SchedulerOptions): Promise<string> {
  const states = entries.map(
    ({ pipeline, next, isRunning, turns }): PipelineState => ({
      pipeline: pipeline.name,
      ...(next && { next: next.getTime() }),
      isRunning,
      turns,
    }),
  )
  return exposition(await scheduleMetrics(out, states))
}

/** Metrics that cannot be written are no reason to stop the runs that they tell of. */
async function writeMetrics(entries: readonly Entry[], options: SchedulerOptions): Promise<void> {
  if (options.metricsFile === undefined) return
  try {
    await writeText(options.metricsFile, await metricsText(entries, options))
  } catch (error) {
    options.log('error', 'metrics-not-written', { error: messageText(error) })
  }
}
