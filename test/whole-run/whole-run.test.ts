/** The real stages from end to end: nothing but the seed decides about the bytes. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PipelineInput } from '../../src/pipeline/config.js'
import type { RunEvent } from '../../src/pipeline/events.js'
import type { Manifest } from '../../src/pipeline/manifest.js'
import type { Run } from '../../src/pipeline/runs.js'
import { runSmall } from './pipeline.js'

let folder: string
let undisturbed: Run

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-whole-run-'))
  undisturbed = await runSmall(join(folder, 'undisturbed'), { workers: 1 })
}, 240_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

/** Path and hash of every file of the run. */
function bytesOf({ stages }: Manifest): Record<string, string> {
  return Object.fromEntries(stages.flatMap(({ files }) => files.map(({ path, sha256 }) => [path, sha256])))
}

/** Starts the run in another process and kills it, without a warning, at the first event that `when` picks. */
async function killAt(out: string, when: (event: RunEvent) => boolean): Promise<boolean> {
  const script = new URL('./child.ts', import.meta.url).pathname
  const child = spawn(process.execPath, ['--import', 'tsx', script, out], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = new Promise(resolve => child.once('exit', resolve))
  let killed = false
  for await (const line of createInterface({ input: child.stdout })) {
    if (!killed && when(JSON.parse(line) as RunEvent)) killed = child.kill('SIGKILL')
  }
  await gone
  return killed
}

describe('a whole run', () => {
  it('writes every table, split, member and the report', () => {
    expect(undisturbed.manifest.status).toBe('done')
    expect(Object.keys(bytesOf(undisturbed.manifest)).sort()).toMatchSnapshot()
  })

  it('gives the same bytes with two workers', async () => {
    const { manifest } = await runSmall(join(folder, 'two-workers'), { workers: 2 })
    expect(bytesOf(manifest)).toEqual(bytesOf(undisturbed.manifest))
  }, 240_000)

  it('goes on after kill -9 in training, compression, prediction and retraining, to the same bytes', async () => {
    const out = join(folder, 'killed')
    for (const stage of ['train', 'compress', 'predict', 'retrain']) {
      const progressed = (event: RunEvent) =>
        event.event === 'progress' && event.stage === stage && event.done > 0
      expect(await killAt(out, progressed), `killed in ${stage}`).toBe(true)
    }
    const { manifest } = await runSmall(out, { workers: 2 })
    expect(manifest.stages.slice(0, 4).every(({ reused }) => reused)).toBe(true)
    expect(bytesOf(manifest)).toEqual(bytesOf(undisturbed.manifest))
  }, 240_000)

  it('retrains only what a change asks for', async () => {
    const out = join(folder, 'undisturbed')
    const reused = ({ manifest }: Run) =>
      manifest.stages.filter(stage => stage.reused).map(({ name }) => name)
    const again = await runSmall(out, { workers: 2 })
    expect(reused(again)).toHaveLength(10)
    const seeded = await runSmall(out, { workers: 2, changes: { population: { seeds: 3, crossFit: 2 } } })
    expect(reused(seeded)).toEqual(['ingest'])
    const trained = seeded.manifest.stages.find(({ name }) => name === 'train')!
    expect(trained.headline).toEqual({ members: 3, reused: 2 })
  }, 240_000)
})

it('names the member, the key and the mend when training diverges', async () => {
  const changes: Partial<PipelineInput> = {
    model: { architecture: 'mlp', learningRate: 1e7, epochs: 2, batchSize: 32, warmupEpochs: 0 },
  }
  await expect(runSmall(join(folder, 'diverged'), { workers: 2, changes })).rejects.toMatchObject({
    message: expect.stringMatching(
      /^member dense \d failed: training diverged: the loss is no number at step/,
    ),
    key: 'model.learningRate',
    mend: expect.stringMatching(/Lower/),
  })
})
