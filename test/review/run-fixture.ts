/** A finished run on disk, as the stages write it: glyphs, of which a part have a wrong label. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeDatasetInfo } from '../../src/dataset/info.js'
import { openTable, writeTable } from '../../src/pipeline/files.js'
import { readManifest, writeManifest } from '../../src/pipeline/manifest.js'
import type { Run } from '../../src/pipeline/runs.js'
import { permutation, randomStream } from '../../src/random.js'
import { imageColumn, numberColumn, recordBatch } from '../../src/tables/columns.js'
import { type Content, examplesSchema, neighborsSchema, piesSchema } from '../../src/tables/schemas.js'

export interface RunOptions {
  readonly suspects?: number
  readonly classNames?: readonly string[]
  readonly neighbors?: number
  /** Id of each example. */
  readonly id?: (row: number) => string
  /** The image of an example, in place of a glyph. */
  readonly image?: (row: number) => Uint8Array | undefined
  /** The text that people see of an example; there is none when absent. */
  readonly text?: (row: number) => string | null
  /** How many numbers an example is, in place of an image. */
  readonly features?: number
}

export interface FixtureRun extends Run {
  /** What each suspect shows: its true class index, most suspicious first. */
  readonly truth: readonly number[]
  /** Class index of the given label of each suspect. */
  readonly given: readonly number[]
  readonly ids: readonly string[]
}

export const levels = ['dense', 'magnitude-0.9', 'int8-static']
const letters = [...'ABCDEFGHIJ']
const glyphs = join(import.meta.dirname, '../../data/glyphs/train.parquet')

interface Glyphs {
  readonly images: Uint8Array[]
  readonly labels: number[]
}

let known: Promise<Glyphs> | undefined

/** The first glyphs of the data set and the letters they show. */
function readGlyphs(): Promise<Glyphs> {
  known ??= (async () => {
    const found: Glyphs = { images: [], labels: [] }
    for await (const batch of openTable(glyphs, { columns: ['image', 'label', 'true_label'] })) {
      const truth = batch.schema.fields.some(({ name }) => name === 'true_label') ? 'true_label' : 'label'
      found.images.push(...imageColumn(batch, 'image').map(image => Uint8Array.from(image!.bytes!)))
      found.labels.push(...numberColumn(batch, truth).map(Number))
      if (found.images.length >= 500) break
    }
    return found
  })()
  return known
}

