import { join } from 'node:path'
import { Dictionary, Int8, LargeUtf8, type RecordBatch, Utf8, vectorFromArray } from 'apache-arrow'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Original, openOriginal } from '../../src/dataset/original.js'
import { pipelineSchema } from '../../src/pipeline/config.js'
import { openTable, writeTable } from '../../src/pipeline/files.js'
import { takeRows } from '../../src/tables/take.js'
import {
  imageColumns,
  png,
  rowsOf,
  runIngest,
  type TestColumn,
  temporaryFolder,
  writeBytes,
  writeColumns,
} from './data.js'

let folder: string
beforeAll(async () => {
  folder = await temporaryFolder()
})

let tables = 0

type DatasetInput = Parameters<typeof runIngest>[0]

async function originalOf(dataset: DatasetInput): Promise<Original> {
  const { info } = await runIngest(dataset)
  return openOriginal(pipelineSchema.parse({ name: 'x', dataset }).dataset, info)
}

/** Every row of the training data, the label of row `row` replaced by that of class `label`, as a table on disk. */
async function relabeled(
  dataset: DatasetInput,
  row: number,
  label: number,
): Promise<Record<string, unknown>[]> {
  const original = await originalOf(dataset)
  const path = join(folder, `relabeled-${tables++}.parquet`)
  await writeTable(path, original.schema, batches(original))
  return rowsOf(openTable(path))

  async function* batches({ rows, relabel }: Original): AsyncGenerator<RecordBatch> {
    let begin = 0
    for await (const batch of rows('train')) {
      const labels = Int32Array.from({ length: batch.numRows }, (_, i) => (begin + i === row ? label : -1))
      begin += batch.numRows
      yield relabel(batch, labels)
    }
  }
}

const numbers: TestColumn = ['float', [1, 2, 3, 4]]

describe('labels are written as the source writes them', () => {
  const category = vectorFromArray(['b', 'a', 'b', 'a'], new Dictionary(new Utf8(), new Int8()))
  const large = vectorFromArray(['b', 'a', 'b', 'a'], new LargeUtf8())
  const cases: [string, TestColumn, unknown[]][] = [
    ['integers', ['integer', [5, 3, 5, 3]], [5n, 5n, 5n, 3n]],
    ['floats', ['float', [5, 3, 5, 3]], [5, 5, 5, 3]],
    ['text', ['text', ['b', 'a', 'b', 'a']], ['b', 'b', 'b', 'a']],
    ['large text', [large.type, large.data[0]], ['b', 'b', 'b', 'a']],
    ['categories', [category.type, category.data[0]], ['b', 'b', 'b', 'a']],
  ]
  test.each(cases)('%s', async (name, label, expected) => {
    const path = await writeColumns(join(folder, `${name}.parquet`), { x: numbers, label, note: numbers })
    const rows = await relabeled({ path }, 1, 1)
    expect(rows.map(row => row.label)).toEqual(expected)
    expect(rows.map(row => row.x)).toEqual([1, 2, 3, 4])
    expect(rows.map(row => row.note)).toEqual([1, 2, 3, 4])
  })

  test('names declared by classNames come back as their index', async () => {
    const path = await writeColumns(join(folder, 'declared.parquet'), {
      x: numbers,
      label: ['integer', [0, 1, 0, 1]],
    })
    const rows = await relabeled({ path, classNames: ['no', 'yes'] }, 0, 1)
    expect(rows.map(row => row.label)).toEqual([1n, 1n, 0n, 1n])
  })

  test('in a CSV, features become numbers and other columns stay text', async () => {
    const path = await writeBytes(join(folder, 'data.csv'), 'x,note,label\n1,01,7\n2,,8\n3,n/a,7\n')
    expect(await relabeled({ path, features: ['x'] }, 2, 1)).toEqual([
      { x: 1, note: '01', label: 7n },
      { x: 2, note: null, label: 8n },
      { x: 3, note: 'n/a', label: 8n },
    ])
  })

  test('an image folder becomes a table of images and class names', async () => {
    const root = join(folder, 'pets')
    const images = [await png([1]), await png([2]), await png([3])]
    await writeBytes(join(root, 'cat', '1.png'), images[0])
    await writeBytes(join(root, 'dog', '1.png'), images[1])
    await writeBytes(join(root, 'dog', '2.png'), images[2])
    const rows = await relabeled({ path: root }, 2, 0)
    expect(rows.map(row => row.label)).toEqual(['cat', 'dog', 'cat'])
    expect(rows.map(row => (row.image as { path: string }).path)).toEqual([
      'pets/cat/1.png',
      'pets/dog/1.png',
      'pets/dog/2.png',
    ])
    expect(Buffer.compare((rows[2].image as { bytes: Uint8Array }).bytes, images[2])).toBe(0)
  })
})

test('the metadata of the source stay, Hugging Face’s among them', async () => {
  const huggingface = JSON.stringify({ info: { features: { image: { _type: 'Image' } } } })
  const path = await writeColumns(join(folder, 'metadata.parquet'), await imageColumns(2), { huggingface })
  const { schema } = await originalOf({ path })
  expect(schema.metadata.get('huggingface')).toBe(huggingface)
})

test('source_row leads from examples to rows, skipped and held-out ones passed over', async () => {
  const { image, label } = await imageColumns(10)
  const images = [...(image[1] as unknown as { bytes: Buffer | null; path: string }[])]
  images[4] = { ...images[4], bytes: null }
  const path = await writeColumns(join(folder, 'skipped.parquet'), { image: ['image', images], label })
  const dataset: DatasetInput = { path, onBadExample: 'skip', testShare: 0.2, limit: 18 }
  const { examples, info } = await runIngest(dataset)
  const original = await openOriginal(pipelineSchema.parse({ name: 'x', dataset }).dataset, info)
  const train = examples.filter(row => row.split === 'train').map(row => row.source_row as number)
  const found: unknown[] = []
  for await (const batch of original.rows('train')) {
    expect(batch.numRows).toBe(18)
    for (const row of takeRows(batch, train)) found.push((row!.toJSON().image as { path: string }).path)
  }
  expect(found).toEqual(examples.slice(0, train.length).map(row => (row.image as { path: string }).path))
})
