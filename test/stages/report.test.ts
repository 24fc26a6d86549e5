import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Schema } from 'apache-arrow'
import { parseHTML } from 'linkedom'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeDatasetInfo } from '../../src/dataset/info.js'
import { DataError } from '../../src/errors.js'
import { type PipelineInput, pipelineSchema } from '../../src/pipeline/config.js'
import { writeTable } from '../../src/pipeline/files.js'
import { silentProgress } from '../../src/pipeline/progress.js'
import type { StageContext } from '../../src/pipeline/stage.js'
import type { GalleryData } from '../../src/report/client/gallery.js'
import { report } from '../../src/stages/report.js'
import { type ColumnValues, recordBatch } from '../../src/tables/columns.js'
import {
  type Content,
  classesSchema,
  inspectionSchema,
  levelsSchema,
  noiseSchema,
  overlapSchema,
  piesSchema,
  retrainSchema,
  scoresSchema,
  stabilitySchema,
} from '../../src/tables/schemas.js'

/** Forty training and ten test examples of three classes; every fifth is a label issue, every fourth a PIE at 90 %. */
const levels = ['dense', 'magnitude-0.9', 'int8-dynamic']
const classNames = ['cat', '<dog>', 'fox']
const examples = Array.from({ length: 50 }, (_, i) => {
  const label = i % 3
  const issue = i % 5 === 0
  return {
    example_id: `image-${i}`,
    split: i < 40 ? 'train' : 'test',
    label,
    true_label: i % 10 === 0 ? (label + 1) % 3 : i === 5 ? null : label,
    modal: [label, i % 4 === 0 ? (label + 2) % 3 : label, label],
    is_pie: [false, i % 4 === 0, false],
    label_quality: issue ? i / 200 : 0.5 + i / 100,
    is_label_issue: issue,
    suggested_label: issue ? (label + 1) % 3 : label,
    suggested_p: 0.9,
  }
})
const suspects = examples
  .filter(row => row.is_label_issue || row.is_pie.includes(true))
  .sort((a, b) => a.label_quality - b.label_quality)

let folder: string
let output: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-report-in-'))
  output = await mkdtemp(join(tmpdir(), 'pieline-report-out-'))
})
afterEach(() => Promise.all([folder, output].map(path => rm(path, { recursive: true }))))

/** What may be null and is not given is null. */
function write(path: string, schema: Schema, columns: Record<string, ColumnValues>) {
  const rows = Object.values(columns)[0]!.length
  const absent = schema.fields
    .filter(({ name, nullable }) => nullable && !(name in columns))
    .map(({ name }) => [name, Array.from({ length: rows }, () => null)])
  const whole = { ...Object.fromEntries(absent), ...columns }
  return writeTable(join(folder, path), schema, [recordBatch(schema, whole)])
}

function scoreColumns(rows: typeof examples): Record<string, ColumnValues> {
  const plain = [
    'example_id',
    'split',
    'label',
    'true_label',
    'label_quality',
    'suggested_label',
    'suggested_p',
  ] as const
  return {
    ...Object.fromEntries(plain.map(key => [key, rows.map(row => row[key]) as ColumnValues])),
    ...Object.fromEntries(
      levels.flatMap((level, l) => [
        [`modal_${level}`, rows.map(({ modal }) => modal[l]!)],
        [`agreement_${level}`, rows.map(() => 0.75)],
        ...(l === 0 ? [] : [[`is_pie_${level}`, rows.map(({ is_pie }) => is_pie[l]!)]]),
      ]),
    ),
    is_label_issue: rows.map(row => row.is_label_issue),
    issue_kind: rows.map(row => (row.is_label_issue ? 'wrong label' : null)),
    pie_levels: rows.map(({ is_pie }) => is_pie.filter(Boolean).length),
    disagreement: rows.map(() => 0.25),
  }
}

