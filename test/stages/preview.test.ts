import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fingerprint } from '../../src/dataset/fingerprint.js'
import type { RunEvent } from '../../src/pipeline/events.js'
import { openTable } from '../../src/pipeline/files.js'
import { runPipeline } from '../../src/pipeline/runner.js'
import type { Run } from '../../src/pipeline/runs.js'
import type { StageName } from '../../src/pipeline/stage.js'
import { stages } from '../../src/pipeline/stages.js'
import { float32Column, stringColumn } from '../../src/tables/columns.js'
import { smallPipeline } from '../whole-run/pipeline.js'

const pipeline = smallPipeline({
  model: { architecture: 'mlp', width: 0.1, epochs: 3, batchSize: 32, flip: 'none' },
  compress: [{ method: 'float16' }],
})

let folder: string
let early: Run
const events: RunEvent[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-preview-'))
  early = await run('ingest', 'train', 'preview')
}, 60_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Runs these stages alone. */
function run(...names: StageName[]): Promise<Run> {
  return runPipeline(pipeline, {
    stages: stages.filter(({ name }) => names.includes(name)),
    fingerprint,
    out: folder,
    workers: 1,
    observe: event => events.push(event),
  })
}

const headlineOf = ({ manifest }: Run, name: StageName) =>
  manifest.stages.find(stage => stage.name === name)!.headline

describe('first results', () => {
  it('list the labels that the dense members doubt, most suspicious first', async () => {
    const ids: string[] = []
    const quality: number[] = []
    for await (const batch of openTable(join(early.folder, 'preview.parquet'))) {
      ids.push(...stringColumn(batch, 'example_id'))
      quality.push(...float32Column(batch, 'label_quality'))
    }
    expect(ids.length).toBeGreaterThan(0)
    expect(new Set(ids).size).toBe(ids.length)
    expect(quality).toEqual(quality.toSorted((a, b) => a - b))
    expect(headlineOf(early, 'preview')).toMatchObject({ labelIssues: ids.length, page: 'preview.html' })
  })

  it('are a page with pictures and without a script', async () => {
    const page = await readFile(join(early.folder, 'preview.html'), 'utf8')
    expect(page).toContain('labels look wrong so far')
    expect(page).toContain('data:image/')
    expect(page).toContain('script-src &#39;none&#39;')
    expect(page).not.toContain('<script')
  })

  it('ask the dense members nothing that the predict stage would ask again, and change no key', async () => {
    const whole = await run('ingest', 'train', 'preview', 'compress', 'predict')
    expect(headlineOf(whole, 'predict')).toEqual({ members: 4, reused: 2 })
    const without = await run('ingest', 'train', 'compress', 'predict')
    expect(without.manifest.stages.every(({ reused }) => reused)).toBe(true)
  }, 60_000)
})
