/** What `pieline run --dry-run` prints. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fingerprint } from '../dataset/fingerprint.js'
import type { Pipeline } from '../pipeline/config.js'
import { partsOf, planRun } from '../pipeline/plan.js'
import { stages } from '../pipeline/stages.js'
import { openStore, storeName } from '../pipeline/store.js'
import { styleFor } from '../terminal/style.js'
import { table } from '../terminal/table.js'

interface Flags {
  readonly out: string
  readonly workers?: number
  readonly json?: true
}

export async function printPlan(pipeline: Pipeline, { out, json }: Flags): Promise<void> {
  const folder = join(out, storeName)
  // A dry run makes nothing, the store's folder included.
  const store = existsSync(folder) ? await openStore(folder) : { find: async () => undefined }
  const plan = await planRun(pipeline, { stages, fingerprint, store })
  const planned = await Promise.all(
    plan.stages.map(async stage => ({
      stage: stage.stage.name,
      key: stage.key,
      reused: stage.artefact !== undefined,
      parts: stage.artefact ? [] : await partsOf(stage, pipeline, store),
    })),
  )
  if (json) {
    console.log(JSON.stringify({ pipeline: pipeline.name, dataset: plan.dataset, stages: planned }))
    return
  }
  const style = styleFor(process.stdout)
  const rows = planned.map(({ stage, reused, parts }) => {
    const missing = parts.filter(part => !part.reused)
    const members = parts.length === 0 ? '' : `${missing.length} of ${parts.length} members to make`
    return [style('bold', stage), reused ? style('dim', 'there already') : 'would run', members]
  })
  console.log(table([{ title: 'stage' }, { title: 'state' }, { title: '' }], rows, style))
}
