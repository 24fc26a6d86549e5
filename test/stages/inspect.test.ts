import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { pipelineSchema } from '../../src/pipeline/config.js'
import { openTable, writeTable } from '../../src/pipeline/files.js'
import { silentProgress } from '../../src/pipeline/progress.js'
import type { StageContext } from '../../src/pipeline/stage.js'
import { randomStream } from '../../src/random.js'
import { inspect } from '../../src/stages/inspect.js'
import { recordBatch, stringColumn, stringListColumn } from '../../src/tables/columns.js'
import { probabilitiesSchema } from '../../src/tables/schemas.js'
import { network } from '../compression/networks.js'
import { writeIngested } from './ingested-pictures.js'

const classes = 7
const [train, examples] = [60, 80]
const length = 12 * 12 * 3
const labels = Int32Array.from({ length: examples }, (_, i) => i % classes)

/** Pictures of bars and noise; 3 comes again as 70, 5 as 11 with another label, 20 is blurred and 30 dark. */
const inputs = new Uint8Array(examples * length)
const random = randomStream('inspect')
for (let example = 0; example < examples; example++) {
  for (let i = 0; i < length; i += 3) {
    const grey = random.integer(2) * 200 + random.integer(50)
    inputs.fill(grey, example * length + i, example * length + i + 3)
  }
}
const rows = (example: number) => inputs.subarray(example * length, (example + 1) * length)
rows(70).set(rows(3))
rows(11).set(rows(5))
for (let y = 0; y < 12; y++)
  for (let x = 0; x < 12; x++) rows(20).fill(60 + 8 * (x + y), (y * 12 + x) * 3, (y * 12 + x + 1) * 3)
rows(30).set(rows(30).map(value => value >> 3))

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pieline-inspect-'))
  const images = await Promise.all(
    Array.from(labels, (_, i) =>
      sharp(rows(i), { raw: { width: 12, height: 12, channels: 3 } })
        .png()
        .toBuffer(),
    ),
  )
  const ids = await writeIngested(root, { labels, classes, train, inputs, images })
  await mkdir(join(root, 'members', 'dense'), { recursive: true })
  await writeFile(join(root, 'members', 'dense', '0.onnx'), network('cnn-small', { width: 0.1 }))
  await writeFile(join(root, 'members.json'), JSON.stringify({ dense: [{ seed: 0 }] }))
  await mkdir(join(root, 'probabilities'))
  const probabilities = probabilitiesSchema(classes)
  // Of example 40 two classes are plausible, of the others one.
  const shares = Float32Array.from({ length: examples * classes }, (_, i) => {
    const [example, c] = [Math.floor(i / classes), i % classes]
    if (example === 40) return c < 2 ? 0.5 : 0
    return c === labels[example] ? 1 : 0
  })
  await writeTable(join(root, 'probabilities', 'dense.parquet'), probabilities, [
    recordBatch(probabilities, { example_id: ids, probabilities: shares }),
  ])
})
afterAll(() => rm(root, { recursive: true, force: true }))

async function run(output: string, workers: number) {
  await mkdir(join(root, output))
  const headline = await inspect.run({
    pipeline: pipelineSchema.parse({ name: 'test', dataset: { path: 'x.parquet' } }),
    output: join(root, output),
    input: path => join(root, path),
    inputKeys: { ingest: 'ingest-key' },
    workers,
    progress: silentProgress,
    signal: new AbortController().signal,
  } as StageContext)
  return { headline, bytes: await readFile(join(root, output, 'inspection.parquet')) }
}

it('finds what was planted, and the same with any number of workers', async () => {
  const { headline, bytes } = await run('out', 1)
  const hints = new Map<string, string[]>()
  for await (const batch of openTable(join(root, 'out', 'inspection.parquet'))) {
    const found = stringListColumn(batch, 'hints')
    for (const [row, id] of stringColumn(batch, 'example_id').entries()) hints.set(id, found[row]!)
  }
  const of = (example: number) => hints.get(`picture-${example}`)!
  expect(of(3)).toEqual(expect.arrayContaining(['exact-duplicate', 'leak']))
  expect(of(70)).toEqual(expect.arrayContaining(['exact-duplicate', 'leak']))
  expect(of(5)).toEqual(expect.arrayContaining(['exact-duplicate', 'duplicate-other-label']))
  expect(of(11)).not.toContain('leak')
  expect(of(20)).toContain('blurry')
  expect(of(30)).toContain('dark')
  expect(of(40)).toContain('ambiguous')
  const having = (kind: string) => [...hints.values()].filter(found => found.includes(kind)).length
  expect(having('exact-duplicate')).toBe(4)
  expect(having('near-duplicate')).toBe(0)
  expect(having('blurry')).toBe(1)
  expect(having('dark')).toBe(1)
  expect(headline).toMatchObject({
    duplicateGroups: 2,
    duplicatesAcrossSplits: 2,
    duplicatesOtherLabel: 4,
    neighborRecall: 1,
  })
  expect((await run('more', 2)).bytes).toEqual(bytes)
}, 120_000)
