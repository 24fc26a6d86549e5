import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { compress } from '../../src/compression/methods.js'
import { corrupt } from '../../src/corruptions/corruptions.js'
import { createPredictor } from '../../src/engine/onnxruntime/predictor.js'
import { type PipelineInput, pipelineSchema } from '../../src/pipeline/config.js'
import { openTable, writeNpy } from '../../src/pipeline/files.js'
import { silentProgress } from '../../src/pipeline/progress.js'
import type { StageContext } from '../../src/pipeline/stage.js'
import { type ArtefactStore, openStore } from '../../src/pipeline/store.js'
import { countTop } from '../../src/scoring/top-k.js'
import { robustness } from '../../src/stages/robustness.js'
import { network, pictures } from '../compression/networks.js'
import { writeIngested } from './ingested-pictures.js'

const classes = 7
const train = 4
const examples = 18
const shape = { height: 12, width: 12, channels: 3 }
const pixels = 12 * 12 * 3
const inputs = pictures(examples, 5)
const labels = Int32Array.from({ length: examples }, (_, i) => (i * 3) % classes)
const test = labels.subarray(train)
const ids = Array.from(labels, (_, i) => `picture-${i}`)
const seeds = [0, 1]

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pieline-robustness-'))
  await writeIngested(root, { labels, classes, train, inputs })
  for (const level of ['dense', 'float16']) {
    await mkdir(join(root, 'members', level), { recursive: true })
    for (const seed of seeds)
      await writeFile(join(root, 'members', level, `${seed}.onnx`), await member(level, seed))
  }
  const entries = seeds.map(seed => ({ seed }))
  await writeFile(join(root, 'members.json'), JSON.stringify({ dense: entries, float16: entries }))
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function member(level: string, seed: number): Promise<Uint8Array> {
  const dense = network('cnn-small', { seed, width: 0.1 })
  return level === 'dense' ? dense : (await compress(dense, 'float16', {})).bytes
}

type Settings = NonNullable<PipelineInput['robustness']>

/** Runs the stage; `made` counts what was not in the store. */
async function run(settings: Settings, { workers = 1, output = 'out', store = 'store' } = {}) {
  const pipeline = pipelineSchema.parse({
    name: 'test',
    dataset: { path: join(root, 'examples.parquet'), testShare: 0.5 },
    population: { seeds: seeds.length, crossFit: 0 },
    compress: [{ method: 'float16' }],
    robustness: settings,
  } satisfies PipelineInput)
  await mkdir(join(root, output))
  const kept = await openStore(join(root, store))
  let made = 0
  const produce: ArtefactStore['produce'] = async (...request) => {
    const artefact = await kept.produce(...request)
    if (!artefact.reused) made++
    return artefact
  }
  const headline = await robustness.run({
    pipeline,
    output: join(root, output),
    input: path => join(root, path),
    store: { ...kept, produce },
    inputKeys: { ingest: 'ingest-key' },
    workers,
    progress: silentProgress,
    signal: new AbortController().signal,
  } as StageContext)
  const rows: Record<string, unknown>[] = []
  const table = join(root, output, 'robustness.parquet')
  for await (const batch of openTable(table)) {
    for (let row = 0; row < batch.numRows; row++) rows.push(batch.get(row)!.toJSON())
  }
  return { headline, rows, made, bytes: await readFile(table) }
}

const settings: Settings = { corruptions: ['contrast', 'shot_noise'], severities: [1, 5], examples: 100 }

async function accuracy(level: string, seed: number, seen: Uint8Array, given: Int32Array, among?: number[]) {
  const predictor = await createPredictor(await member(level, seed), { threads: 1 })
  const logits = await predictor.predict(seen)
  const all = Array.from({ length: classes }, (_, c) => c)
  return countTop(logits, given, classes, among ?? all).top1 / given.length
}

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
const clean = inputs.subarray(train * pixels)

