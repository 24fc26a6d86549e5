/** What `pieline run --dry-run` prints. */
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fingerprint } from '../dataset/fingerprint.js'
import { openReader } from '../dataset/open.js'
import { type IngestPlan, planIngest } from '../dataset/plan.js'
import { gigaflops } from '../engine/onnxruntime/speed.js'
import { DataError } from '../errors.js'
import type { DatasetConfig, Pipeline } from '../pipeline/config.js'
import { type DatasetShape, estimate } from '../pipeline/estimate.js'
import { type PlannedPart, partsOf, planRun } from '../pipeline/plan.js'
import type { StageName } from '../pipeline/stage.js'
import { stages } from '../pipeline/stages.js'
import { type ArtefactStore, openStore, storeName } from '../pipeline/store.js'
import { duration } from '../terminal/duration.js'
import { styleFor } from '../terminal/style.js'
import { table } from '../terminal/table.js'

interface Flags {
  readonly out: string
  readonly workers?: number
  readonly json?: true
}

/** Rows from which the classes and the size of the images are told. */
const sampled = 2000
/** Share of a core's speed in matrix products that a network reaches, its other work counted in. */
const efficiency = 0.4

export async function printPlan(pipeline: Pipeline, { out, workers, json }: Flags): Promise<void> {
  const folder = join(out, storeName)
  // A dry run makes nothing, the store's folder included.
  const store = existsSync(folder) ? await openStore(folder) : emptyStore
  const plan = await planRun(pipeline, { stages, fingerprint, store })
  const parallel = workers ?? availableParallelism()
  const isDone = plan.stages.every(({ artefact }) => artefact)
  const seconds = isDone ? {} : await stageSeconds(pipeline, parallel)
  const planned = await Promise.all(
    plan.stages.map(async stage => {
      const reused = stage.artefact !== undefined
      const parts = reused ? [] : await partsOf(stage, plan, pipeline, store)
      const missing = parts?.filter(part => !part.reused).length
      const all = reused ? 0 : (seconds[stage.stage.name] ?? 0)
      return {
        stage: stage.stage.name,
        key: stage.key,
        reused,
        parts,
        seconds: parts?.length ? (all * missing!) / parts.length : all,
      }
    }),
  )
  const total = planned.reduce((sum, stage) => sum + stage.seconds, 0)
  if (json) {
    const { name } = pipeline
    console.log(
      JSON.stringify({ pipeline: name, dataset: plan.dataset, stages: planned, seconds: total }, null, 2),
    )
    return
  }
  const style = styleFor(process.stdout)
  const rows = planned.map(({ stage, reused, parts, seconds }) => {
    const missing = parts?.filter(part => !part.reused) ?? []
    return [
      style('bold', stage),
      reused ? style('dim', 'there already') : 'would run',
      seconds === 0 ? '' : `about ${duration(Math.max(1, Math.round(seconds)))}`,
      parts?.length ? `${missing.length} of ${parts.length} members to train${namesOf(missing)}` : '',
    ]
  })
  const columns = [
    { title: 'stage' },
    { title: '' },
    { title: 'time', align: 'right' as const },
    { title: '' },
  ]
  console.log(table(columns, rows, style))
  if (total > 0) {
    console.log(`\n  about ${duration(Math.max(1, Math.round(total)))} of computing with ${parallel} workers`)
  }
}

function namesOf(parts: readonly PlannedPart[]): string {
  if (parts.length === 0) return ''
  const names = parts.slice(0, mostNames).map(({ name }) => name)
  return `: ${names.join(', ')}${parts.length > names.length ? ', …' : ''}`
}

/** Members named one by one; all of them are in what `--json` prints. */
const mostNames = 6

const emptyStore: ArtefactStore = {
  find: async () => undefined,
  produce: () => Promise.reject(new Error('a dry run makes nothing')),
}

/** Guessed from the network's floating-point operations and the speed of this machine's cores. */
async function stageSeconds(
  pipeline: Pipeline,
  workers: number,
): Promise<Partial<Record<StageName, number>>> {
  const flops = estimate(pipeline, await shapeOf(pipeline.dataset))
  const speed = (await gigaflops()) * 1e9 * efficiency * workers
  return Object.fromEntries(Object.entries(flops).map(([stage, amount]) => [stage, amount / speed]))
}

/** Size and number of the examples, from a look at the first ones, or at all where those do not tell. */
async function shapeOf(config: DatasetConfig): Promise<DatasetShape> {
  const { test, limit = Number.POSITIVE_INFINITY } = config
  const known = (await (await openReader(config, 'train')).describe()).rows
  const sample = Math.min(known === undefined ? Number.POSITIVE_INFINITY : sampled, limit)
  const { parts, input, classes } = await look(config, sample).catch(error => {
    // Rows in the order of their classes: the first ones are of some classes only.
    if (error instanceof DataError && sample < limit) return look(config, limit)
    throw error
  })
  const rows = Math.min(known ?? parts[0].survey.rows, limit)
  const held = test === undefined ? rows * config.testShare : 0
  const testRows =
    test === undefined ? held : ((await (await openReader(config, 'test')).describe()).rows ?? 0)
  return { input, classes: classes.names.length, trainExamples: rows - held, testExamples: testRows }
}

/** @param rows training examples to read at most, may be infinite */
function look({ test, limit, ...training }: DatasetConfig, rows: number): Promise<IngestPlan> {
  const most = Number.isFinite(rows) ? { limit: rows } : {}
  return planIngest(
    { ...training, ...most, testShare: 0, onBadExample: 'skip' },
    { crossFit: 0, seed: 0, signal: new AbortController().signal, start() {}, advance() {}, log() {} },
  )
}
