import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodeTask, encodeTask, isWithin } from '../../src/cluster/task.js'
import { keyOf } from '../../src/pipeline/key.js'
import { type DiskArtefactStore, openStore, type Work } from '../../src/pipeline/store.js'

let folder: string
let store: DiskArtefactStore
const key = keyOf('inputs')
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-task-'))
  store = await openStore(join(folder, 'store'))
  await store.produce(key, made => writeFile(join(made, 'inputs.npy'), 'pictures'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const workOf = (task: object): Work => ({ kind: 'train', title: 'dense 0', task })
/** As Redis hands it on. */
const sent = async (work: Work) => JSON.parse(JSON.stringify(await encodeTask(store.folder, store, work)))

test('any task arrives as it was sent, long arrays and parts of arrays too', async () => {
  const array = fc.oneof(
    fc.int32Array({ maxLength: 3000 }),
    fc.float32Array({ maxLength: 3000 }),
    fc.float64Array({ maxLength: 10 }),
    fc.uint8Array({ maxLength: 10 }).map(bytes => bytes.subarray(bytes.length >> 1)),
  )
  const number = fc.double({ noDefaultInfinity: true, noNaN: true }).filter(value => !Object.is(value, -0))
  const leaf = fc.oneof(array, number, fc.string(), fc.boolean(), fc.constant(null))
  const values = fc.oneof(
    leaf,
    fc.array(leaf, { maxLength: 4 }),
    fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), leaf),
  )
  await fc.assert(
    fc.asyncProperty(values, async rows => {
      const task = { inputs: join(store.folder, key, 'inputs.npy'), rows }
      expect(await decodeTask(store, 'train', await sent(workOf(task)))).toEqual(task)
    }),
    { numRuns: 40 },
  )
})

test('a file goes by its key and is found in another store', async () => {
  const task = { model: join(store.folder, key, 'inputs.npy'), inputs: join(store.folder, key, 'inputs.npy') }
  const work: Work = { kind: 'predict', title: 'dense 0', task }
  const message = await sent(work)
  expect(JSON.stringify(message)).not.toContain(folder)
  const other = await openStore(join(folder, 'other'))
  await expect(decodeTask(other, 'predict', message)).rejects.toThrow(
    'the store of this worker has no inputs.npy',
  )
  await other.produce(key, made => writeFile(join(made, 'inputs.npy'), 'pictures'))
  const { inputs } = (await decodeTask(other, 'predict', message)) as { inputs: string }
  expect(inputs.startsWith(other.folder)).toBe(true)
  expect(await readFile(inputs, 'utf8')).toBe('pictures')
})

test('work on files outside the store stays here', () => {
  expect(isWithin(store.folder, workOf({ inputs: join(store.folder, key, 'inputs.npy') }))).toBe(true)
  expect(isWithin(store.folder, workOf({ inputs: join(folder, 'inputs.npy') }))).toBe(false)
  const from = join(store.folder, '..', 'state')
  expect(isWithin(store.folder, workOf({ inputs: join(store.folder, key, 'inputs.npy'), from }))).toBe(false)
})

test('a message cannot name files outside the store', async () => {
  const naming = (file: object) => decodeTask(store, 'train', { inputs: { $file: file } })
  await expect(naming({ key: '..', path: 'secret' })).rejects.toThrow()
  await expect(naming({ key, path: '../../secret' })).rejects.toThrow('has no ../../secret')
  await expect(naming({ key, path: 'inputs.npy', more: 1 })).rejects.toThrow()
  await expect(decodeTask(store, 'train', { inputs: '/etc/passwd' })).rejects.toThrow()
})
