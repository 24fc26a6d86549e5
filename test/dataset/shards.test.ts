import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { detectData } from '../../src/dataset/detect.js'
import { failureOf, imageColumns, runIngest, temporaryFolder, writeColumns } from './data.js'

let folder: string
beforeAll(async () => {
  folder = await temporaryFolder()
})

/** A data set of Hugging Face: training and test data in several shards of one folder. */
async function writeShards(root: string, parts: Readonly<Record<string, number>>): Promise<string> {
  await mkdir(root, { recursive: true })
  const columns = await imageColumns(2)
  for (const [part, count] of Object.entries(parts)) {
    for (let shard = 0; shard < count; shard++) {
      const number = (value: number) => String(value).padStart(5, '0')
      await writeColumns(join(root, `${part}-${number(shard)}-of-${number(count)}.parquet`), columns)
    }
  }
  return root
}

describe('shards of both parts in a folder', () => {
  test('go to their own part', async () => {
    const path = await writeShards(join(folder, 'data'), { train: 3, validation: 1, test: 2 })
    const { examples } = await runIngest({ path, test: path })
    const files = (split: string) => [
      ...new Set(examples.filter(row => row.split === split).map(row => String(row.source).split('#')[0])),
    ]
    expect(files('train')).toEqual([0, 1, 2].map(shard => `data/train-0000${shard}-of-00003.parquet`))
    expect(files('test')).toEqual([0, 1].map(shard => `data/test-0000${shard}-of-00002.parquet`))
  })

  test('are not trained on where only the training data are asked for', async () => {
    const path = await writeShards(join(folder, 'alone'), { train: 1, test: 1 })
    expect((await runIngest({ path })).info).toMatchObject({ trainExamples: 4, testExamples: 0 })
  })

  test('are found by init', async () => {
    const root = join(folder, 'init')
    await writeShards(join(root, 'data'), { train: 2, test: 1 })
    const places = await detectData(root)
    expect((await runIngest(places)).info).toMatchObject({ trainExamples: 8, testExamples: 4 })
  })

  test('a folder without test data is no test data', async () => {
    const path = await writeShards(join(folder, 'train-only'), { train: 2 })
    expect(await failureOf({ path, test: path }, folder)).toMatchInlineSnapshot(`
      "exit 2: key "dataset.test": the folder train-only holds no test data
        Name the files, or another \`format\`."
    `)
  })
})