async function writeInputs(content: Content): Promise<void> {
  const isImage = content.kind === 'image'
  await writeFile(
    join(folder, 'dataset.json'),
    encodeDatasetInfo({
      classNames,
      classLabels: [0, 1, 2],
      input: isImage
        ? { kind: 'image', height: 8, width: 8, channels: 1 }
        : { kind: 'features', features: content.features },
      normalization: { mean: Float32Array.of(0), deviation: Float32Array.of(1) },
      trainExamples: 40,
      testExamples: 10,
      classCounts: [14, 13, 13],
      skipped: 2,
      source: { format: 'parquet', columns: ['x', 'label'], label: 'label', content: ['x'] },
      featureNames: isImage ? [] : ['radius', 'texture'],
      groups: ['hair'],
      trueLabel: true,
      ids: 'column',
    }),
  )
  await write('noise.parquet', noiseSchema, {
    split: ['train', 'train', 'test'],
    label: [0, 0, 0],
    label_name: Array(3).fill(classNames[0]),
    likely_label: [null, 1, null],
    likely_label_name: [null, classNames[1]!, null],
    count: [4.25, 4.25, 0.5],
    low: [2, 2, 0],
    high: [8, 8, 3],
  })
  await write('scores.parquet', scoresSchema(levels, { trueLabel: true }), scoreColumns(examples))
  const pictures = await Promise.all(
    suspects.map((_, i) =>
      sharp(new Uint8Array(64).fill(i * 8), { raw: { width: 8, height: 8, channels: 1 } })
        .png()
        .toBuffer(),
    ),
  )
  await write('pies.parquet', piesSchema(levels, { trueLabel: true, content }), {
    ...scoreColumns(suspects),
    rank: suspects.map((_, i) => i + 1),
    label_name: suspects.map(({ label }) => classNames[label]!),
    suggested_label_name: suspects.map(({ suggested_label }) => classNames[suggested_label]!),
    hints: suspects.map((_, i) => (i === 0 ? ['blurry', 'leak'] : [])),
    verdict: suspects.map(() => null),
    ...(isImage
      ? { image: pictures.map(bytes => ({ bytes, path: null })) }
      : { features: Float32Array.from(suspects.flatMap((_, i) => [i, -i])) }),
  })
  await write('inspection.parquet', inspectionSchema({ kind: 'features' }), {
    example_id: examples.map(({ example_id }) => example_id),
    split: examples.map(({ split }) => split),
    ...Object.fromEntries(
      ['duplicate_group', 'neighbor_distance', 'outlier_score', 'neighbor_label', 'neighbor_label_share'].map(
        name => [name, examples.map(() => null)],
      ),
    ),
    neighbor_agreement: examples.map((_, i) => (i % 2 === 0 ? 0.5 : 1)),
    first_label: examples.map(() => 0),
    first_p: examples.map(() => 0.7),
    second_label: examples.map(() => 1),
    second_p: examples.map(() => 0.2),
    hints: examples.map((_, i) => (i < 3 ? ['blurry', 'leak'] : [])),
  })
  await writeLevels()
  await writeClasses()
  await writeTable(join(folder, 'overlap.parquet'), overlapSchema, [])
  await writeTable(join(folder, 'stability.parquet'), stabilitySchema, [])
  await writeRetrain()
}

async function writeLevels(): Promise<void> {
  const rows = ['train', 'test'].flatMap(split => levels.map((level, l) => ({ split, level, l })))
  // The stage puts the levels into the pipeline's order, whatever the table's is.
  rows.reverse()
  const same = (value: number | null) => rows.map(() => value)
  await write('levels.parquet', levelsSchema, {
    level: rows.map(({ level }) => level),
    split: rows.map(({ split }) => split),
    method: rows.map(({ l }) => ['dense', 'magnitude', 'int8-dynamic'][l]!),
    sparsity: rows.map(({ l }) => (l === 1 ? 0.9 : 0)),
    bits: rows.map(({ l }) => (l === 2 ? 8 : 32)),
    members: same(4),
    size_bytes: BigInt64Array.from(rows, () => 123_456n),
    nonzero_weights: BigInt64Array.from(rows, () => 1000n),
    examples: rows.map(({ split }) => (split === 'train' ? 40 : 10)),
    top1_mean: rows.map(({ l }) => 0.9 - l / 10),
    top1_sd: same(0.01),
    top5_mean: same(1),
    top5_sd: same(0),
    pie_top1_mean: rows.map(({ l }) => (l === 2 ? null : 0.4)),
    pie_top1_sd: same(null),
    pie_top5_mean: same(1),
    pie_top5_sd: same(0),
    non_pie_top1_mean: same(0.95),
    non_pie_top1_sd: same(0.01),
    non_pie_top5_mean: same(1),
    non_pie_top5_sd: same(0),
    pies: rows.map(({ split, l }) => (l === 2 ? 0 : split === 'train' ? 10 : 3)),
    pie_rate: rows.map(({ split, l }) => (l === 2 ? 0 : split === 'train' ? 0.25 : 0.3)),
    significant_classes: same(1),
  })
}

