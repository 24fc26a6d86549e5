/** Metrics of scheduled pipelines: how their newest runs went, and when the next one is due. */
import { join } from 'node:path'
import { lastGoodRun, notedVerdict, type Verdict } from '../gates/check.js'
import type { Family, Sample } from '../metrics/prometheus.js'
import { type FigureName, figureKinds } from '../pipeline/gates.js'
import { listRuns, type Run } from '../pipeline/runs.js'
import { pielineVersion } from '../pipeline/versions.js'
import type { TurnResult } from './turn.js'
import { outboxOf } from './turn.js'

/** What the metrics tell of a pipeline. */
export interface PipelineState {
  readonly pipeline: string
  /** Milliseconds of the epoch; absent where it is not scheduled. */
  readonly next?: number
  readonly isRunning: boolean
  /** Turns since the process started, by how they ended. */
  readonly turns: Readonly<Record<TurnResult['outcome'], number>>
}

/** All metrics, from what the runs' folders say and what the process knows. */
export async function scheduleMetrics(out: string, states: readonly PipelineState[]): Promise<Family[]> {
  const known = await Promise.all(
    states.map(async state => {
      const folder = join(out, state.pipeline)
      const runs = (await listRuns(folder)).filter(({ manifest }) => manifest.status !== 'running')
      const done = runs.find(({ manifest }) => manifest.status === 'done')
      return {
        state,
        newest: runs[0],
        done,
        verdict: done && (await notedVerdict(done)),
        good: await lastGoodRun(folder),
        messages: await outboxOf(out, state.pipeline).count(),
      }
    }),
  )
  type Known = (typeof known)[number]
  const gauge = (name: string, help: string, of: (known: Known) => number | undefined): Family => ({
    name,
    type: 'gauge',
    help,
    samples: known.flatMap(one => sample(of(one), { pipeline: one.state.pipeline })),
  })
  return [
    {
      name: 'pieline_build_info',
      type: 'gauge',
      help: 'Version of pieline',
      samples: [{ labels: { version: pielineVersion }, value: 1 }],
    },
    {
      name: 'pieline_turns_total',
      type: 'counter',
      help: 'Turns of the pipeline since the process started, by how they ended',
      samples: known.flatMap(({ state: { pipeline, turns } }) =>
        Object.entries(turns).map(([outcome, value]) => ({ labels: { pipeline, outcome }, value })),
      ),
    },
    gauge('pieline_running', 'Whether a run goes on', ({ state }) => Number(state.isRunning)),
    gauge('pieline_next_run_timestamp_seconds', 'When the next run is due', ({ state }) =>
      state.next === undefined ? undefined : state.next / 1000,
    ),
    gauge('pieline_last_run_timestamp_seconds', 'End of the newest run, however it ended', ({ newest }) =>
      secondsOf(newest?.manifest.finished),
    ),
    gauge('pieline_last_run_success', 'Whether the newest run came to its end', ({ newest }) =>
      newest === undefined ? undefined : Number(newest.manifest.status === 'done'),
    ),
    gauge('pieline_last_good_run_timestamp_seconds', 'End of the newest run whose gates held', ({ good }) =>
      secondsOf(good?.manifest.finished),
    ),
    gauge(
      'pieline_last_run_duration_seconds',
      'Wall-clock time of the newest finished run',
      ({ done }) => done && durationOf(done),
    ),
    gauge('pieline_outbox_messages', 'Messages on their way', ({ messages }) => messages),
    {
      name: 'pieline_gate_held',
      type: 'gauge',
      help: 'Whether the gate held in the newest finished run; absent where there was nothing to compare with',
      samples: known.flatMap(({ state: { pipeline }, verdict }) =>
        (verdict?.gates ?? [])
          .filter(({ outcome }) => outcome !== 'skipped')
          .map(({ gate, outcome }) => ({ labels: { pipeline, gate }, value: Number(outcome === 'held') })),
      ),
    },
    ...figureFamilies(
      known.flatMap(({ state, verdict }) => (verdict ? [[state.pipeline, verdict.figures] as const] : [])),
    ),
  ]
}

function sample(value: number | undefined, labels: Sample['labels']): Sample[] {
  return value === undefined ? [] : [{ labels, value }]
}

const secondsOf = (time: string | null | undefined): number | undefined =>
  time == null ? undefined : Date.parse(time) / 1000

function durationOf({ manifest: { started, finished } }: Run): number | undefined {
  return finished === null ? undefined : (Date.parse(finished) - Date.parse(started)) / 1000
}

/** The figures that gates may look at: `noiseRate` is `pieline_noise_rate_ratio`, `top1[dense]` has a label. */
function figureFamilies(verdicts: readonly (readonly [string, Verdict['figures']])[]): Family[] {
  return Object.entries(figureKinds).map(([figure, { meaning, per, unit }]): Family => {
    const words = figure.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
    const key = per?.split(' ').at(-1)
    return {
      name: `pieline_${words}${unit === 'ratio' ? '_ratio' : ''}`,
      type: 'gauge',
      help: `In the newest finished run: ${meaning.replaceAll('`', '')}`,
      samples: verdicts.flatMap(([pipeline, figures]) =>
        Object.entries(figures).flatMap(([id, value]): Sample[] => {
          const [, name, of] = /^([^[]+)(?:\[(.*)\])?$/.exec(id) ?? []
          if ((name as FigureName) !== figure) return []
          return [{ labels: { pipeline, ...(key && of !== undefined && { [key]: of }) }, value }]
        }),
      ),
    }
  })
}