describe('the stage robustness', () => {
  it('tells what members make of corrupted and clean test pictures, makes what is missing, and heeds no workers', async () => {
    const { rows, headline, bytes } = await run(settings)
    expect(rows.map(row => `${row.level} ${row.corruption} ${row.category} ${row.severity}`)).toEqual(
      ['dense', 'float16'].flatMap(level => [
        `${level} shot_noise noise 1`,
        `${level} shot_noise noise 5`,
        `${level} shot_noise noise null`,
        `${level} contrast digital 1`,
        `${level} contrast digital 5`,
        `${level} contrast digital null`,
        `${level} mean noise null`,
        `${level} mean digital null`,
        `${level} mean all null`,
      ]),
    )
    const corrupted = new Uint8Array(clean.length)
    for (let i = 0; i < test.length; i++) {
      const own = clean.subarray(i * pixels, (i + 1) * pixels)
      corrupted.set(await corrupt(own, shape, 'shot_noise', 5, 0, ids[train + i]!), i * pixels)
    }
    for (const level of ['dense', 'float16']) {
      const row = rows.find(r => r.level === level && r.corruption === 'shot_noise' && r.severity === 5)!
      const expected = await Promise.all(seeds.map(seed => accuracy(level, seed, corrupted, test)))
      expect(row.top1_mean).toBeCloseTo(mean(expected), 12)
      const before = await Promise.all(seeds.map(seed => accuracy(level, seed, clean, test)))
      expect(row.clean_top1_mean).toBeCloseTo(mean(before), 12)
    }
    expect((headline.levels as { level: string }[]).map(({ level }) => level)).toEqual(['dense', 'float16'])

    const again = await run(settings, { output: 'again' })
    expect(again.made).toBe(0)
    expect(again.bytes).toEqual(bytes)
    const more = await run(
      { ...settings, corruptions: ['contrast', 'shot_noise', 'pixelate'] },
      { output: 'more' },
    )
    // The pictures of one corruption, and what four members make of them.
    expect(more.made).toBe(1 + 4)
    const others = await run(settings, { workers: 2, output: 'others', store: 'other' })
    expect(others.bytes).toEqual(bytes)
  }, 300_000)

  it('measures published pictures by the test set that they were made of, and by no other', async () => {
    const files = join(root, 'published')
    await mkdir(files)
    const five = new Uint8Array(5 * clean.length)
    for (let severity = 0; severity < 5; severity++) five.set(clean, severity * clean.length)
    await writeNpy(join(files, 'fog.npy'), { dtype: 'uint8', shape: [12, 12, 3] }, [five])
    const write = (given: Int32Array) =>
      writeNpy(join(files, 'labels.npy'), { dtype: 'uint8', shape: [] }, [
        Uint8Array.from({ length: 5 * given.length }, (_, i) => given[i % given.length]!),
      ])
    await write(test)
    const same = await run({ files, severities: [2], examples: 100 })
    expect(same.rows[0]).toMatchObject({ corruption: 'fog', examples: test.length, relative_top1: 1 })
    await write(test.map((label, i) => (i === 0 ? (label + 1) % classes : label)))
    const other = await run({ files, severities: [2], examples: 100 }, { output: 'other' })
    expect(other.rows[0]).toMatchObject({ clean_top1_mean: null, relative_top1: null, p: null })
    expect((other.headline.levels as object[])[0]).not.toHaveProperty('cleanTop1Mean')
  }, 120_000)

  it('lets the classes of a natural set compete among themselves, on clean pictures too', async () => {
    const hard = join(root, 'hard')
    const among = [1, 4, 5]
    for (const label of among) {
      await mkdir(join(hard, `class-${label}`), { recursive: true })
      for (let i = 0; i < test.length; i++) {
        if (test[i] !== label) continue
        const raw = clean.slice(i * pixels, (i + 1) * pixels)
        await sharp(raw, { raw: shape as never })
          .png()
          .toFile(join(hard, `class-${label}`, `${i}.png`))
      }
    }
    const { rows } = await run({ corruptions: [], natural: [hard], examples: 100 })
    expect(rows.length).toBe(2)
    const chosen = [...test.keys()].filter(i => among.includes(test[i]!))
    const seen = Uint8Array.from(chosen.flatMap(i => [...clean.subarray(i * pixels, (i + 1) * pixels)]))
    const given = Int32Array.from(chosen, i => test[i]!)
    const expected = await Promise.all(seeds.map(seed => accuracy('dense', seed, seen, given, among)))
    expect(rows[0]).toMatchObject({
      corruption: 'hard',
      category: 'natural',
      severity: null,
      relative_top1: 1,
    })
    expect(rows[0]!.clean_top1_mean).toBeCloseTo(mean(expected), 12)
    expect(rows[0]!.top1_mean).toBeCloseTo(mean(expected), 12)
  }, 120_000)

  it('refuses to measure nothing', async () => {
    await expect(run({ corruptions: [] })).rejects.toMatchObject({ name: 'ConfigError', key: 'robustness' })
  })
})
