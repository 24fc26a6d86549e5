import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { detectData, guessColumns } from '../../src/dataset/detect.js'
import { fingerprint } from '../../src/dataset/fingerprint.js'
import { openReader } from '../../src/dataset/open.js'
import { openOriginal } from '../../src/dataset/original.js'
import { type PipelineInput, pipelineSchema } from '../../src/pipeline/config.js'
import { openTable, writeTable } from '../../src/pipeline/files.js'
import { failureOf, png, rowsOf, runIngest, temporaryFolder, writeBytes } from './data.js'

let folder: string
beforeAll(async () => {
  folder = await temporaryFolder()
})

const at = (name: string) => join(folder, name)
const configOf = (dataset: PipelineInput['dataset']) => pipelineSchema.parse({ name: 'x', dataset }).dataset

const attributes = ['5_o_Clock_Shadow', 'Male', 'Smiling']
/** Six images of the training data, one of the validation data, two of the test data. */
const parts = [0, 0, 0, 0, 0, 0, 1, 2, 2]
const nameOf = (row: number) => `${String(row + 1).padStart(6, '0')}.jpg`
/** −1 and 1 as the bits of the row. */
const valuesOf = (row: number) => attributes.map((_, index) => ((row >> index) & 1) * 2 - 1)

const lists = {
  txt: {
    attributes: [
      String(parts.length),
      `${attributes.join(' ')} `,
      ...parts.map(
        (_, row) =>
          `${nameOf(row)} ${valuesOf(row)
            .map(value => String(value).padStart(2))
            .join(' ')}`,
      ),
    ],
    partition: parts.map((part, row) => `${nameOf(row)} ${part}`),
  },
  csv: {
    attributes: [
      ['image_id', ...attributes].join(','),
      ...parts.map((_, row) => [nameOf(row), ...valuesOf(row)].join(',')),
    ],
    partition: ['image_id,partition', ...parts.map((part, row) => `${nameOf(row)},${part}`)],
  },
}

/** The data set as it is published, or as Kaggle has it. */
async function writeCelebA(name: string, kind: 'txt' | 'csv' = 'txt'): Promise<string> {
  const root = at(name)
  await writeBytes(join(root, `list_attr_celeba.${kind}`), `${lists[kind].attributes.join('\r\n')}\r\n`)
  await writeBytes(join(root, `list_eval_partition.${kind}`), `${lists[kind].partition.join('\n')}\n`)
  const images = join(root, kind === 'txt' ? 'img_align_celeba' : 'img_align_celeba/img_align_celeba')
  for (const row of parts.keys())
    await writeBytes(join(images, nameOf(row)), await png([row, 2 * row, 3 * row]))
  return root
}

describe.each(['txt', 'csv'] as const)('lists as %s', kind => {
  test('an attribute as label, others as subgroups, of the images of each part', async () => {
    const path = await writeCelebA(`celeba-${kind}`, kind)
    const { info, examples, inputs } = await runIngest({
      path,
      test: path,
      label: 'Male',
      groups: ['Smiling', '5_o_Clock_Shadow'],
    })
    expect(info).toMatchObject({
      classNames: ['not Male', 'Male'],
      trainExamples: 6,
      testExamples: 2,
      ids: 'path',
      source: { format: 'celeba', columns: ['image', ...attributes] },
    })
    expect(examples.map(row => row.example_id)).toEqual([0, 1, 2, 3, 4, 5, 7, 8].map(nameOf))
    expect(examples.map(row => row.label)).toEqual([0, 0, 1, 1, 0, 0, 1, 0])
    expect(examples.map(row => row.group_Smiling)).toEqual(
      [0, 0, 0, 0, 1, 1, 1, 0].map(value => (value === 1 ? 'Smiling' : 'not Smiling')),
    )
    expect(examples[1].group_5_o_Clock_Shadow).toBe('5_o_Clock_Shadow')
    expect(examples[6].source).toBe(`celeba-${kind}/list_attr_celeba.${kind}#7`)
    expect([...inputs.subarray(7 * 48, 7 * 48 + 3)]).toEqual([8, 16, 24])
  })
})

test('without the list of parts everything is training data', async () => {
  const path = await writeCelebA('undivided')
  await rm(join(path, 'list_eval_partition.txt'))
  expect((await runIngest({ path, label: 'Smiling' })).info.trainExamples).toBe(9)
  expect(await detectData(path)).toEqual({ path })
})