async function writeClasses(): Promise<void> {
  const rows = ['train', 'test'].flatMap(split =>
    levels
      .slice(1)
      .flatMap(level =>
        [null, 'fair'].flatMap(value => classNames.map((_, index) => ({ split, level, value, index }))),
      ),
  )
  const same = (value: number | null) => rows.map(() => value)
  await write('classes.parquet', classesSchema, {
    level: rows.map(({ level }) => level),
    split: rows.map(({ split }) => split),
    group: rows.map(({ value }) => (value === null ? null : 'hair')),
    group_value: rows.map(({ value }) => value),
    class: rows.map(({ index }) => index),
    class_name: rows.map(({ index }) => classNames[index]!),
    n: same(10),
    dense_recall_mean: same(0.9),
    dense_recall_sd: same(0.01),
    recall_mean: same(0.8),
    recall_sd: same(0.01),
    relative_change: rows.map(({ index }) => (index === 2 ? null : -0.02 * index)),
    t: same(null),
    df: same(null),
    p: same(0.01),
    q: same(0.03),
    significant: rows.map(({ index }) => index === 1),
    direction: rows.map(({ index }) => (index === 1 ? 'worse' : 'none')),
  })
}

async function writeRetrain(): Promise<void> {
  const rows = ['all', 'cleaned'].flatMap((arm, a) =>
    [0, 1, null].map(seed => ({ arm, seed, top1: 0.8 + a * 0.05 + (seed ?? 0.5) * 0.01 })),
  )
  const ofMean = (value: number) => rows.map(({ seed }) => (seed === null ? value : null))
  await write('retrain.parquet', retrainSchema, {
    arm: rows.map(({ arm }) => arm),
    seed: rows.map(({ seed }) => seed),
    n: rows.map(({ arm }) => (arm === 'all' ? 40 : 32)),
    relabeled: rows.map(() => 0),
    top1: rows.map(({ top1 }) => top1),
    top1_sd: ofMean(0.007),
    pie_top1: rows.map(() => 0.4),
    non_pie_top1: rows.map(() => null),
    difference: rows.map(({ arm }) => (arm === 'all' ? 0 : 0.05)),
    difference_low: ofMean(0.02),
    difference_high: ofMean(0.08),
    over_random: ofMean(0.04),
    over_random_low: ofMean(0.01),
    over_random_high: ofMean(0.07),
  })
}

function contextOf(options: Pick<PipelineInput, 'retrain'> = { retrain: {} }): StageContext {
  const pipeline = pipelineSchema.parse({
    name: 'pets',
    dataset: { path: 'pets.parquet', test: 'test.parquet', trueLabel: 'truth', groups: ['hair'] },
    compress: [{ method: 'magnitude', sparsity: 0.9 }, { method: 'int8-dynamic' }],
    population: { seeds: 4 },
    ...options,
  })
  return {
    pipeline,
    output,
    input: path => join(folder, path),
    store: {
      produce: () => Promise.reject(new Error('the report keeps no parts')),
      find: () => Promise.resolve(undefined),
    },
    inputKeys: {},
    workers: 1,
    progress: silentProgress,
    signal: new AbortController().signal,
  }
}

async function run(context = contextOf()) {
  const headline = await report.run(context)
  const page = await readFile(join(output, 'report.html'), 'utf8')
  const document = parseHTML(page).document as unknown as Document
  const gallery: GalleryData = JSON.parse(document.getElementById('suspects-data')!.textContent!)
  const text = (selector: string) => document.querySelector(selector)!.textContent!.replace(/\s+/g, ' ')
  return { headline, page, document, gallery, text }
}

