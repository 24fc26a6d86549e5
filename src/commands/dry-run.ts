/** What `pieline run --dry-run` prints. */
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fingerprint } from '../dataset/fingerprint.js'
import type { Pipeline } from '../pipeline/config.js'
import { type PlannedPart, partsOf, planRun } from '../pipeline/plan.js'
import { stages } from '../pipeline/stages.js'
import { type ArtefactStore, openStore, storeName } from '../pipeline/store.js'
import { duration } from '../terminal/duration.js'
import { styleFor } from '../terminal/style.js'
import { table } from '../terminal/table.js'
import { shapeOf } from './dataset-shape.js'
import { costOf, costText, type RunCost, totalSeconds } from './run-cost.js'

interface Flags {
  readonly out: string
  readonly workers?: number
  readonly json?: true
}

/**
 * @param unscaled the pipeline as written, where `--scale` made it smaller: what it would cost is said too
 */
export async function printPlan(
  pipeline: Pipeline,
  { out, workers, json }: Flags,
  unscaled?: Pipeline,
): Promise<void> {
  const folder = join(out, storeName)
  // A dry run makes nothing, the store's folder included.
  const store = existsSync(folder) ? await openStore(folder) : emptyStore
  const plan = await planRun(pipeline, { stages, fingerprint, store })
  const parallel = workers ?? availableParallelism()
  const isDone = plan.stages.every(({ artefact }) => artefact)
  const cost = isDone ? undefined : await costOfData(pipeline, parallel)
  const seconds = cost?.seconds ?? {}
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
  const whole = unscaled && (await costOfData(unscaled, parallel))
  if (json) {
    const said = {
      pipeline: pipeline.name,
      dataset: plan.dataset,
      stages: planned,
      seconds: total,
      ...(cost && { memoryBytes: cost.memory }),
      ...(whole && { unscaled: { seconds: totalSeconds(whole), memoryBytes: whole.memory } }),
    }
    console.log(JSON.stringify(said, null, 2))
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
    console.log(`\n  ${costText(total, cost!.memory, parallel)}`)
    const { dataset, model, population } = pipeline
    if (whole) {
      const width = Number(model.width.toPrecision(2))
      console.log(
        `  with ${dataset.limit} training examples, ${population.seeds} seeds a level and width ${width};`,
      )
      console.log(`  unscaled ${costText(totalSeconds(whole), whole.memory, parallel)}`)
    }
  }
}

const costOfData = async (pipeline: Pipeline, workers: number): Promise<RunCost> =>
  costOf(pipeline, await shapeOf(pipeline.dataset), workers)

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
