/** Holds runs to their gates, and finds the last good run to compare with. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import type { Difference } from '../difference/difference.js'
import { ConfigError, DataError } from '../errors.js'
import type { Pipeline } from '../pipeline/config.js'
import { writeText } from '../pipeline/files.js'
import { figureId, figureKinds, type Gate, meets, parseGate, requireFigure } from '../pipeline/gates.js'
import { listRuns, type Run } from '../pipeline/runs.js'
import { runDifference } from '../stages/run-difference.js'
import { type Figures, figuresOf } from './figures.js'

const verdictSchema = z.strictObject({
  pipeline: z.string(),
  run: z.string(),
  against: z.string().nullable().describe('the last good run before it'),
  passed: z.boolean(),
  gates: z.array(
    z.strictObject({
      gate: z.string(),
      outcome: z.enum(['held', 'failed', 'skipped']),
      value: z.number().nullable(),
      reason: z.string(),
    }),
  ),
  figures: z.record(z.string(), z.number()),
})

/** What became of a run's gates. */
export type Verdict = z.infer<typeof verdictSchema>
/** What became of one gate. */
export type GateOutcome = Verdict['gates'][number]

/** A verdict, and what it compared. */
export interface Checked {
  readonly verdict: Verdict
  /** What changed since the last good run; absent where there is none, or it cannot be compared with. */
  readonly difference?: Difference
}

/** What a run is held to beside the gates of its pipeline. */
export interface CheckOptions {
  /** Gates beside those of the run's pipeline. */
  readonly gates?: readonly string[]
  /** The run to compare with, in the place of the last good one. */
  readonly against?: Run
}

/** In the run folder: the verdict by the pipeline's own gates. */
const verdictName = 'gates.json'

/**
 * Holds a finished run to its pipeline's gates. Gates on what changed are skipped where there is no earlier good run;
 * a figure that is missing fails its gate.
 *
 * @throws ConfigError if the run is not finished, or a gate is none
 */
export async function checkRun(run: Run, { gates = [], against }: CheckOptions = {}): Promise<Checked> {
  const { manifest } = run
  if (manifest.status !== 'done') {
    throw new ConfigError('the run is not finished, so that there is nothing to check', {
      file: run.folder,
      mend: `It is ${manifest.status}; "pieline run" goes on with it.`,
    })
  }
  const added = gates.map(text => {
    const gate = parseGate(text)
    requireFigure(gate, manifest.config as unknown as Pipeline)
    return gate
  })
  const earlier = against ?? (await lastGoodRun(dirname(run.folder), run))
  const compared = earlier && (await compare(earlier, run))
  const figures = await figuresOf(run, compared?.difference)
  const outcomes = [...ownGates(run), ...added].map(gate => judge(gate, figures, compared))
  return {
    verdict: {
      pipeline: manifest.pipeline,
      run: manifest.run,
      against: earlier?.manifest.run ?? null,
      passed: outcomes.every(({ outcome }) => outcome !== 'failed'),
      gates: outcomes,
      figures: Object.fromEntries(figures),
    },
    ...(compared?.difference && { difference: compared.difference }),
  }
}

/** Checks a run by its own gates, and notes the verdict in its folder, for {@link lastGoodRun}. */
export async function checkAndNote(run: Run): Promise<Checked> {
  const checked = await checkRun(run)
  await writeText(join(run.folder, verdictName), `${JSON.stringify(checked.verdict, null, 2)}\n`)
  return checked
}

/** The newest run of a pipeline that is done and whose gates, if it had any, held; with `before`, of those before it. */
export async function lastGoodRun(pipelineFolder: string, before?: Run): Promise<Run | undefined> {
  for (const run of await listRuns(pipelineFolder)) {
    if (before !== undefined && run.manifest.run >= before.manifest.run) continue
    if (run.manifest.status !== 'done') continue
    if (ownGates(run).length === 0 || (await notedVerdict(run))?.passed) return run
  }
  return undefined
}

/** What {@link checkAndNote} noted; undefined where it did not, or what it wrote is damaged. */
export async function notedVerdict({ folder }: Run): Promise<Verdict | undefined> {
  const path = join(folder, verdictName)
  if (!existsSync(path)) return undefined
  try {
    return verdictSchema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined
    throw error
  }
}

function ownGates({ manifest }: Run): Gate[] {
  const { gates = [] } = manifest.config as { readonly gates?: readonly string[] }
  return gates.map(parseGate)
}

interface Compared {
  readonly difference?: Difference
  /** Why there is none. */
  readonly obstacle?: string
}

/** An earlier run that names its examples otherwise is no reason to fail the gates on what the run itself is like. */
async function compare(earlier: Run, run: Run): Promise<Compared> {
  try {
    return { difference: await runDifference(earlier, run) }
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    return { obstacle: `cannot be compared with ${earlier.manifest.run}: ${error.message}` }
  }
}

function judge(gate: Gate, figures: Figures, compared: Compared | undefined): GateOutcome {
  const { text, figure, key } = gate
  const id = figureId(figure, key)
  const value = figures.get(id)
  if (value !== undefined) {
    const outcome = meets(gate, value) ? 'held' : 'failed'
    return { gate: text, outcome, value, reason: `${id} is ${shown(value)}` }
  }
  const isOfChange = figureKinds[figure].needs === 'last good run'
  if (isOfChange && compared === undefined) {
    return { gate: text, outcome: 'skipped', value: null, reason: 'there is no earlier good run' }
  }
  const reason = (isOfChange ? compared?.obstacle : undefined) ?? `the run has no ${id}`
  return { gate: text, outcome: 'failed', value: null, reason }
}

/** Six significant digits; whole numbers in full. */
function shown(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)))
}
