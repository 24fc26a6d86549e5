/** `pieline diff` of data sets that no run has seen. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Difference } from '../../src/difference/difference.js'
import { png, temporaryFolder, writeBytes } from '../dataset/data.js'
import { pieline } from './cli.js'

const idsOf = ({ listed }: Difference['examples']['added']) => listed.map(({ id }) => id)

test('images in class folders are told by their content, wherever they lie', async () => {
  const folder = await temporaryFolder()
  const write = async (version: string, images: Record<string, number>) => {
    for (const [name, grey] of Object.entries(images)) {
      await writeBytes(join(folder, version, name), await png([grey]))
    }
  }
  await write('v1', {
    'cat/1.png': 1,
    'cat/2.png': 2,
    'cat/copy of 2.png': 2,
    'dog/3.png': 3,
    'dog/4.png': 4,
    'dog/5.png': 5,
  })
  await write('v2/images', {
    'cat/1.png': 1,
    'cat/2.png': 2,
    // One of the copies, a mistake that was mended, a new one, and one that only has another name.
    'dog/copy of 2.png': 2,
    'cat/3.png': 3,
    'dog/four.png': 4,
    'dog/6.png': 6,
  })
  const { stdout, stderr, code } = await pieline(folder, 'diff', 'v1', 'v2/images', '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const { a, b, examples, issues, settings } = JSON.parse(stdout) as Difference
  expect([a.name, a.examples, b.name, b.examples]).toEqual(['v1', 6, 'v2/images', 6])
  expect(idsOf(examples.added)).toEqual(['images/dog/6.png'])
  expect(idsOf(examples.removed)).toEqual(['v1/dog/5.png'])
  expect(idsOf(examples.relabeled)).toEqual(['images/cat/3.png', 'images/dog/copy of 2.png'])
  expect(examples.relabelings).toEqual([
    { from: 'cat', to: 'dog', count: 1 },
    { from: 'dog', to: 'cat', count: 1 },
  ])
  expect(examples.edited.count).toBe(0)
  expect(issues).toBeUndefined()
  expect(settings).toEqual([])
})

test('tables with ids are told by them, and the label can be named', async () => {
  const folder = await temporaryFolder()
  await mkdir(join(folder, 'new'))
  await writeFile(join(folder, 'old.csv'), 'id,x,kind\na,1,cat\nb,2,dog\nc,3,cat\nd,4,dog\n')
  await writeFile(join(folder, 'new/data.csv'), 'id,x,kind\nd,4,cat\nb,2.5,dog\nc,3,cat\ne,5,dog\n')
  const { stdout, code } = await pieline(folder, 'diff', 'old.csv', 'new/data.csv', '--label', 'kind')
  expect(code).toBe(0)
  expect(stdout).toContain('old.csv → new/data.csv')
  expect(stdout).toContain('4 examples: 1 added, 1 removed, 1 relabeled, 1 of other content.')
  const only = await pieline(folder, 'diff', 'old.csv', 'new/data.csv')
  expect(only.stdout).toContain('1 relabeled')
  await writeFile(join(folder, 'two.csv'), 'id,kind,place\na,cat,home\nb,dog,away\n')
  const unnamed = await pieline(folder, 'diff', 'two.csv', 'two.csv')
  expect(unnamed.stderr).toContain('no column looks like a label')
  const missing = await pieline(folder, 'diff', 'old.csv', 'newer.csv')
  expect(missing.code).not.toBe(0)
})
