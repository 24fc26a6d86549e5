import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { detectData, guessColumns } from '../../src/dataset/detect.js'
import { fingerprint } from '../../src/dataset/fingerprint.js'
import { openReader } from '../../src/dataset/open.js'
import { openOriginal } from '../../src/dataset/original.js'
import { type PipelineInput, pipelineSchema } from '../../src/pipeline/config.js'
import { openTable, writeTable } from '../../src/pipeline/files.js'
import { failureOf, type Ingested, rowsOf, runIngest, temporaryFolder, writeBytes } from './data.js'

let folder: string
beforeAll(async () => {
  folder = await temporaryFolder()
})

const at = (name: string) => join(folder, name)
const configOf = (dataset: PipelineInput['dataset']) => pipelineSchema.parse({ name: 'x', dataset }).dataset

const names10 = 'airplane automobile bird cat deer dog frog horse ship truck'.split(' ')

/** Red, green and blue at pixel 0 … 1023 of the image drawn from a seed. */
const pixel = (seed: number, position: number): [number, number, number] => [
  (seed * 7 + position) % 256,
  (seed * 11 + position * 3) % 256,
  (seed * 13 + position * 5) % 256,
]

/** A record as the data set's page gives it: the label bytes, then all of red, of green, of blue. */
function record(labels: readonly number[], seed: number): Uint8Array {
  const bytes = new Uint8Array(labels.length + 3072)
  bytes.set(labels)
  for (let position = 0; position < 1024; position++) {
    for (const [channel, value] of pixel(seed, position).entries()) {
      bytes[labels.length + channel * 1024 + position] = value
    }
  }
  return bytes
}

const pixels = (seed: number): Uint8Array =>
  Uint8Array.from(Array.from({ length: 1024 }, (_, position) => pixel(seed, position)).flat())

/** Two training batches of ten images, one a class, and a test batch. */
async function writeCifar10(root: string): Promise<string> {
  for (const [batch, name] of ['data_batch_1', 'data_batch_2', 'test_batch'].entries()) {
    const records = names10.map((_, index) => record([(index * 3 + batch) % 10], batch * 10 + index))
    await writeBytes(join(root, `${name}.bin`), Buffer.concat(records))
  }
  await writeBytes(join(root, 'batches.meta.txt'), `${names10.join('\n')}\n\n`)
  await writeBytes(join(root, 'readme.html'), '<html>')
  return root
}

/** A hundred fine classes, five to a coarse one, in another order than the coarse ones. */
async function writeCifar100(root: string, images = 100): Promise<string> {
  const records = Array.from({ length: images }, (_, index) => record([index % 20, index % 100], index))
  await writeBytes(join(root, 'train.bin'), Buffer.concat(records))
  await writeBytes(join(root, 'test.bin'), Buffer.concat(records.slice(0, 7)))
  const named = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, index) => `${prefix}_${index}`).join('\n')
  await writeBytes(join(root, 'fine_label_names.txt'), named('fine', 100))
  await writeBytes(join(root, 'coarse_label_names.txt'), named('coarse', 20))
  return root
}

describe('CIFAR-10', () => {
  test('pixels, labels and class names of both parts, from the folder alone', async () => {
    const path = await writeCifar10(at('cifar-10-batches-bin'))
    const { info, examples, inputs, shape } = await runIngest({ path, test: path })
    expect(info).toMatchObject({
      classNames: names10,
      trainExamples: 20,
      testExamples: 10,
      source: { format: 'cifar', columns: ['image', 'label'] },
    })
    expect(shape).toEqual([30, 32, 32, 3])
    for (const row of [0, 13, 29]) expect(inputs.subarray(row * 3072, (row + 1) * 3072)).toEqual(pixels(row))
    expect(examples.map(row => row.label)).toEqual(
      Array.from({ length: 30 }, (_, row) => ((row % 10) * 3 + Math.floor(row / 10)) % 10),
    )
    expect(examples[13]).toMatchObject({
      split: 'train',
      source: 'cifar-10-batches-bin/data_batch_2.bin#3',
      source_row: 13,
      label_name: 'airplane',
    })
  })

  test('the images of the tables are PNGs of the same pixels', async () => {
    const { examples } = await runIngest({ path: await writeCifar10(at('png')) })
    const { bytes, path } = examples[4].image as { bytes: Uint8Array; path: string | null }
    expect(path).toBeNull()
    expect(new Uint8Array(await sharp(bytes).raw().toBuffer())).toEqual(pixels(4))
  })

  test('ids follow the pixels, wherever the image stands', async () => {
    const path = await writeCifar10(at('ids'))
    const swapped = at('ids-swapped')
    for (const [from, to] of [
      ['data_batch_1.bin', 'data_batch_2.bin'],
      ['data_batch_2.bin', 'data_batch_1.bin'],
    ]) {
      await writeBytes(join(swapped, to), await readFile(join(path, from)))
    }
    const idsOf = ({ examples }: Ingested) => examples.map(row => row.example_id)
    const ids = idsOf(await runIngest({ path }))
    expect(idsOf(await runIngest({ path: swapped }))).toEqual([...ids.slice(10), ...ids.slice(0, 10)])
  })

  test('a glob of batches', async () => {
    const path = await writeCifar10(at('glob'))
    const { info } = await runIngest({ path: join(path, 'data_batch_*.bin') })
    expect(info).toMatchObject({ classNames: names10, trainExamples: 20 })
  })

  test('the split files are Hugging Face tables, with the new label', async () => {
    const dataset = { path: await writeCifar10(at('splits')) }
    const { info } = await runIngest(dataset)
    const original = await openOriginal(configOf(dataset), info)
    const path = at('relabeled.parquet')
    await writeTable(
      path,
      original.schema,
      (async function* () {
        for await (const batch of original.rows('train')) {
          yield original.relabel(
            batch,
            Int32Array.from({ length: batch.numRows }, () => 9),
          )
        }
      })(),
    )
    const rows = await rowsOf(openTable(path))
    expect(rows.map(row => row.label)).toEqual(Array(20).fill(9n))
    // `datasets` disregards the types of other fields.
    expect(original.schema.fields.map(({ nullable }) => nullable)).toEqual([true, true])
    const { features } = JSON.parse(original.schema.metadata.get('huggingface')!).info
    expect(features).toEqual({ image: { _type: 'Image' }, label: { names: names10, _type: 'ClassLabel' } })
    const { bytes } = rows[11].image as { bytes: Uint8Array }
    expect(new Uint8Array(await sharp(bytes).raw().toBuffer())).toEqual(pixels(11))
    // They can be read in place of the source.
    expect((await (await openReader(configOf({ path }), 'train')).describe()).columns[1].classNames).toEqual(
      names10,
    )
  })

  test('init finds both parts and the label', async () => {
    const path = await writeCifar10(at('init'))
    const places = await detectData(path)
    expect(places).toEqual({ path, test: path })
    const description = await (await openReader(configOf(places), 'train')).describe()
    expect(description).toMatchObject({ format: 'cifar', rows: 20 })
    expect(guessColumns(description).label).toBe('label')
    expect(await detectData(join(path, 'data_batch_1.bin'))).toEqual({
      path: join(path, 'data_batch_1.bin'),
      test: join(path, 'test_batch.bin'),
    })
  })

  test('the fingerprint is that of all batches and of the class names', async () => {
    const path = await writeCifar10(at('print'))
    const before = await fingerprint(configOf({ path }))
    expect(await fingerprint(configOf({ path: await writeCifar10(at('elsewhere/print')) }))).toBe(before)
    await writeBytes(join(path, 'batches.meta.txt'), names10.with(0, 'plane').join('\n'))
    expect(await fingerprint(configOf({ path }))).not.toBe(before)
  })
})