describe('the report stage', () => {
  it('says what the tables say', async () => {
    await writeInputs({ kind: 'image' })
    const { text, document } = await run()
    expect(text('h1')).toBe('About 5 of 50 labels are wrong (95 % interval 1 to 17); most often cat ↔ <dog>.')
    expect(text('.lead')).toContain('PIE rate at 90 % sparsity: 26.0 % (13 of 50 examples)')
    expect(text('.lead')).toContain('on the test split, accuracy is 40.0 % on PIEs and 95.0 % on the rest')
    expect(text('.lead')).toContain('Drop 8: test accuracy +5.0 points [5.0, 5.0]')
    // Issues are examples 0, 5, 10 …; every tenth is wrong, and the truth of example 5 is unknown.
    expect(text('.lead')).toContain('55.6 % of the label issues are wrong indeed')
    expect(text('.figures')).toContain('40 training, 10 test; 2 skipped')
    const rows = [...document.querySelectorAll('#levels tbody tr')].map(row => row.textContent!)
    expect(rows.map(row => levels.find(level => row.startsWith(level)))).toEqual([...levels, ...levels])
    expect(rows[1]).toContain('80.0 ± 1.0')
    expect(text('#classes')).toContain('hair = fair')
    expect(text('#retraining tbody')).toContain('32')
    expect(document.querySelector('[data-chart=retraining-difference]')).toBeTruthy()
    expect(text('#retraining tbody')).toContain('+4.00 (+1.00 to +7.00)')
    expect(text('.lead')).toMatch(/Drop 8: test accuracy \+5\.0 points/)
  })

  it('carries every suspect with its votes and its picture', async () => {
    await writeInputs({ kind: 'image' })
    const { gallery, headline, page } = await run()
    expect(gallery.id).toEqual(suspects.map(row => row.example_id))
    expect(gallery.given).toEqual(suspects.map(row => row.label))
    expect(gallery.modal).toEqual(suspects.map(row => row.modal))
    expect(gallery.pie).toEqual(suspects.map(row => row.is_pie.map(Number)))
    expect(gallery.issue).toEqual(suspects.map(row => Number(row.is_label_issue)))
    expect(Object.keys(gallery.pictures).length).toBe(suspects.length)
    for (const [i, picture] of Object.values(gallery.pictures).entries()) {
      const pixels = await sharp(Buffer.from(picture.split(',')[1]!, 'base64'))
        .toColourspace('b-w')
        .raw()
        .toBuffer()
      expect(pixels[0]).toBe(i * 8)
    }
    expect(headline).toEqual({
      report: 'report.html',
      bytes: Buffer.byteLength(page),
      suspects: suspects.length,
      pictures: suspects.length,
    })
  })

  it('gives the same bytes again', async () => {
    await writeInputs({ kind: 'image' })
    const first = await run()
    expect((await run()).page).toBe(first.page)
  })

  it('shows features where there are no images', async () => {
    await writeInputs({ kind: 'features', features: 2 })
    const { gallery, document } = await run()
    expect(gallery.featureNames).toEqual(['radius', 'texture'])
    expect(gallery.features[3]).toEqual([3, -3])
    expect(document.querySelector('#gallery table')).toBeTruthy()
  })

  it('does without retraining', async () => {
    await writeInputs({ kind: 'image' })
    await rm(join(folder, 'retrain.parquet'))
    const { text } = await run(contextOf({}))
    expect(text('#retraining')).toContain('This run retrained nothing')
  })

  it('names the table that is missing', async () => {
    await writeInputs({ kind: 'image' })
    await rm(join(folder, 'classes.parquet'))
    await expect(report.run(contextOf())).rejects.toThrow(DataError)
    await expect(report.run(contextOf())).rejects.toMatchObject({ file: join(folder, 'classes.parquet') })
  })

  it('stops when asked to', async () => {
    await writeInputs({ kind: 'image' })
    const context = { ...contextOf(), signal: AbortSignal.abort(new Error('stop')) }
    await expect(report.run(context)).rejects.toThrow('stop')
  })
})
