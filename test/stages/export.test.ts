import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Field, Int64, List, Schema, Utf8, vectorFromArray } from 'apache-arrow'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DataError } from '../../src/errors.js'
import { type PipelineInput, pipelineSchema } from '../../src/pipeline/config.js'
import { openTable, writeTable } from '../../src/pipeline/files.js'
import { silentProgress } from '../../src/pipeline/progress.js'
import type { StageContext } from '../../src/pipeline/stage.js'
import { exportTables } from '../../src/stages/export.js'
import { ingest } from '../../src/stages/ingest.js'
import { type ImageValue, recordBatch } from '../../src/tables/columns.js'
import { describeParquet } from '../../src/tables/parquet.js'
import { imageType, piesSchema, scoresSchema } from '../../src/tables/schemas.js'

const levels = ['dense', 'magnitude-0.5', 'magnitude-0.9']
const rows = 24

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-export-'))
})
afterEach(() => rm(folder, { recursive: true }))

const sourceSchema = new Schema(
  [
    new Field('note', new List(new Field('item', new Utf8(), true)), true),
    new Field('image', imageType, true),
    new Field('label', new Utf8(), false),
    new Field('serial', new Int64(), false),
  ],
  new Map([['huggingface', '{"info":{"features":{"image":{"_type":"Image"}}}}']]),
)

const labelOf = (row: number): string => ['cat', 'dog', 'emu'][row % 3]

async function imageOf(row: number): Promise<ImageValue> {
  // Row 5 is no image at all.
  if (row === 5) return { bytes: Uint8Array.of(1, 2, 3), path: 'broken.png' }
  const background = { r: row * 9, g: 255 - row * 9, b: 0 }
  const bytes = await sharp({ create: { width: 4, height: 4, channels: 3, background } })
    .png()
    .toBuffer()
  return { bytes: Uint8Array.from(bytes), path: `${row}.png` }
}

async function writeSource(path: string, count = rows): Promise<void> {
  const all = Array.from({ length: count }, (_, row) => row)
  const notes = vectorFromArray(
    all.map(row => (row % 4 === 0 ? null : [`note ${row}`, 'é'])),
    sourceSchema.fields[0].type,
  )
  const batch = recordBatch(sourceSchema, {
    note: notes.data[0],
    image: await Promise.all(all.map(imageOf)),
    label: all.map(labelOf),
    serial: BigInt64Array.from(all, row => 2n ** 60n + BigInt(row)),
  })
  await writeTable(path, sourceSchema, [batch], { rowGroupRows: 7 })
}

function contextOf(
  dataset: Partial<PipelineInput['dataset']>,
  retrain?: PipelineInput['retrain'],
): StageContext {
  const pipeline = pipelineSchema.parse({
    name: 'pets',
    dataset: { path: join(folder, 'pets.parquet'), onBadExample: 'skip', ...dataset },
    population: { crossFit: 0 },
    compress: [{ method: 'magnitude', sparsity: [0.5, 0.9] }],
    inspect: false,
    ...(retrain === undefined ? {} : { retrain }),
  })
  return {
    pipeline,
    output: folder,
    input: path => join(folder, path),
    store: {
      produce: () => Promise.reject(new Error('no parts are kept')),
      find: () => Promise.resolve(undefined),
    },
    inputKeys: {},
    workers: 1,
    progress: silentProgress,
    signal: new AbortController().signal,
  }
}

interface Verdict {
  readonly quality: number
  readonly issue: boolean
  readonly pieAtHalf: boolean
  readonly pieAtNine: boolean
  readonly suggested: number
}

/** Scores that depend on the example's own row of the source, so that expectations can be told row by row. */
function verdictOf(row: number): Verdict {
  return {
    quality: ((row * 7) % 24) / 24,
    issue: (row * 7) % 24 < 6,
    pieAtHalf: row % 8 === 0,
    pieAtNine: row % 5 === 0,
    suggested: (row + 1) % 3,
  }
}

