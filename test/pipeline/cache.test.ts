import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openCache } from '../../src/pipeline/cache.js'
import { keyOf } from '../../src/pipeline/key.js'
import { thisProcess } from '../../src/pipeline/owner.js'
import { type DiskArtefactStore, openStore } from '../../src/pipeline/store.js'

let folder: string
let disk: DiskArtefactStore
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-cache-'))
  disk = await openStore(folder)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const told: unknown[] = []
beforeEach(() => void told.splice(0))

/** Room for three artefacts of 10,000 bytes, each with its inventory. */
const open = () => openCache(disk, disk, 33_000, outcome => told.push(outcome))

const bytes = 10_000
const make = (name: string, store: Pick<DiskArtefactStore, 'produce'> = disk) =>
  store.produce(keyOf(name), made => writeFile(join(made, 'file'), new Uint8Array(bytes)))

async function there(...names: string[]): Promise<string[]> {
  const keys = new Set((await disk.list()).map(({ key }) => key))
  return names.filter(name => keys.has(keyOf(name)))
}

/** So that times of folders differ. */
const moment = () => new Promise(resolve => setTimeout(resolve, 30))

test('what was used longest ago goes, once it is more than the limit', async () => {
  const cache = await open()
  for (const name of ['a', 'b', 'c']) {
    const use = await cache.begin()
    await make(name, use.store)
    await use.end()
    await moment()
  }
  expect(await there('a', 'b', 'c')).toEqual(['a', 'b', 'c'])
  expect(told).toEqual([])
  const use = await cache.begin()
  expect(await use.store.find(keyOf('a'))).toBeDefined()
  await make('d', use.store)
  await use.end()
  expect(await there('a', 'b', 'c', 'd')).toEqual(['a', 'c', 'd'])
  expect(told).toEqual([{ artefacts: 1, bytes: expect.any(Number) }])
})

test('what is in use stays, whoever uses it, until nobody does', async () => {
  await make('a')
  // As two workers of one machine that share the folder.
  const [one, two] = [await open(), await open()]
  const long = await one.begin()
  expect(await long.store.find(keyOf('a'))).toBeDefined()
  await moment()
  for (const name of ['b', 'c', 'd', 'e']) {
    const use = await two.begin()
    await make(name, use.store)
    await use.end()
    await moment()
  }
  expect(await there('a', 'b', 'c', 'd', 'e')).toEqual(['a', 'd', 'e'])
  for (const name of ['f', 'g', 'h', 'i']) await make(name, long.store)
  expect(await there('f', 'g', 'h', 'i')).toEqual(['f', 'g', 'h', 'i'])
  await long.end()
  expect((await there('a', 'd', 'e', 'f', 'g', 'h', 'i')).length).toBe(3)
  expect(await readdir(join(folder, 'roots'))).toEqual([])
})

test('notes of a process that died hold nothing, those of a run all that it names', async () => {
  for (const name of ['a', 'b', 'c']) await make(name)
  const cache = await open()
  // No process has this number.
  const orphan = `use@${2 ** 22 + 1}.${Date.now()}.x.${thisProcess.host}`
  await mkdir(join(folder, 'roots'))
  await writeFile(join(folder, 'roots', orphan), `${keyOf('a')}\n`)
  await writeFile(join(folder, 'roots', 'glyphs@2026-11-28T00-00-00Z'), `${keyOf('b')}\n`)
  await moment()
  const use = await cache.begin()
  for (const name of ['x', 'y', 'z']) await make(name, use.store)
  await use.end()
  expect(await there('a', 'b', 'c')).toEqual(['b'])
  expect(await readdir(join(folder, 'roots'))).toEqual(['glyphs@2026-11-28T00-00-00Z'])
})
