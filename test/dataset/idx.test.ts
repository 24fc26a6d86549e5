import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { detectData, guessColumns } from '../../src/dataset/detect.js'
import { openReader } from '../../src/dataset/open.js'
import { openOriginal } from '../../src/dataset/original.js'
import { type PipelineInput, pipelineSchema } from '../../src/pipeline/config.js'
import { writeTable } from '../../src/pipeline/files.js'
import { failureOf, runIngest, temporaryFolder, writeBytes } from './data.js'

let folder: string
beforeAll(async () => {
  folder = await temporaryFolder()
})

const at = (name: string) => join(folder, name)
const configOf = (dataset: PipelineInput['dataset']) => pipelineSchema.parse({ name: 'x', dataset }).dataset

/** An IDX file: magic number, dimensions, values. */
function idx(dimensions: readonly number[], values: ArrayLike<number>, type = 8): Buffer {
  const header = Buffer.alloc(4 + 4 * dimensions.length)
  header.set([0, 0, type, dimensions.length])
  for (const [index, size] of dimensions.entries()) header.writeUInt32BE(size, 4 + 4 * index)
  return Buffer.concat([header, Uint8Array.from(values)])
}

const [height, width] = [3, 5]
const valuesOf = (images: number) => Array.from({ length: images * height * width }, (_, i) => (i * 7) % 256)
const imagesOf = (count: number) => idx([count, height, width], valuesOf(count))
const labelsOf = (count: number) =>
  idx(
    [count],
    Array.from({ length: count }, (_, i) => i % 4),
  )

/** The four files of MNIST. */
async function writeMnist(root: string, compress = false): Promise<string> {
  const [ending, coded] = compress ? ['.gz', gzipSync] : ['', (bytes: Buffer) => bytes]
  for (const [prefix, count] of [
    ['train', 12],
    ['t10k', 4],
  ] as const) {
    await writeBytes(join(root, `${prefix}-images-idx3-ubyte${ending}`), coded(imagesOf(count)))
    await writeBytes(join(root, `${prefix}-labels-idx1-ubyte${ending}`), coded(labelsOf(count)))
  }
  return root
}

describe.each([
  ['plain', false],
  ['compressed', true],
])('the MNIST family, %s', (name, compress) => {
  test('both parts from the folder', async () => {
    const path = await writeMnist(at(`mnist-${name}`), compress)
    const { info, examples, inputs, shape } = await runIngest({ path, test: path })
    expect(info).toMatchObject({
      classNames: ['0', '1', '2', '3'],
      trainExamples: 12,
      testExamples: 4,
      source: { format: 'idx', columns: ['image', 'label'] },
    })
    expect(shape).toEqual([16, height, width, 1])
    expect([...inputs]).toEqual([...valuesOf(12), ...valuesOf(4)])
    expect(examples.map(row => row.label)).toEqual(Array.from({ length: 16 }, (_, row) => row % 4))
    expect(examples[13].source).toBe(`mnist-${name}/t10k-images-idx3-ubyte${compress ? '.gz' : ''}#1`)
  })

  test('init finds both parts, from the folder or from the training images', async () => {
    const path = await writeMnist(at(`init-${name}`), compress)
    const ending = compress ? '.gz' : ''
    expect(await detectData(path)).toEqual({ path, test: path })
    expect(await detectData(join(path, `train-images-idx3-ubyte${ending}`))).toEqual({
      path: join(path, `train-images-idx3-ubyte${ending}`),
      test: join(path, `t10k-images-idx3-ubyte${ending}`),
    })
    const description = await (await openReader(configOf({ path }), 'train')).describe()
    expect(description).toMatchObject({ format: 'idx', rows: 12 })
    expect(guessColumns(description).label).toBe('label')
  })
})

test('class names are given by the pipeline', async () => {
  const path = await writeMnist(at('fashion'))
  const { examples } = await runIngest({ path, classNames: ['T-shirt', 'trouser', 'pullover', 'dress'] })
  expect(examples.slice(0, 4).map(row => row.label_name)).toEqual(['T-shirt', 'trouser', 'pullover', 'dress'])
})

test('names with a dot, and labels named by the pipeline', async () => {
  const path = await writeBytes(at('dotted/train-images.idx3-ubyte'), imagesOf(12))
  await writeBytes(at('dotted/train-labels.idx1-ubyte'), labelsOf(12))
  const labels = await writeBytes(
    at('elsewhere/relabeled'),
    idx(
      [12],
      Array.from({ length: 12 }, (_, i) => i % 2),
    ),
  )
  const given = (await runIngest({ path })).examples.map(row => row.label)
  expect(given.slice(0, 4)).toEqual([0, 1, 2, 3])
  expect((await runIngest({ path, labels })).examples.map(row => row.label).slice(0, 4)).toEqual([0, 1, 0, 1])
})