async function writeScores(): Promise<{ id: string; split: string; row: number; verdict: Verdict }[]> {
  const examples = (await rowsOf('examples.parquet')).map(example => {
    const row = example.source_row as number
    return {
      id: example.example_id as string,
      split: example.split as string,
      label: example.label as number,
      row,
      verdict: verdictOf(row),
    }
  })
  const verdicts = examples.map(({ verdict }) => verdict)
  const schema = scoresSchema(levels, {})
  const labels = examples.map(({ label }) => label)
  await writeTable(join(folder, 'scores.parquet'), schema, [
    recordBatch(schema, {
      example_id: examples.map(({ id }) => id),
      split: examples.map(({ split }) => split),
      label: labels,
      ...Object.fromEntries(
        levels.flatMap(level => [
          [`modal_${level}`, labels],
          [`agreement_${level}`, labels.map(() => 1)],
        ]),
      ),
      'is_pie_magnitude-0.5': verdicts.map(({ pieAtHalf }) => pieAtHalf),
      'is_pie_magnitude-0.9': verdicts.map(({ pieAtNine }) => pieAtNine),
      pie_levels: verdicts.map(({ pieAtHalf, pieAtNine }) => Number(pieAtHalf) + Number(pieAtNine)),
      disagreement: labels.map(() => 0.25),
      label_quality: verdicts.map(({ quality }) => quality),
      is_label_issue: verdicts.map(({ issue }) => issue),
      issue_kind: verdicts.map(({ issue }) => (issue ? 'ambiguous' : null)),
      suggested_label: verdicts.map(({ suggested }) => suggested),
      suggested_p: labels.map(() => 0.5),
    }),
  ])
  return examples
}

async function rowsOf(path: string): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = []
  for await (const batch of openTable(join(folder, path))) {
    for (const row of batch) rows.push(JSON.parse(JSON.stringify(row.toJSON(), plainly)))
  }
  return rows
}

const plainly = (_: string, value: unknown): unknown =>
  typeof value === 'bigint'
    ? `${value}`
    : value instanceof Uint8Array
      ? Buffer.from(value).toString('hex')
      : value

async function ingestAndScore(context: StageContext) {
  await ingest.run(context)
  return writeScores()
}

const splitNames = ['non_pie', 'cleaned', 'relabeled', 'pie_only'] as const

