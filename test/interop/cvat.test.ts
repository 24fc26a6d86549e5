import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readDatasetInfo } from '../../src/dataset/info.js'
import { cvatDecisions, exportCvat } from '../../src/interop/cvat.js'
import { temporaryFolder } from '../dataset/data.js'
import { writeRun } from '../review/run-fixture.js'

const classNames = ['A & "a"', '<B>', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J']

async function exported() {
  const folder = await temporaryFolder()
  const run = await writeRun(folder, { suspects: 12, classNames, neighbors: 0 })
  const output = join(folder, 'cvat')
  await mkdir(output)
  const info = await readDatasetInfo(join(run.folder, 'dataset.json'))
  expect(await exportCvat(run.folder, info, output)).toBe(12)
  const path = join(output, 'annotations.xml')
  return { run, output, path, xml: await readFile(path, 'utf8') }
}

test('images are named by rank, and what nobody touched decides nothing', async () => {
  const { run, output, path } = await exported()
  expect(await readdir(join(output, 'images'))).toEqual(
    Array.from({ length: 12 }, (_, i) => `${String(i + 1).padStart(6, '0')}.png`),
  )
  const labels = JSON.parse(await readFile(join(output, 'labels.json'), 'utf8'))
  expect(labels.map(({ name }: { name: string }) => name)).toEqual(classNames)
  expect(await cvatDecisions(run.folder, path)).toEqual([])
})

test('another tag is a new label, and no tag is unsure', async () => {
  const { run, path, xml } = await exported()
  const given = (row: number) => classNames[run.given[row]!]!
  const other = given(0) === 'C' ? 'D' : 'C'
  // As CVAT writes it: with meta data, images in folders, and apostrophes and attributes in any order.
  const images = xml.split('  <image ').slice(1)
  const changed = [
    '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n',
    '  <meta><task><name>letters</name></task><dumped>2026-11-25 01:02:03.000000+00:00</dumped></meta>\n',
    `  <image name="suspects/000001.png" id="0" width='28' height='28'><tag source="manual" label="${other}"></tag></image>\n`,
    '  <image id="1" name="000002.png" width="28" height="28"/>\n',
    ...images.slice(2).map(image => `  <image ${image}`),
  ]
  await writeFile(path, changed.join(''))
  const common = { reviewer: 'CVAT', time: '2026-11-25T01:02:03.000Z', note: 'annotations.xml' }
  expect(await cvatDecisions(run.folder, path)).toEqual([
    {
      ...common,
      id: 'cvat-1',
      example_id: run.ids[0],
      given: given(0),
      action: 'relabel',
      label: other,
      kind: 'mislabeled',
    },
    { ...common, id: 'cvat-2', example_id: run.ids[1], given: given(1), action: 'unsure' },
  ])
})

test('what is no export of these suspects is refused', async () => {
  const { run, path, xml } = await exported()
  const refused = async (text: string) => {
    await writeFile(path, text)
    return expect(cvatDecisions(run.folder, path)).rejects
  }
  await (await refused(xml.replaceAll('annotations>', 'dataset>'))).toThrow('this is no export of CVAT')
  await (await refused(xml.replace('000012.png', '000013.png'))).toThrow('none of the suspects of this run')
  await (await refused(xml.replace('000012.png', 'cat.png'))).toThrow('none of the suspects of this run')
  await (await refused(xml.replace('<tag label="', '<tag label="Z"/><tag label="'))).toThrow(
    'the image has several tags: Z, ',
  )
  await (await refused(xml.slice(0, -20))).toThrow('this is no')
})
