import { join } from 'node:path'
import { expect, test } from 'vitest'
import { datasetFindings } from '../../src/dataset/findings.js'
import { planIngest } from '../../src/dataset/plan.js'
import { resolvePipeline } from '../../src/pipeline/load.js'
import { png, temporaryFolder, writeBytes, writeColumns } from './data.js'

async function findingsOf(dataset: { path: string; test?: string; label?: string }) {
  const { dataset: config } = resolvePipeline({ name: 'found', dataset: { label: 'label', ...dataset } }, '.')
  const plan = await planIngest(
    { ...config, onBadExample: 'skip' },
    { crossFit: 0, seed: 0, signal: new AbortController().signal, start() {}, advance() {}, log() {} },
  )
  return datasetFindings(plan)
}

test('finds sizes, copies and what cannot be used in a folder of images', async () => {
  const folder = await temporaryFolder()
  const images: Record<string, Buffer> = {
    'cat/1.png': await png([10]),
    'cat/2.png': await png([20], { width: 6, height: 3 }),
    'cat/copy of 1.png': await png([10]),
    'dog/1.png': await png([30]),
    // The same picture as a cat's.
    'dog/2.png': await png([20], { width: 6, height: 3 }),
    'dog/bad.png': Buffer.from('no picture'),
  }
  for (const [name, bytes] of Object.entries(images)) await writeBytes(join(folder, name), bytes)
  expect(await findingsOf({ path: folder })).toEqual({
    train: 5,
    test: 0,
    classes: [
      { name: 'cat', examples: 3 },
      { name: 'dog', examples: 2 },
    ],
    sizes: [
      { height: 4, width: 4, examples: 3 },
      { height: 3, width: 6, examples: 2 },
    ],
    unusable: [expect.stringMatching(/^.*dog\/bad\.png: this is no image/)],
    copies: { examples: 2, conflicting: 2, acrossParts: 0 },
    alike: [],
  })
})

test('finds test examples among the training ones, and names that are almost the same', async () => {
  const folder = await temporaryFolder()
  const path = await writeColumns(join(folder, 'train.parquet'), {
    x: ['float', [1, 2, 3, 4, 5, 6]],
    label: ['text', ['Cat', 'cat ', 'dog', 'dog', '+', '-']],
  })
  const held = await writeColumns(join(folder, 'test.parquet'), {
    x: ['float', [3, 4, 7, 8, 9]],
    label: ['text', ['dog', 'Cat', 'dog', null, 'Cat']],
  })
  const found = await findingsOf({ path, test: held })
  expect(found).toMatchObject({
    train: 6,
    test: 4,
    sizes: [],
    copies: { examples: 2, conflicting: 2, acrossParts: 2 },
    alike: [['Cat', 'cat ']],
  })
  expect(found.unusable).toEqual([expect.stringContaining('row 3: the label is missing')])
})
