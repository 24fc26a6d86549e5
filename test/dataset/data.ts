/** Small data sets, made by the tests themselves, and ingest over them. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Binary, type DataType, Field, Float64, Int64, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import sharp from 'sharp'
import { afterAll } from 'vitest'
import { type DatasetInfo, readDatasetInfo } from '../../src/dataset/info.js'
import { PielineError } from '../../src/errors.js'
import { type PipelineInput, pipelineSchema } from '../../src/pipeline/config.js'
import { openTable, readNpy, writeTable } from '../../src/pipeline/files.js'
import { silentProgress } from '../../src/pipeline/progress.js'
import type { Headline } from '../../src/pipeline/stage.js'
import { ingest } from '../../src/stages/ingest.js'
import { type ColumnValues, recordBatch } from '../../src/tables/columns.js'
import { imageType, vectorType } from '../../src/tables/schemas.js'

const folders: string[] = []

/** A folder that is gone when the tests of the file are over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pieline-dataset-'))
  folders.push(folder)
  return folder
}

afterAll(() => Promise.all(folders.map(folder => rm(folder, { recursive: true, force: true }))))

export interface PngOptions {
  readonly width?: number
  readonly height?: number
  readonly channels?: 1 | 3 | 4
}

/** A PNG of one colour: grey, RGB or RGBA, each 0 to 255. */
export function png(colour: readonly number[], { width = 4, height = 4 }: PngOptions = {}): Promise<Buffer> {
  const channels = colour.length as 1 | 3 | 4
  const pixels = Uint8Array.from({ length: width * height * channels }, (_, i) => colour[i % channels])
  return sharp(pixels, { raw: { width, height, channels } })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .png()
    .toBuffer()
}

const types = {
  image: imageType,
  binary: new Binary(),
  integer: new Int64(),
  float: new Float64(),
  text: new Utf8(),
} as const

export type TestColumn = readonly [type: keyof typeof types | DataType, values: ColumnValues]

export const vector = (size: number) => vectorType(size)

/** Writes a table of nullable columns, `.parquet` or `.arrow`. */
export async function writeColumns(
  path: string,
  columns: Readonly<Record<string, TestColumn>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<string> {
  const schema = new Schema(
    Object.entries(columns).map(
      ([name, [type]]) => new Field(name, typeof type === 'string' ? types[type] : type, true),
    ),
    new Map(Object.entries(metadata)),
  )
  const values = Object.fromEntries(Object.entries(columns).map(([name, [, column]]) => [name, column]))
  await writeTable(path, schema, [recordBatch(schema, values)])
  return path
}

export async function writeBytes(path: string, content: string | Uint8Array): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
  return path
}

/** Two classes of `count` grey images each, as Hugging Face has them; the label is 1 where the image is bright. */
export async function imageColumns(count: number): Promise<Record<'image' | 'label', TestColumn>> {
  const rows = Array.from({ length: count * 2 }, (_, row) => row)
  const images = await Promise.all(
    rows.map(async row => ({
      bytes: await png([(row % 2) * 128 + (row >> 1)]),
      path: `${String(row).padStart(4, '0')}.png`,
    })),
  )
  return { image: ['image', images], label: ['integer', rows.map(row => row % 2)] }
}

export interface Ingested {
  readonly headline: Headline
  readonly info: DatasetInfo
  /** Rows of `examples.parquet`. */
  readonly examples: Readonly<Record<string, unknown>>[]
  readonly skipped: Readonly<Record<string, unknown>>[]
  readonly shape: readonly number[]
  readonly inputs: Uint8Array | Float32Array
  readonly log: readonly string[]
  readonly folder: string
}

type DatasetInput = PipelineInput['dataset']

export async function runIngest(
  dataset: DatasetInput,
  { crossFit = 2, seed = 0 }: { readonly crossFit?: number; readonly seed?: number } = {},
): Promise<Ingested> {
  const folder = await temporaryFolder()
  const log: string[] = []
  const headline = await ingest.run({
    pipeline: pipelineSchema.parse({ name: 'test', dataset, population: { crossFit }, seed }),
    output: folder,
    input: path => join(folder, path),
    store: {
      produce: () => Promise.reject(new Error('ingest keeps no parts')),
      find: () => Promise.resolve(undefined),
    },
    inputKeys: {},
    workers: 1,
    progress: { ...silentProgress, log: message => log.push(message) },
    signal: new AbortController().signal,
  })
  const { shape, data } = await readNpy(join(folder, 'inputs.npy'))
  return {
    headline,
    info: await readDatasetInfo(join(folder, 'dataset.json')),
    examples: await rowsOf(openTable(join(folder, 'examples.parquet'))),
    skipped: await rowsOf(openTable(join(folder, 'skipped.parquet'))),
    shape,
    inputs: data as Uint8Array | Float32Array,
    log,
    folder,
  }
}

/** All rows as plain objects. */
export async function rowsOf(batches: AsyncIterable<RecordBatch>): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = []
  for await (const batch of batches) for (const row of batch) rows.push(row!.toJSON())
  return rows
}

/** What the terminal would show, with the folder of the test data cut out. */
export async function failureOf(dataset: DatasetInput, folder: string): Promise<string> {
  try {
    await runIngest(dataset)
  } catch (error) {
    if (!(error instanceof PielineError)) throw error
    return `exit ${error.exitCode}: ${error.describe().replaceAll(`${folder}/`, '')}`
  }
  throw new Error('ingest did not fail')
}