/** Writes a run of the pipeline `glyphs` under a folder of runs; the same options give the same run. */
export async function writeRun(out: string, options: RunOptions = {}): Promise<FixtureRun> {
  const { suspects = 200, classNames = letters, neighbors = 4, id = row => `glyph-${row}` } = options
  const { images, labels } = await readGlyphs()
  const random = randomStream(1, 'run fixture', suspects)
  const folder = join(out, 'glyphs', '20260101T000000.000Z')
  await mkdir(folder, { recursive: true })
  // Suspects lie anywhere among the examples.
  const examples = suspects + 50
  const order = permutation(examples, random)
  const place = (suspect: number) => order[suspect]!
  const shown = (row: number) => labels[row % labels.length]! % classNames.length
  const suspectOf = new Int32Array(examples).fill(-1)
  for (let suspect = 0; suspect < suspects; suspect++) suspectOf[place(suspect)] = suspect
  const other = (label: number) => (label + 1 + random.integer(classNames.length - 1)) % classNames.length
  const quality = (suspect: number) => (suspect + 0.5) / suspects
  const given = Int32Array.from({ length: examples }, (_, row) => {
    const suspect = suspectOf[row]!
    return suspect >= 0 && random.uniform() > quality(suspect) ** 0.5 ? other(shown(row)) : shown(row)
  })
  const ids = Array.from({ length: examples }, (_, row) => id(row))
  const image = (row: number) => ({
    bytes: options.image?.(row) ?? images[row % images.length]!,
    path: null,
  })

  const { features } = options
  const content: Content = features === undefined ? { kind: 'image' } : { kind: 'features', features }
  const rows = Array.from({ length: examples }, (_, row) => row)
  const shownOf = (of: readonly number[]) => ({
    ...(options.text && { text: of.map(options.text) }),
    ...(features === undefined
      ? { image: of.map(image) }
      : {
          features: Float32Array.from(
            of.flatMap(row => Array.from({ length: features }, (_, i) => row + i / 4)),
          ),
        }),
  })
  const hasText = options.text !== undefined
  const schema = examplesSchema({ content, groups: ['font'], trueLabel: false, text: hasText })
  await writeTable(join(folder, 'examples.parquet'), schema, [
    recordBatch(schema, {
      example_id: ids,
      split: rows.map(() => 'train'),
      fold: rows.map(row => row % 5),
      label: given,
      label_name: rows.map(row => classNames[given[row]!]!),
      group_font: rows.map(row => (row % 7 === 0 ? null : row % 2 === 0 ? 'serif' : 'sans')),
      source: rows.map(row => `train.parquet#${row}`),
      source_row: Int32Array.from(rows),
      ...shownOf(rows),
    }),
  ])

  const pies = piesSchema(levels, { trueLabel: false, content, text: hasText })
  const ranks = Array.from({ length: suspects }, (_, suspect) => suspect)
  const at = ranks.map(place)
  const isIssue = ranks.map(suspect => suspect < suspects * 0.7)
  const suggested = at.map((row, suspect) =>
    isIssue[suspect] && shown(row) === given[row] ? other(given[row]!) : shown(row),
  )
  const modal = levels.map((_, level) =>
    Int32Array.from(at, (row, suspect) =>
      level > 0 && suspect % (level + 2) === 0 ? given[row]! : suggested[suspect]!,
    ),
  )
  await writeTable(join(folder, 'pies.parquet'), pies, [
    recordBatch(pies, {
      rank: Int32Array.from(ranks, rank => rank + 1),
      example_id: at.map(row => ids[row]!),
      split: at.map(() => 'train'),
      label: Int32Array.from(at, row => given[row]!),
      ...Object.fromEntries(
        levels
          .flatMap((level, l) => [
            [`modal_${level}`, modal[l]!],
            [`agreement_${level}`, Float32Array.from(ranks, rank => 0.6 + (0.4 * ((rank * 7 + l) % 5)) / 5)],
            [`is_pie_${level}`, Uint8Array.from(ranks, rank => Number(modal[l]![rank] !== modal[0]![rank]))],
          ])
          .filter(([name]) => name !== 'is_pie_dense'),
      ),
      pie_levels: Int32Array.from(ranks, rank => modal.filter(own => own[rank] !== modal[0]![rank]).length),
      disagreement: Float32Array.from(ranks, rank => (rank % 10) / 20),
      label_quality: Float32Array.from(ranks, quality),
      is_label_issue: Uint8Array.from(isIssue, Number),
      issue_kind: ranks.map(rank => (isIssue[rank] ? (rank % 4 === 0 ? 'ambiguous' : 'wrong label') : null)),
      suggested_label: Int32Array.from(suggested),
      suggested_p: Float32Array.from(ranks, rank => 1 - quality(rank) / 2),
      label_name: at.map(row => classNames[given[row]!]!),
      suggested_label_name: suggested.map(label => classNames[label]!),
      hints: ranks.map(rank => (rank % 9 === 0 ? ['blurry'] : [])),
      verdict: ranks.map(() => null),
      ...shownOf(at),
    }),
  ])

  if (neighbors > 0) {
    // The next that show the same, and at last one that may not.
    const like = new Map(classNames.map((_, label) => [label, rows.filter(row => shown(row) === label)]))
    const placeOf = new Int32Array(examples)
    for (const same of like.values()) for (const [place, row] of same.entries()) placeOf[row] = place
    const nearest = (row: number, n: number) => {
      const same = like.get(shown(row))!
      return n === neighbors - 1 ? (row + 1) % examples : same[(placeOf[row]! + n + 1) % same.length]!
    }
    const pairs = rows.flatMap(row => Array.from({ length: neighbors }, (_, n) => [row, n] as const))
    await writeTable(join(folder, 'neighbors.parquet'), neighborsSchema, [
      recordBatch(neighborsSchema, {
        example_id: pairs.map(([row]) => ids[row]!),
        rank: Int32Array.from(pairs, ([, n]) => n + 1),
        neighbor_id: pairs.map(([row, n]) => ids[nearest(row, n)]!),
        similarity: Float32Array.from(pairs, ([, n]) => 0.9 - n / 10),
      }),
    ])
  }

  await writeFile(
    join(folder, 'dataset.json'),
    encodeDatasetInfo({
      classNames: [...classNames],
      classLabels: classNames.map((_, i) => i),
      input: content.kind === 'image' ? { ...content, height: 28, width: 28, channels: 1 } : content,
      normalization: { mean: Float32Array.of(0.2), deviation: Float32Array.of(0.3) },
      trainExamples: examples,
      testExamples: 0,
      classCounts: classNames.map((_, label) => given.filter(own => own === label).length),
      skipped: 0,
      source: { format: 'parquet', columns: ['image', 'label'], label: 'label', content: ['image'] },
      featureNames: Array.from({ length: features ?? 0 }, (_, i) => `size ${i}`),
      groups: ['font'],
      ...(hasText && { text: true as const }),
      trueLabel: false,
      ids: 'column',
    }),
  )
  await writeManifest(folder, {
    format: 1,
    run: '20260101T000000.000Z',
    pipeline: 'glyphs',
    status: 'done',
    started: '2026-01-01T00:00:00.000Z',
    finished: '2026-01-01T00:10:00.000Z',
    process: { host: 'somewhere', pid: 1 },
    versions: {},
    machine: { platform: 'linux-x64', processor: 'a processor', cores: 2 },
    workers: 2,
    seed: 1,
    memberSeeds: [0, 1],
    dataset: '0'.repeat(64),
    config: {},
    stages: [],
  })
  return {
    folder,
    manifest: await readManifest(folder),
    truth: at.map(shown),
    given: at.map(row => given[row]!),
    ids: at.map(row => ids[row]!),
  }
}
