import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { detectData, guessColumns } from '../../src/dataset/detect.js'
import { fingerprint } from '../../src/dataset/fingerprint.js'
import { openReader } from '../../src/dataset/open.js'
import { openOriginal } from '../../src/dataset/original.js'
import { type PipelineInput, pipelineSchema } from '../../src/pipeline/config.js'
import { openTable, writeTable } from '../../src/pipeline/files.js'
import { failureOf, rowsOf, runIngest, temporaryFolder, writeBytes } from './data.js'

let folder: string
beforeAll(async () => {
  folder = await temporaryFolder()
})

const at = (name: string) => join(folder, name)
const configOf = (dataset: PipelineInput['dataset']) => pipelineSchema.parse({ name: 'x', dataset }).dataset

type Values = Uint8Array | Int8Array | Int32Array | Uint32Array | BigInt64Array | Float32Array | Float64Array

/** An array file as NumPy writes it: version 1.0, the header padded to 64 bytes. */
function npy(description: string, shape: readonly number[], values: Values, order = 'False'): Buffer {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '${description}', 'fortran_order': ${order}, 'shape': (${tuple}), }`
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10
  const header = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, length & 255, length >> 8])
  return Buffer.concat([
    header,
    Buffer.from(`${text.padEnd(length - 1)}\n`),
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  ])
}

const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 7) % 256)
const cycle = (length: number, classes: number) => Array.from({ length }, (_, i) => i % classes)
const int64 = (values: readonly number[]) =>
  npy(
    '<i8',
    [values.length],
    BigInt64Array.from(values, value => BigInt(value)),
  )

const labels8 = int64(cycle(8, 4))

describe('images', () => {
  test.each([
    ['grey', [8, 3, 5], [8, 3, 5, 1]],
    ['one channel', [8, 4, 5, 1], [8, 4, 5, 1]],
    ['one channel first', [8, 1, 4, 5], [8, 4, 5, 1]],
    ['colour', [8, 4, 5, 3], [8, 4, 5, 3]],
  ])('%s', async (name, shape, expected) => {
    const values = bytes(shape.reduce((product, size) => product * size, 1))
    const path = await writeBytes(at(`${name}/x.npy`), npy('|u1', shape, values))
    await writeBytes(at(`${name}/y.npy`), labels8)
    const run = await runIngest({ path })
    expect(run.shape).toEqual(expected)
    expect([...run.inputs]).toEqual([...values])
    expect(run.examples.map(row => row.label)).toEqual(cycle(8, 4))
    expect(run.examples[5].source).toBe('x.npy#5')
  })

  test('channels before pixels are the same images, with the same ids', async () => {
    const values = bytes(8 * 4 * 5 * 3)
    const planar = new Uint8Array(values.length)
    for (const [index, value] of values.entries()) {
      const [image, pixel, channel] = [Math.floor(index / 60), Math.floor((index % 60) / 3), index % 3]
      planar[image * 60 + channel * 20 + pixel] = value
    }
    const last = await writeBytes(at('order/last_images.npy'), npy('|u1', [8, 4, 5, 3], values))
    const first = await writeBytes(at('order/first_images.npy'), npy('|u1', [8, 3, 4, 5], planar))
    for (const name of ['last', 'first']) await writeBytes(at(`order/${name}_labels.npy`), labels8)
    const runs = [await runIngest({ path: last }), await runIngest({ path: first })]
    expect([...runs[1].inputs]).toEqual([...values])
    expect(runs[1].examples.map(row => row.example_id)).toEqual(runs[0].examples.map(row => row.example_id))
  })
})

describe('features', () => {
  test.each([
    ['<f4', Float32Array.from(bytes(24), value => value / 8)],
    ['<f8', Float64Array.from(bytes(24), value => value / 8)],
    ['<i4', Int32Array.from(bytes(24), value => value - 100)],
    ['|i1', Int8Array.from(bytes(24), value => value - 100)],
    ['|u1', bytes(24)],
  ] as const)('%s', async (description, values) => {
    const name = description.slice(1)
    const path = await writeBytes(at(`features/${name}_features.npy`), npy(description, [8, 3], values))
    await writeBytes(at(`features/${name}_labels.npy`), labels8)
    const { shape, inputs, info } = await runIngest({ path })
    expect(shape).toEqual([8, 3])
    expect(inputs).toEqual(Float32Array.from(values))
    expect(info.featureNames).toEqual(['features[0]', 'features[1]', 'features[2]'])
  })
})

describe('labels', () => {
  const inputs = npy('<f4', [8, 3], new Float32Array(24))

  test.each<[string, Buffer, unknown[]]>([
    ['a column', npy('<i4', [8, 1], Int32Array.from(cycle(8, 2))), [0, 1]],
    [
      'whole floats',
      npy(
        '<f8',
        [8],
        Float64Array.from(cycle(8, 2), value => value + 3),
      ),
      [3, 4],
    ],
    ['truth values', npy('|b1', [8], Uint8Array.from(cycle(8, 2))), [0, 1]],
    [
      'text',
      npy(
        '<U3',
        [8],
        Uint32Array.from(
          ['ant', 'é', 'ant', 'é', 'ant', 'é', 'ant', 'é'].flatMap(text =>
            [0, 1, 2].map(i => text.codePointAt(i) ?? 0),
          ),
        ),
      ),
      ['ant', 'é'],
    ],
  ])('%s', async (name, labels, classLabels) => {
    const path = await writeBytes(at(`labels ${name}/X.npy`), inputs)
    await writeBytes(at(`labels ${name}/y.npy`), labels)
    const { info, examples } = await runIngest({ path })
    expect(info.classLabels).toEqual(classLabels)
    expect(examples.map(row => row.label)).toEqual(cycle(8, 2))
  })

  test.each([
    ['x_train.npy', 'y_train.npy'],
    ['X_train.npy', 'y_train.npy'],
    ['train_images.npy', 'train_labels.npy'],
    ['train-data.npy', 'train-targets.npy'],
    ['embeddings.npy', 'embeddings_labels.npy'],
    ['fog.npy', 'labels.npy'],
  ])('are found by name: %s and %s', async (input, label) => {
    const root = at(`named ${input}`)
    await writeBytes(join(root, input), inputs)
    await writeBytes(join(root, label), labels8)
    for (const path of [root, join(root, input)]) {
      expect((await runIngest({ path })).examples.map(row => row.label)).toEqual(cycle(8, 4))
    }
  })

  test('lie where the pipeline says, for each part', async () => {
    const path = await writeBytes(at('apart/inputs.npy'), inputs)
    const test = await writeBytes(at('apart/held-out.npy'), inputs)
    const labels = await writeBytes(at('apart/other/a.npy'), int64(cycle(8, 2)))
    const testLabels = await writeBytes(at('apart/other/b.npy'), int64(Array(8).fill(1)))
    const { examples } = await runIngest({ path, test, labels, testLabels })
    expect(examples.map(row => row.label)).toEqual([...cycle(8, 2), ...Array(8).fill(1)])
    const print = await fingerprint(configOf({ path, labels }))
    await writeBytes(labels, int64(cycle(8, 3)))
    expect(await fingerprint(configOf({ path, labels }))).not.toBe(print)
  })
})

test('both parts from a folder, which init finds', async () => {
  const path = at('parts')
  for (const [part, rows] of [
    ['train', 8],
    ['test', 4],
  ] as const) {
    await writeBytes(join(path, `x_${part}.npy`), npy('|u1', [rows, 3, 5], bytes(rows * 15)))
    await writeBytes(join(path, `y_${part}.npy`), int64(cycle(rows, 4)))
  }
  const places = await detectData(path)
  expect(places).toEqual({ path, test: path })
  const description = await (await openReader(configOf(places), 'train')).describe()
  expect(description).toMatchObject({ format: 'npy', rows: 8 })
  expect(guessColumns(description).label).toBe('label')
  expect((await runIngest(places)).info).toMatchObject({ trainExamples: 8, testExamples: 4 })
})

test('one pair of arrays is not both parts', async () => {
  const path = at('one pair')
  await writeBytes(join(path, 'x.npy'), npy('|u1', [8, 3, 5], bytes(120)))
  await writeBytes(join(path, 'y.npy'), labels8)
  await expect(openReader(configOf({ path, test: path }), 'test')).rejects.toMatchObject({
    key: 'dataset.test',
    message: `the test data of ${path} are its training data: x.npy`,
    mend: expect.stringContaining('dataset.testShare'),
  })
})

test('split files hold the features and the new labels', async () => {
  const values = Float64Array.from(bytes(24), value => value / 8)
  const path = await writeBytes(at('original/x.npy'), npy('<f8', [8, 3], values))
  await writeBytes(at('original/y.npy'), labels8)
  const { info } = await runIngest({ path })
  const original = await openOriginal(configOf({ path }), info)
  const table = at('original.parquet')
  await writeTable(
    table,
    original.schema,
    (async function* () {
      for await (const batch of original.rows('train')) {
        yield original.relabel(
          batch,
          Int32Array.from({ length: batch.numRows }, (_, row) => (row === 2 ? 0 : -1)),
        )
      }
    })(),
  )
  const rows = await rowsOf(openTable(table))
  expect(rows.map(row => row.label)).toEqual([0n, 1n, 0n, 3n, 0n, 1n, 2n, 3n])
  expect([...(rows[3].features as Iterable<number>)]).toEqual([...values.subarray(9, 12)])
})

describe('bad files', () => {
  const failure = (dataset: PipelineInput['dataset']) => failureOf(dataset, folder)
  const images = npy('|u1', [8, 3, 5], bytes(120))

  async function pair(name: string, x: Uint8Array, y: Uint8Array = labels8) {
    await writeBytes(at(`${name}/y.npy`), y)
    return { path: await writeBytes(at(`${name}/x.npy`), x) }
  }

  const cases: [string, () => Promise<PipelineInput['dataset']>][] = [
    ['no-array', () => pair('no-array', Buffer.from('PK and so on'))],
    ['cut-off', () => pair('cut-off', images.subarray(0, images.length - 20))],
    ['cut-labels', () => pair('cut-labels', images, labels8.subarray(0, labels8.length - 12))],
    ['count-mismatch', () => pair('count-mismatch', images, int64(cycle(9, 4)))],
    ['one-hot', () => pair('one-hot', images, npy('|u1', [8, 4], new Uint8Array(32)))],
    ['fortran', () => pair('fortran', npy('<f4', [8, 3], new Float32Array(24), 'True'))],
    ['big-endian', () => pair('big-endian', npy('>f4', [8, 3], new Float32Array(24)))],
    ['objects', () => pair('objects', images, npy('|O', [8], new Uint8Array(64)))],
    ['float-images', () => pair('float-images', npy('<f4', [8, 3, 5], new Float32Array(120)))],
    ['four-channels', () => pair('four-channels', npy('|u1', [8, 2, 2, 4], new Uint8Array(128)))],
    ['either-channel', () => pair('either-channel', npy('|u1', [8, 3, 2, 3], new Uint8Array(144)))],
    [
      'fractions',
      () =>
        pair(
          'fractions',
          images,
          npy(
            '<f8',
            [8],
            Float64Array.from(cycle(8, 4), value => value / 2),
          ),
        ),
    ],
    ['beyond', async () => ({ ...(await pair('beyond', images)), classNames: ['a', 'b', 'c'] })],
    [
      'missing-feature',
      () => pair('missing-feature', npy('<f4', [8, 1], Float32Array.of(1, 2, 3, Number.NaN, 5, 6, 7, 8))),
    ],
    ['no-labels', async () => ({ path: await writeBytes(at('no-labels/z.npy'), images) })],
    [
      'labels-elsewhere',
      async () => ({ ...(await pair('labels-elsewhere', images)), labels: at('none.npy') }),
    ],
    [
      'several-data-sets',
      async () => {
        for (const name of ['fog', 'frost', 'labels']) {
          await writeBytes(at(`several/${name}.npy`), name === 'labels' ? labels8 : images)
        }
        return { path: at('several') }
      },
    ],
    [
      'labels-of-a-table',
      async () => ({
        path: await writeBytes(at('table.csv'), 'x,label\n1,a\n2,b\n3,a\n4,b\n'),
        labels: at('no-array/y.npy'),
      }),
    ],
  ]
  test.each(cases)('%s', async (_, dataset) => {
    expect(await failure(await dataset())).toMatchSnapshot()
  })

  test('of a header that lies', async () => {
    const { path } = await pair('lies', images)
    const lying = Buffer.from(
      (await readFile(path)).toString('latin1').replace('(8, 3, 5)', '(9, 3, 5)'),
      'latin1',
    )
    await writeBytes(path, lying)
    expect(await failure({ path })).toContain('row 8: the file is 248 bytes long, its header says 263')
  })
})