test('init finds both parts and asks for the attribute', async () => {
  const path = await writeCelebA('init')
  const places = await detectData(path)
  expect(places).toEqual({ path, test: path })
  const description = await (await openReader(configOf(places), 'train')).describe()
  expect(description).toMatchObject({ format: 'celeba', rows: 6 })
  expect(guessColumns(description).label).toBeUndefined()
})

test('the split files hold images and all attributes as classes', async () => {
  const dataset = { path: await writeCelebA('splits'), label: 'Male' }
  const { info } = await runIngest(dataset)
  const original = await openOriginal(configOf(dataset), info)
  // `datasets` disregards Hugging Face's types of other fields.
  expect(original.schema.fields.every(({ nullable }) => nullable)).toBe(true)
  const table = at('splits.parquet')
  await writeTable(
    table,
    original.schema,
    (async function* () {
      for await (const batch of original.rows('train')) {
        yield original.relabel(
          batch,
          Int32Array.from({ length: batch.numRows }, (_, row) => (row === 0 ? 1 : -1)),
        )
      }
    })(),
  )
  const rows = await rowsOf(openTable(table))
  expect(rows.map(row => row.Male)).toEqual([1n, 0n, 1n, 1n, 0n, 0n])
  expect(rows.map(row => row.Smiling)).toEqual([0n, 0n, 0n, 0n, 1n, 1n])
  expect((rows[2].image as { path: string }).path).toBe(nameOf(2))
  expect((await runIngest({ path: table, label: 'Male' })).info.classNames).toEqual(['not Male', 'Male'])
})

test('the fingerprint is that of the lists and of the images', async () => {
  const path = await writeCelebA('print')
  const config = configOf({ path, label: 'Male' })
  const prints = new Set([await fingerprint(config)])
  await writeBytes(join(path, 'img_align_celeba', nameOf(2)), await png([9, 9, 9]))
  prints.add(await fingerprint(config))
  await writeBytes(
    join(path, 'list_eval_partition.txt'),
    lists.txt.partition.with(0, `${nameOf(0)} 1`).join('\n'),
  )
  prints.add(await fingerprint(config))
  expect(prints.size).toBe(3)
})

describe('bad files', () => {
  const failure = (dataset: PipelineInput['dataset']) => failureOf({ label: 'Male', ...dataset }, folder)

  /** The data set with the lines of one list changed. */
  async function changed(
    name: string,
    list: 'attributes' | 'partition',
    change: (lines: string[]) => string[],
  ) {
    const path = await writeCelebA(name)
    const file = list === 'attributes' ? 'list_attr_celeba.txt' : 'list_eval_partition.txt'
    await writeBytes(join(path, file), change([...lists.txt[list]]).join('\n'))
    return { path }
  }

  const cases: [string, () => Promise<PipelineInput['dataset']>][] = [
    ['cut-between-rows', () => changed('cut-between-rows', 'attributes', lines => lines.slice(0, 8))],
    [
      'cut-in-a-row',
      () => changed('cut-in-a-row', 'attributes', lines => [...lines.slice(0, -1), `${nameOf(8)} -1`]),
    ],
    ['no-count', () => changed('no-count', 'attributes', lines => lines.slice(1))],
    ['beyond', () => changed('beyond', 'attributes', lines => lines.with(4, `${nameOf(2)} -1 0 1`))],
    ['no-part', () => changed('no-part', 'partition', lines => lines.with(3, `${nameOf(3)} 3`))],
    ['cut-partition', () => changed('cut-partition', 'partition', lines => lines.slice(0, 5))],
    ['other-names', () => changed('other-names', 'partition', lines => lines.with(3, 'x.jpg 0'))],
    ['no-attribute', async () => ({ path: await writeCelebA('no-attribute'), label: 'Smilling' })],
    [
      'no-image',
      async () => {
        const path = await writeCelebA('no-image')
        await rm(join(path, 'img_align_celeba', nameOf(4)))
        return { path }
      },
    ],
    [
      'no-images',
      async () => {
        const path = await writeCelebA('no-images')
        await rm(join(path, 'img_align_celeba'), { recursive: true })
        await mkdir(join(path, 'img_celeba'))
        return { path }
      },
    ],
    [
      'no-test-data',
      async () => {
        const path = await writeCelebA('no-test-data')
        await rm(join(path, 'list_eval_partition.txt'))
        return { path, test: join(path, 'list_attr_celeba.txt') }
      },
    ],
  ]
  test.each(cases)('%s', async (_, dataset) => {
    expect(await failure(await dataset())).toMatchSnapshot()
  })
})
