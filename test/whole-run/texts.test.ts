/** Texts that people see, while networks learn from the embeddings that came with them. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Field, Schema, Utf8 } from 'apache-arrow'
import { parseHTML } from 'linkedom'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fingerprint } from '../../src/dataset/fingerprint.js'
import { pipelineSchema } from '../../src/pipeline/config.js'
import { openTable, writeTable } from '../../src/pipeline/files.js'
import { runPipeline } from '../../src/pipeline/runner.js'
import type { Run } from '../../src/pipeline/runs.js'
import { stages } from '../../src/pipeline/stages.js'
import { openRunTables } from '../../src/review/run-tables.js'
import { recordBatch } from '../../src/tables/columns.js'
import { vectorType } from '../../src/tables/schemas.js'

const rows = 80
const textOf = (row: number) =>
  row === 3 ? null : `<script>alert(${row})</script> a review & its end ${'x'.repeat(row * 10)}`

let folder: string
let run: Run

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-texts-'))
  const path = join(folder, 'reviews.parquet')
  const schema = new Schema([
    new Field('review', new Utf8(), true),
    new Field('stars', new Utf8(), true),
    new Field('embedding', vectorType(3), true),
  ])
  const classOf = (row: number) => row % 2
  const embedding = Float32Array.from({ length: rows * 3 }, (_, at) => {
    const row = Math.floor(at / 3)
    return at % 3 === classOf(row) ? 2 + Math.sin(at) / 4 : Math.cos(at) / 4
  })
  const table = recordBatch(schema, {
    review: Array.from({ length: rows }, (_, row) => textOf(row)),
    // Every tenth review has the other label.
    stars: Array.from({ length: rows }, (_, row) =>
      (row % 10 === 0 ? 1 : 0) === classOf(row) ? 'one' : 'five',
    ),
    embedding,
  })
  await writeTable(path, schema, [table])
  const pipeline = pipelineSchema.parse({
    name: 'texts',
    dataset: { path, label: 'stars', features: ['embedding'], text: 'review' },
    model: { architecture: 'linear', epochs: 10, batchSize: 16 },
    population: { seeds: 2, crossFit: 2 },
    compress: [{ method: 'float16' }],
    scoring: { decision: { rule: 'budget', count: 8 } },
  })
  run = await runPipeline(pipeline, { stages, fingerprint, out: join(folder, 'runs'), workers: 1 })
}, 120_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

async function columnsOf(table: string, columns: readonly string[]): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = []
  for await (const batch of openTable(join(run.folder, table), { columns }))
    for (const row of batch) found.push(row.toJSON())
  return found
}

it('stand in the tables, whole', async () => {
  const examples = await columnsOf('examples.parquet', ['text'])
  expect(examples.map(({ text }) => text)).toEqual(Array.from({ length: rows }, (_, row) => textOf(row)))
  const suspects = await columnsOf('pies.parquet', ['example_id', 'text'])
  expect(suspects.length).toBeGreaterThanOrEqual(8)
  const ids = await columnsOf('examples.parquet', ['example_id', 'text'])
  const textById = new Map(ids.map(({ example_id, text }) => [example_id, text]))
  for (const { example_id, text } of suspects) expect(text).toBe(textById.get(example_id))
  const [split] = await columnsOf('splits/cleaned.parquet', ['review', 'embedding'])
  expect(split.review).toBe(textOf(1))
})

it('stand in the report as text, and short', async () => {
  const { document } = parseHTML(await readFile(join(run.folder, 'report.html'), 'utf8'))
  const shown = [...document.querySelectorAll('#gallery .text')].map(({ textContent }) => textContent!)
  expect(shown.length).toBeGreaterThanOrEqual(7)
  for (const text of shown) {
    expect(text).toMatch(/^<script>alert\(\d+\)<\/script> a review & its end/)
    expect(text.length).toBeLessThanOrEqual(402)
  }
  expect(shown.some(text => text.endsWith(' …'))).toBe(true)
  expect(
    [...document.querySelectorAll('script')].some(({ textContent }) => /^alert/.test(textContent!)),
  ).toBe(false)
})

it('stand in the review', async () => {
  const tables = await openRunTables(run.folder)
  try {
    expect(await tables.text(5)).toBe(textOf(5))
    expect(await tables.text(3)).toBeNull()
  } finally {
    tables.close()
  }
})