test('images in colour', async () => {
  const values = Array.from({ length: 8 * 2 * 2 * 3 }, (_, i) => i * 2)
  const path = await writeBytes(at('colour/train-images-idx4-ubyte'), idx([8, 2, 2, 3], values))
  await writeBytes(at('colour/train-labels-idx1-ubyte'), labelsOf(8))
  const { inputs, shape } = await runIngest({ path })
  expect(shape).toEqual([8, 2, 2, 3])
  expect([...inputs]).toEqual(values)
})

test('a file of both kinds of compression is read once', async () => {
  const path = await writeMnist(await writeMnist(at('both')), true)
  expect((await runIngest({ path, test: path })).info).toMatchObject({ trainExamples: 12, testExamples: 4 })
})

test('grey images keep one channel in the split files', async () => {
  const dataset = { path: await writeMnist(at('splits')) }
  const { info } = await runIngest(dataset)
  const { examples } = await runIngest({
    path: await rewritten(at('splits.parquet'), await openOriginal(configOf(dataset), info)),
  })
  expect(examples).toHaveLength(12)
  expect((await runIngest({ path: at('splits.parquet') })).shape).toEqual([12, height, width, 1])
})

async function rewritten(path: string, original: Awaited<ReturnType<typeof openOriginal>>): Promise<string> {
  await writeTable(path, original.schema, original.rows('train'))
  return path
}

describe('bad files', () => {
  const failure = (dataset: PipelineInput['dataset']) => failureOf(dataset, folder)

  /** A pair of files, one of them changed. */
  async function pair(name: string, files: { images?: Uint8Array; labels?: Uint8Array; ending?: string }) {
    const { images = imagesOf(12), labels = labelsOf(12), ending = '' } = files
    await writeBytes(at(`${name}/train-labels-idx1-ubyte${ending}`), labels)
    return { path: await writeBytes(at(`${name}/train-images-idx3-ubyte${ending}`), images) }
  }

  const cases: [string, () => Promise<PipelineInput['dataset']>][] = [
    ['wrong-magic', () => pair('wrong-magic', { images: Buffer.concat([Buffer.from('PK'), imagesOf(12)]) })],
    ['compressed-by-name-only', () => pair('compressed-by-name-only', { ending: '.gz' })],
    [
      'compressed-without-the-name',
      () => pair('compressed-without-the-name', { images: gzipSync(imagesOf(12)) }),
    ],
    ['empty', () => pair('empty', { images: Buffer.alloc(0) })],
    ['cut-in-header', () => pair('cut-in-header', { images: imagesOf(12).subarray(0, 10) })],
    ['cut-images', () => pair('cut-images', { images: imagesOf(12).subarray(0, 16 + 15 * 7 + 3) })],
    ['cut-labels', () => pair('cut-labels', { labels: labelsOf(12).subarray(0, 8 + 5) })],
    [
      'cut-gzip',
      async () => {
        const random = Array.from({ length: 40 * 15 }, (_, i) => Math.imul(i + 1, 2654435761) >>> 24)
        const images = gzipSync(idx([40, height, width], random))
        return pair('cut-gzip', {
          ending: '.gz',
          images: images.subarray(0, images.length - 100),
          labels: gzipSync(labelsOf(40)),
        })
      },
    ],
    ['too-long', () => pair('too-long', { images: Buffer.concat([imagesOf(12), Buffer.alloc(15)]) })],
    ['count-mismatch', () => pair('count-mismatch', { labels: labelsOf(11) })],
    ['labels-as-images', () => pair('labels-as-images', { images: labelsOf(12) })],
    ['images-as-labels', () => pair('images-as-labels', { labels: imagesOf(12) })],
    ['floats', () => pair('floats', { images: idx([12, height, width], [], 0x0d) })],
    ['two-channels', () => pair('two-channels', { images: idx([2, 2, 2, 2], valuesOf(1)) })],
    [
      'no-labels',
      async () => ({ path: await writeBytes(at('no-labels/train-images-idx3-ubyte'), imagesOf(12)) }),
    ],
    ['label-beyond', async () => ({ ...(await pair('label-beyond', {})), classNames: ['a', 'b', 'c'] })],
    [
      'several-data-sets',
      async () => {
        for (const name of ['balanced', 'letters']) {
          await writeBytes(at(`several/emnist-${name}-train-images-idx3-ubyte`), imagesOf(12))
          await writeBytes(at(`several/emnist-${name}-train-labels-idx1-ubyte`), labelsOf(12))
        }
        return { path: at('several') }
      },
    ],
  ]
  test.each(cases)('%s', async (_, dataset) => {
    expect(await failure(await dataset())).toMatchSnapshot()
  })
})
