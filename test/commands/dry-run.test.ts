import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder, writeColumns } from '../dataset/data.js'
import { pieline } from './cli.js'

test('a dry run sees all classes of data that lie in the order of their classes', async () => {
  const folder = await temporaryFolder()
  const rows = Array.from({ length: 6000 }, (_, row) => row)
  const feature = { _type: 'ClassLabel', names: ['low', 'high'] }
  await writeColumns(
    join(folder, 'sorted.parquet'),
    { x: ['float', rows], label: ['integer', rows.map(row => (row < 5000 ? 0 : 1))] },
    { huggingface: JSON.stringify({ info: { features: { label: feature } } }) },
  )
  const text = 'name: sorted\ndataset: { path: sorted.parquet }\nmodel: { architecture: mlp }\n'
  await writeFile(join(folder, 'pieline.yaml'), text)
  const { code, stdout, stderr } = await pieline(folder, 'run', '--dry-run', '--json')
  expect(stderr).toBe('')
  expect(code).toBe(0)
  expect(JSON.parse(stdout).seconds).toBeGreaterThan(0)
})
