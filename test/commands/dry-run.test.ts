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

test('--scale says what the share and what the whole would cost', async () => {
  const folder = await temporaryFolder()
  const rows = Array.from({ length: 1000 }, (_, row) => row)
  await writeColumns(join(folder, 'even.parquet'), {
    x: ['float', rows],
    label: ['integer', rows.map(row => row % 2)],
  })
  const text =
    'name: even\ndataset: { path: even.parquet }\nmodel: { architecture: mlp }\npopulation: { seeds: 10 }\n'
  await writeFile(join(folder, 'pieline.yaml'), text)
  const { code, stdout } = await pieline(folder, 'run', '--dry-run', '--json', '--scale', '0.0625')
  expect(code).toBe(0)
  const { seconds, memoryBytes, unscaled } = JSON.parse(stdout)
  expect(unscaled.seconds).toBeGreaterThan(seconds)
  expect(unscaled.memoryBytes).toBeGreaterThan(memoryBytes)
})