describe('export', () => {
  it('hands over suspects with their images, most suspicious first', async () => {
    await writeSource(join(folder, 'pets.parquet'))
    const context = contextOf({})
    const examples = await ingestAndScore(context)
    const headline = await exportTables.run(context)
    const expected = examples
      .filter(({ verdict }) => verdict.issue || verdict.pieAtHalf || verdict.pieAtNine)
      .sort((a, b) => a.verdict.quality - b.verdict.quality)
    expect(headline.suspects).toBe(expected.length)
    for (const format of ['parquet', 'arrow']) {
      const pies = await rowsOf(`pies.${format}`)
      expect(Object.keys(pies[0])).toEqual(
        piesSchema(levels, { content: { kind: 'image' } }).fields.map(({ name }) => name),
      )
      expect(pies.map(pie => pie.example_id)).toEqual(expected.map(({ id }) => id))
      expect(pies.map(pie => pie.rank)).toEqual(expected.map((_, i) => i + 1))
      expect(pies.map(pie => pie.label_name)).toEqual(expected.map(({ row }) => labelOf(row)))
      expect(pies.map(pie => pie.suggested_label_name)).toEqual(expected.map(({ row }) => labelOf(row + 1)))
      expect(pies.map(pie => pie['is_pie_magnitude-0.5'])).toEqual(
        expected.map(({ verdict }) => verdict.pieAtHalf),
      )
      for (const [i, { row }] of expected.entries()) {
        const { bytes, path } = await imageOf(row)
        expect(pies[i].image).toEqual({ bytes: Buffer.from(bytes!).toString('hex'), path })
      }
    }
    expect(await readdir(folder)).not.toContain('suspects.spool')
  })

  it('writes splits of the training data as the source has them', async () => {
    await writeSource(join(folder, 'pets.parquet'))
    const context = contextOf({ limit: 20, testShare: 0.2 })
    const examples = await ingestAndScore(context)
    const training = examples.filter(({ split }) => split === 'train')
    expect(training.length).toBeLessThan(19)
    const headline = await exportTables.run(context)
    const source = await rowsOf('pets.parquet')
    const kept = {
      non_pie: training.filter(({ verdict }) => !verdict.pieAtNine),
      cleaned: training.filter(({ verdict }) => !verdict.issue),
      relabeled: training,
      pie_only: training.filter(({ verdict }) => verdict.pieAtNine),
    }
    for (const name of splitNames) {
      const expected = kept[name].map(({ row, verdict }) =>
        name === 'relabeled' && verdict.issue
          ? { ...source[row], label: labelOf(verdict.suggested) }
          : source[row],
      )
      expect(await rowsOf(`splits/${name}.parquet`)).toEqual(expected)
      expect(headline.splits).toMatchObject({ [name]: expected.length })
      const { schema } = await describeParquet(await readFile(join(folder, `splits/${name}.parquet`)))
      expect(String(schema)).toBe(String(sourceSchema))
      expect(schema.metadata.get('huggingface')).toBe(sourceSchema.metadata.get('huggingface'))
    }
    expect(kept.relabeled.some(({ verdict }) => verdict.issue)).toBe(true)
  })

  it('goes by the PIEs of the level that retraining names', async () => {
    await writeSource(join(folder, 'pets.parquet'))
    const context = contextOf({ testShare: 0.2 }, { level: 'magnitude-0.5' })
    const examples = await ingestAndScore(context)
    await exportTables.run(context)
    const serials = (await rowsOf('splits/pie_only.parquet')).map(({ serial }) => serial)
    expect(serials).toEqual(
      examples
        .filter(({ split, verdict }) => split === 'train' && verdict.pieAtHalf)
        .map(({ row }) => `${2n ** 60n + BigInt(row)}`),
    )
  })

  it('takes folders of images, and features', async () => {
    for (let row = 0; row < rows; row++) {
      if (row === 5) continue
      await mkdir(join(folder, 'pets', labelOf(row)), { recursive: true })
      await writeFile(join(folder, 'pets', labelOf(row), `${row}.png`), (await imageOf(row)).bytes!)
    }
    const images = contextOf({ path: join(folder, 'pets') })
    const fromFolder = await ingestAndScore(images)
    await exportTables.run(images)
    const relabeled = await rowsOf('splits/relabeled.parquet')
    expect(relabeled).toHaveLength(rows - 1)
    const given = (await rowsOf('examples.parquet')).map(({ label_name }) => label_name)
    expect(relabeled.map(({ label }) => label)).toEqual(
      fromFolder.map(({ verdict }, i) => (verdict.issue ? labelOf(verdict.suggested) : given[i])),
    )
    expect(Object.keys(relabeled[0])).toEqual(['image', 'label'])

    const lines = Array.from({ length: rows }, (_, row) => `${row / 8},${row % 3},${row * row}`)
    await writeFile(join(folder, 'pets.csv'), ['width,kind,weight', ...lines].join('\n'))
    const features = contextOf({ path: join(folder, 'pets.csv'), label: 'kind' })
    const fromCsv = await ingestAndScore(features)
    await exportTables.run(features)
    const cleaned = await rowsOf('splits/cleaned.parquet')
    expect(cleaned).toEqual(
      fromCsv
        .filter(({ verdict }) => !verdict.issue)
        .map(({ row }) => ({ width: row / 8, kind: `${row % 3}`, weight: row * row })),
    )
    const [first] = await rowsOf('pies.parquet')
    expect(Object.values(first.features as object)).toEqual([0, 0])
  })

  it('gives the same bytes again, and no suspects where there are none', async () => {
    await writeSource(join(folder, 'pets.parquet'))
    const context = contextOf({})
    await ingestAndScore(context)
    const files = ['pies.parquet', 'pies.arrow', ...splitNames.map(name => `splits/${name}.parquet`)]
    const bytes = () => Promise.all(files.map(file => readFile(join(folder, file))))
    await exportTables.run(context)
    const first = await bytes()
    await exportTables.run(context)
    expect(await bytes()).toEqual(first)

    const schema = scoresSchema(levels, {})
    const scores: Record<string, unknown[]> = Object.fromEntries(schema.fields.map(({ name }) => [name, []]))
    for (const row of await rowsOf('scores.parquet')) {
      for (const [name, column] of Object.entries(scores)) {
        column.push(/^is_/.test(name) ? false : name === 'pie_levels' ? 0 : row[name])
      }
    }
    await writeTable(join(folder, 'scores.parquet'), schema, [recordBatch(schema, scores as never)])
    expect((await exportTables.run(context)).suspects).toBe(0)
    expect(await rowsOf('pies.parquet')).toEqual([])
    expect(await rowsOf('pies.arrow')).toEqual([])
    expect(await rowsOf('splits/pie_only.parquet')).toEqual([])
  })

  it('refuses a source that has lost rows since it was ingested', async () => {
    await writeSource(join(folder, 'pets.parquet'))
    const context = contextOf({})
    await ingestAndScore(context)
    await writeSource(join(folder, 'pets.parquet'), 12)
    await expect(exportTables.run(context)).rejects.toThrow(DataError)
    await expect(exportTables.run(context)).rejects.toThrow('the data have 12 rows')
  })
})
