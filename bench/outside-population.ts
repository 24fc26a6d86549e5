/**
 * Audits a population trained in PyTorch from its ONNX files and from its predictions alone, and compares the tables.
 *
 *     python bench/peers/train_population.py population
 *     npx tsx bench/outside-population.ts population
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Table from 'cli-table3'
import { fingerprint } from '../src/dataset/fingerprint.js'
import { readDatasetInfo } from '../src/dataset/info.js'
import { resolvePipeline, score } from '../src/index.js'
import { openTable } from '../src/pipeline/files.js'
import { runPipeline } from '../src/pipeline/runner.js'
import { stages } from '../src/pipeline/stages.js'

const [population] = process.argv.slice(2)
if (population === undefined) throw new Error('name the folder that train_population.py wrote')
const glyphs = fileURLToPath(new URL('../data/glyphs/test.parquet', import.meta.url))

type Row = Readonly<Record<string, unknown>>

async function rowsOf(path: string): Promise<Row[]> {
  const rows: Row[] = []
  for await (const batch of openTable(path)) for (const row of batch) rows.push(row.toJSON())
  return rows
}

/** Of the columns that both know: those in which a value differs, and the largest difference of two fractions. */
function compare(models: readonly Row[], predictions: readonly Row[]) {
  const columns = Object.keys(predictions[0] ?? {}).filter(column =>
    predictions.some(row => row[column] !== null),
  )
  const different = new Set<string>()
  let largest = 0
  for (const [i, row] of predictions.entries()) {
    for (const column of columns) {
      const [ours, theirs] = [models[i]?.[column], row[column]]
      if (typeof ours === 'number' && typeof theirs === 'number' && !Number.isInteger(ours)) {
        const difference = Math.abs(ours - theirs)
        if (difference > tolerance) different.add(column)
        else largest = Math.max(largest, difference)
      } else if (ours !== theirs) different.add(column)
    }
  }
  return { rows: [models.length, predictions.length], columns: columns.length, different, largest }
}

/** Both go through float32, PyTorch and ONNX Runtime by sums in another order. */
const tolerance = 1e-4

const out = await mkdtemp(join(tmpdir(), 'pieline-outside-'))
try {
  const pipeline = resolvePipeline(
    {
      name: 'outside',
      dataset: { path: glyphs, trueLabel: 'true_label' },
      population: {
        models: {
          path: join(population, 'models'),
          trainedOn: 'none',
          preprocess: { mean: [0.5], deviation: [0.25] },
        },
      },
    },
    process.cwd(),
  )
  const { folder } = await runPipeline(pipeline, {
    stages: stages.filter(({ name }) => ['ingest', 'models', 'predict', 'score'].includes(name)),
    fingerprint,
    out,
    observe: event => {
      if (event.event === 'log') console.log(event.message)
    },
  })
  const scored = join(out, 'scored')
  await score({
    populations: join(population, 'predictions'),
    labels: join(folder, 'examples.parquet'),
    classNames: (await readDatasetInfo(join(folder, 'dataset.json'))).classNames,
    out: scored,
  })
  const table = new Table({
    head: ['table', 'rows', 'columns that both know', 'that differ', 'largest difference of the others'],
    style: { head: [], border: [] },
  })
  for (const name of ['scores', 'levels', 'classes']) {
    const [models, predictions] = await Promise.all(
      [folder, scored].map(place => rowsOf(join(place, `${name}.parquet`))),
    )
    const { rows, columns, different, largest } = compare(models!, predictions!)
    table.push([
      name,
      rows.join(' / '),
      columns,
      [...different].join(', ') || 'none',
      largest.toExponential(1),
    ])
  }
  console.log(table.toString())
} finally {
  await rm(out, { recursive: true })
}
