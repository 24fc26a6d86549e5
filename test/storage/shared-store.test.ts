/** Stores of two machines that share a bucket of a real server. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { keyOf } from '../../src/pipeline/key.js'
import { type ArtefactStore, openStore } from '../../src/pipeline/store.js'
import { parseStorageAddress } from '../../src/storage/address.js'
import { type Bucket, openBucket } from '../../src/storage/bucket.js'
import { openSharedStore } from '../../src/storage/shared-store.js'
import { type S3Server, startS3 } from './s3-server.js'

let folder: string
let server: S3Server
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-shared-'))
  server = await startS3(join(folder, 's3'))
}, 60_000)
afterAll(async () => {
  await server.kill()
  await rm(folder, { recursive: true })
})

let machines = 0
async function machine(bucket: Bucket): Promise<ArtefactStore> {
  return openSharedStore(await openStore(join(folder, `machine-${machines++}`)), bucket)
}

const newBucket = () =>
  openBucket(parseStorageAddress(server.address(), server.environment), { firstPause: 1 })
const key = keyOf('an artefact')

const writing =
  (text: string) =>
  async (place: string): Promise<void> => {
    await mkdir(join(place, 'deep'))
    await writeFile(join(place, 'deep/model.onnx'), text)
    await writeFile(join(place, 'empty'), '')
  }
const model = async (store: ArtefactStore) => {
  const artefact = await store.find(key)
  return artefact && readFile(join(artefact.folder, 'deep/model.onnx'), 'utf8')
}
const never = () => Promise.reject(new Error('made twice'))

test('what one machine made another one finds, whole and under the same hashes', async () => {
  const bucket = newBucket()
  const [one, two] = [await machine(bucket), await machine(bucket)]
  expect(await two.find(key)).toBeUndefined()
  const made = await one.produce(key, writing('weights'))
  expect(made.reused).toBe(false)
  const found = await two.produce(key, never)
  expect(found.reused).toBe(true)
  expect(found.files).toEqual(made.files)
  expect(await model(two)).toBe('weights')
  expect(await model(await machine(bucket))).toBe('weights')
})

test.each(['find', 'produce'] as const)(
  'what a machine made before it shared anything is shared when it is asked for: %s',
  async way => {
    const bucket = newBucket()
    const alone = await openStore(join(folder, `alone-${way}`))
    await alone.produce(key, writing('weights'))
    const one = await openSharedStore(alone, bucket)
    expect(await (await machine(bucket)).find(key)).toBeUndefined()
    const found = way === 'find' ? await one.find(key) : await one.produce(key, never)
    expect(found!.reused).toBe(true)
    expect(await model(await machine(bucket))).toBe('weights')
  },
)

test('what fails leaves nothing behind, here or there', async () => {
  const bucket = newBucket()
  const one = await machine(bucket)
  const failing = one.produce(key, async place => {
    await writing('half')(place)
    throw new Error('diverged')
  })
  await expect(failing).rejects.toThrow('diverged')
  expect(await one.find(key)).toBeUndefined()
  expect(await (await machine(bucket)).find(key)).toBeUndefined()
})

test('of two machines that make the same at once, all have what the first one shared', async () => {
  const bucket = newBucket()
  const [one, two] = [await machine(bucket), await machine(bucket)]
  const both = await Promise.all(
    ['first', 'second'].map((text, at) =>
      [one, two][at]!.produce(key, async place => {
        await writing(text)(place)
        // Until both are past looking for it.
        await new Promise(resolve => setTimeout(resolve, 300))
      }),
    ),
  )
  const shared = await model(await machine(bucket))
  expect(['first', 'second']).toContain(shared)
  expect(both.map(({ key }) => key)).toEqual([key, key])
  for (const store of [one, two]) {
    // A server that knows no conditions lets the last one win.
    if (await knowsConditions(bucket)) expect(await model(store)).toBe(shared)
    else expect(await model(store)).toMatch(/first|second/)
  }
})

async function knowsConditions(bucket: Bucket): Promise<boolean> {
  await bucket.put('condition', Buffer.from('1'))
  return !(await bucket.put('condition', Buffer.from('2'), true))
}

test('what is damaged there counts as absent and is made again for all', async () => {
  const bucket = newBucket()
  const { files } = await (await machine(bucket)).produce(key, writing('weights'))
  const { sha256 } = files.find(({ path }) => path === 'deep/model.onnx')!
  await bucket.put(`files/${sha256}`, Buffer.from('weighTs'))
  const two = await machine(bucket)
  expect(await two.find(key)).toBeUndefined()
  const again = await two.produce(key, writing('weights'))
  expect(again.reused).toBe(false)
  expect(await model(await machine(bucket))).toBe('weights')
})

test.each([
  '{}',
  'no JSON',
  JSON.stringify({ key, files: [{ path: '../out', bytes: 1, sha256: keyOf(1) }] }),
  JSON.stringify({ key, files: [{ path: 'C:\\out', bytes: 1, sha256: keyOf(1) }] }),
  JSON.stringify({ key: keyOf('another'), files: [] }),
])('a list of files that somebody else wrote is not followed: %s', async list => {
  const bucket = newBucket()
  await bucket.put(`artefacts/${key}.json`, Buffer.from(list))
  expect(await (await machine(bucket)).find(key)).toBeUndefined()
})
