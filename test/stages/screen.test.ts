import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fingerprint } from '../../src/dataset/fingerprint.js'
import { openTable } from '../../src/pipeline/files.js'
import { runPipeline } from '../../src/pipeline/runner.js'
import type { Run } from '../../src/pipeline/runs.js'
import { stages } from '../../src/pipeline/stages.js'
import { mean } from '../../src/scoring/moments.js'
import { screenedOut } from '../../src/stages/screen.js'
import { booleanColumn, float32Column, stringColumn } from '../../src/tables/columns.js'
import { smallPipeline } from '../whole-run/pipeline.js'

const model = { architecture: 'mlp', width: 0.2, epochs: 12, batchSize: 32, flip: 'none' } as const
const pipeline = smallPipeline({
  model,
  population: { seeds: 2, crossFit: 0, screen: { seeds: 1, model: { width: 0.1 } } },
  compress: [{ method: 'magnitude', sparsity: 0.5, start: 'branch' }],
  retrain: undefined,
})

let folder: string
let screened: Run
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-screen-'))
  screened = await run()
}, 60_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

const run = () => runPipeline(pipeline, { stages, fingerprint, out: folder, workers: 1 })

const headlineOf = (name: string) =>
  screened.manifest.stages.find(stage => stage.name === name)!.headline as Record<string, number>

async function leftOutIds(): Promise<Map<string, boolean>> {
  const ids = new Map<string, boolean>()
  for await (const batch of openTable(join(screened.folder, 'screen.parquet'))) {
    const leftOut = booleanColumn(batch, 'left_out')
    for (const [row, id] of stringColumn(batch, 'example_id').entries()) ids.set(id, leftOut[row] === 1)
  }
  return ids
}

describe('what is left out', () => {
  it('is the issues, of no class more than the worse half', () => {
    const labels = Int32Array.of(0, 0, 0, 0, 0, 1, 1, 1)
    const quality = Float32Array.of(0.4, 0.1, 0.3, 0.2, 0.5, 0.1, 0.9, 0.8)
    const issues = Uint8Array.of(1, 1, 1, 1, 1, 1, 0, 0)
    expect([...screenedOut(labels, quality, issues)]).toEqual([0, 1, 0, 1, 0, 1, 0, 0])
  })
})

describe('screening', () => {
  it('leaves out labels that its networks take for wrong', async () => {
    const kept: number[] = []
    const left: number[] = []
    for await (const batch of openTable(join(screened.folder, 'screen.parquet'))) {
      const quality = float32Column(batch, 'label_quality')
      for (const [row, flag] of booleanColumn(batch, 'left_out').entries()) {
        ;(flag === 1 ? left : kept).push(quality[row])
      }
    }
    expect(kept.length + left.length).toBe(400)
    expect(left.length).toBeGreaterThan(0)
    expect(mean(left)).toBeLessThan(mean(kept) / 2)
    expect(headlineOf('screen')).toEqual({ members: 1, reused: 0, leftOut: left.length })
  })

  it.each(['dense', 'magnitude-0.5'])(
    'members of %s judge these out of sample, the others not',
    async level => {
      const ids = await leftOutIds()
      let seen = 0
      const columns = ['example_id', 'in_sample']
      for await (const batch of openTable(join(screened.folder, 'predictions', `${level}.parquet`), {
        columns,
      })) {
        const inSample = booleanColumn(batch, 'in_sample')
        for (const [row, id] of stringColumn(batch, 'example_id').entries()) {
          // Test examples, which no one trains on, are not in the table.
          expect(inSample[row]).toBe(ids.get(id) === false ? 1 : 0)
          seen++
        }
      }
      expect(seen).toBeGreaterThan(2 * 400)
    },
  )

  it('is reused as a whole', async () => {
    const { manifest } = await run()
    expect(manifest.stages.every(({ reused }) => reused)).toBe(true)
  })
})