describe('CIFAR-100', () => {
  test('fine labels, coarse ones as subgroups', async () => {
    const path = await writeCifar100(at('cifar-100-binary'), 200)
    const dataset = { path, test: path, label: 'fine_label', groups: ['coarse_label'] }
    const { info, examples, inputs } = await runIngest(dataset)
    expect(info).toMatchObject({ trainExamples: 200, testExamples: 7 })
    expect(examples[123]).toMatchObject({ label_name: 'fine_23', group_coarse_label: 'coarse_3' })
    expect(inputs.subarray(123 * 3072, 124 * 3072)).toEqual(pixels(123))
  })

  test('coarse labels', async () => {
    const { info } = await runIngest({ path: await writeCifar100(at('coarse')), label: 'coarse_label' })
    expect(info.classNames).toHaveLength(20)
  })

  test('init takes the fine label', async () => {
    const places = await detectData(await writeCifar100(at('init-100')))
    const description = await (await openReader(configOf(places), 'train')).describe()
    expect(guessColumns(description).label).toBe('fine_label')
  })
})

describe('bad files', () => {
  const failure = (dataset: PipelineInput['dataset']) => failureOf(dataset, folder)

  test('cut off', async () => {
    const path = await writeCifar10(at('cut'))
    const batch = Buffer.concat(names10.map((_, label) => record([label], label)))
    await writeBytes(join(path, 'data_batch_2.bin'), batch.subarray(0, 3073 * 4 + 1000))
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: cut/data_batch_2.bin, row 4: the file is cut off, or not of CIFAR-10’s binary layout: 13292 bytes are 4 records of 3073 bytes and 1000 more
        Fetch the file again, or set another \`dataset.format\`."
    `)
  })

  test('a label beyond the classes', async () => {
    const path = await writeCifar10(at('beyond'))
    await writeBytes(join(path, 'data_batch_2.bin'), Buffer.concat([record([4], 1), record([10], 2)]))
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: beyond/data_batch_2.bin, row 1, key "label": the label 10 is beyond 9, the last of 10 classes
        Is this a file of CIFAR-10’s binary layout, with 3073 bytes a record?"
    `)
  })

  test('CIFAR-100 under the name of CIFAR-10', async () => {
    const path = await writeCifar100(at('mistaken'))
    const mistaken = join(path, 'data_batch_1.bin')
    await writeBytes(mistaken, Buffer.concat([record([1, 2], 1), record([3, 4], 2)]))
    expect(await failure({ path: mistaken })).toMatchInlineSnapshot(`
      "exit 3: mistaken/data_batch_1.bin, row 2: the file is cut off, or not of CIFAR-10’s binary layout: 6148 bytes are 2 records of 3073 bytes and 2 more
        Fetch the file again, or set another \`dataset.format\`."
    `)
  })

  test('a class named twice', async () => {
    const path = await writeCifar10(at('twice'))
    await writeBytes(join(path, 'batches.meta.txt'), [...names10, 'cat'].join('\n'))
    expect(await failure({ path })).toMatchInlineSnapshot(
      `
      "exit 3: twice/batches.meta.txt: the class "cat" is named twice
        Fetch the file again: every class has a name of its own."
    `,
    )
  })

  test('no test batch where one is asked for', async () => {
    const path = at('no-test')
    await writeBytes(join(path, 'data_batch_1.bin'), Buffer.concat([record([1], 1), record([2], 2)]))
    expect(await failure({ path, test: path })).toMatchInlineSnapshot(`
      "exit 2: key "dataset.test": the folder no-test holds no test data
        Name the files, or another \`format\`."
    `)
  })
})
