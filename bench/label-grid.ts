/**
 * Trains what `bench/labels.ts` measures: small populations on data with seeded label noise, a run a cell. A cell that
 * is there is left alone, so the work can be cut anywhere.
 *
 *     npx tsx bench/label-grid.ts <folder> [--only glyphs-symmetric] [--seeds 1] [--workers 1]
 */
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Field, Int32, Schema } from 'apache-arrow'
import sharp from 'sharp'
import { type PipelineInput, run } from '../src/index.js'
import { openTable, writeTable } from '../src/pipeline/files.js'
import { type ImageValue, imageColumn, numberColumn, recordBatch } from '../src/tables/columns.js'
import { imageType } from '../src/tables/schemas.js'
import { type CleanExamples, imbalancedRows, type NoiseKind, noisyLabels } from './label-noise.js'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: '' },
    seeds: { type: 'string', default: '1' },
    workers: { type: 'string', default: '1' },
  },
})
const [folder] = positionals
if (folder === undefined)
  throw new Error('usage: npx tsx bench/label-grid.ts <folder> [--only <part of a name>]')

const classes = 10
/** Side of the thumbnails on which instance-dependent noise goes by. */
const side = 8

interface Source {
  readonly path: string
  readonly examples: number
  readonly model: NonNullable<PipelineInput['model']>
}

const sources: Readonly<Record<string, Source>> = {
  glyphs: {
    path: 'data/glyphs/train.parquet',
    examples: 6000,
    model: { architecture: 'mlp', epochs: 6, flip: 'none' },
  },
  cifar10: {
    path: 'data/cifar10n/train.parquet',
    examples: 4000,
    model: { architecture: 'cnn-fast', width: 0.125, epochs: 5, batchSize: 64 },
  },
}

interface Cell {
  readonly kind: NoiseKind
  readonly rate: number
  readonly imbalanced?: true
}

const cells: readonly Cell[] = [
  { kind: 'symmetric', rate: 0 },
  ...[0.2, 0.4, 0.1, 0.05].flatMap(rate =>
    (['symmetric', 'class', 'instance'] as const).map(kind => ({ kind, rate })),
  ),
  { kind: 'symmetric', rate: 0.2, imbalanced: true },
]

interface CleanImages extends CleanExamples {
  readonly images: readonly ImageValue[]
}

async function readClean({ path, examples }: Source): Promise<CleanImages> {
  const images: ImageValue[] = []
  const labels: number[] = []
  for await (const batch of openTable(path, { columns: ['image', 'true_label'] })) {
    const truth = numberColumn(batch, 'true_label')
    for (const [row, image] of imageColumn(batch, 'image').entries()) {
      const label = truth[row]
      if (label === null || images.length === examples) continue
      images.push(image!)
      labels.push(label)
    }
  }
  const size = side * side
  const features = new Float64Array(images.length * size)
  for (const [i, { bytes }] of images.entries()) {
    features.set(
      await sharp(bytes!).resize(side, side, { fit: 'fill' }).greyscale().raw().toBuffer(),
      i * size,
    )
  }
  for (let f = 0; f < size; f++) {
    let sum = 0
    let squares = 0
    for (let at = f; at < features.length; at += size) {
      sum += features[at]
      squares += features[at] ** 2
    }
    const mean = sum / images.length
    const deviation = Math.sqrt(squares / images.length - mean ** 2) || 1
    for (let at = f; at < features.length; at += size) features[at] = (features[at] - mean) / deviation
  }
  return { images, labels: Int32Array.from(labels), classes, features }
}

const schema = new Schema([
  new Field('image', imageType, false),
  new Field('label', new Int32(), false),
  new Field('true_label', new Int32(), false),
])

async function writeCell(path: string, clean: CleanImages, cell: Cell, seed: number): Promise<void> {
  const labels = noisyLabels(clean, cell.kind, cell.rate, seed)
  const rows = cell.imbalanced ? imbalancedRows(clean.labels, classes, 0.1, seed) : Array.from(labels.keys())
  await writeTable(path, schema, [
    recordBatch(schema, {
      image: rows.map(i => clean.images[i]),
      label: Int32Array.from(rows, i => labels[i]),
      true_label: Int32Array.from(rows, i => clean.labels[i]),
    }),
  ])
}

for (const [source, settings] of Object.entries(sources)) {
  let clean: CleanImages | undefined
  for (let seed = 0; seed < Number(flags.seeds); seed++) {
    for (const cell of cells) {
      const { kind, rate, imbalanced } = cell
      const noise = rate === 0 ? 'clean' : `${kind}-${100 * rate}${imbalanced ? '-imbalanced' : ''}`
      const name = `${source}-${noise}${seed === 0 ? '' : `-seed-${seed}`}`
      const place = join(folder, name)
      if (!name.includes(flags.only) || existsSync(join(place, 'latest'))) continue
      clean ??= await readClean(settings)
      await mkdir(join(folder, 'data'), { recursive: true })
      const path = join(folder, 'data', `${name}.parquet`)
      await writeCell(path, clean, cell, seed)
      const pipeline: PipelineInput = {
        name,
        dataset: { path, label: 'label', trueLabel: 'true_label' },
        model: settings.model,
        population: { seeds: 5, crossFit: 5 },
        compress: [{ method: 'magnitude', sparsity: 0.9, start: 'branch' }],
        seed,
      }
      const begin = performance.now()
      await run(pipeline, { out: folder, workers: Number(flags.workers) })
      console.log(`${name}: ${((performance.now() - begin) / 1000).toFixed(0)} s`)
    }
  }
}
