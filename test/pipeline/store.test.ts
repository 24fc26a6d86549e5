import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { linkFile } from '../../src/pipeline/link.js'
import { openStore } from '../../src/pipeline/store.js'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pieline-store-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

const entries = async () => (await readdir(root)).filter(name => name !== 'CACHEDIR.TAG')

const key = 'a'.repeat(64)
const write = (text: string) => async (folder: string) => {
  await mkdir(join(folder, 'inner'), { recursive: true })
  await writeFile(join(folder, 'inner', 'b.txt'), text)
  await writeFile(join(folder, 'a.txt'), 'a')
}

test('an artefact is made once, with read-only files and their hashes', async () => {
  const store = await openStore(root)
  expect(await store.find(key)).toBeUndefined()
  const made = await store.produce(key, write('hello'))
  expect(made).toMatchObject({ key, folder: join(root, key), reused: false })
  expect(made.files).toEqual([
    { path: 'a.txt', bytes: 1, sha256: 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb' },
    {
      path: 'inner/b.txt',
      bytes: 5,
      sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
    },
  ])
  expect((await stat(join(made.folder, 'inner/b.txt'))).mode & 0o777).toBe(0o444)
  const again = await store.produce(key, () => Promise.reject(new Error('made twice')))
  expect(again).toEqual({ ...made, reused: true })
  expect(await (await openStore(root)).find(key)).toEqual({ ...made, reused: true })
})

test('what fails leaves nothing behind, and can be tried again', async () => {
  const store = await openStore(root)
  const failing = store.produce(key, async folder => {
    await writeFile(join(folder, 'half.txt'), 'half')
    throw new Error('no more')
  })
  await expect(failing).rejects.toThrow('no more')
  expect(await entries()).toEqual([])
  expect((await store.produce(key, write('x'))).reused).toBe(false)
})

test('files of another artefact may be linked into one, though they are read-only', async () => {
  const store = await openStore(root)
  const part = await store.produce(key, write('part'))
  const whole = await store.produce('b'.repeat(64), folder =>
    linkFile(join(part.folder, 'inner/b.txt'), join(folder, 'parts/1.txt')),
  )
  expect(whole.files.map(file => file.path)).toEqual(['parts/1.txt'])
  expect((await stat(join(whole.folder, 'parts/1.txt'))).ino).toBe(
    (await stat(join(part.folder, 'inner/b.txt'))).ino,
  )
})

test('asked twice at once, a process makes an artefact once', async () => {
  const store = await openStore(root)
  let times = 0
  const make = async (folder: string) => {
    times++
    await write('x')(folder)
  }
  const both = await Promise.all([store.produce(key, make), store.produce(key, make)])
  expect(times).toBe(1)
  expect(both.map(artefact => artefact.reused).sort()).toEqual([false, true])
})

test('two stores that make the same artefact both succeed', async () => {
  const stores = await Promise.all(Array.from({ length: 8 }, () => openStore(root)))
  let begun = 0
  let release = () => {}
  const everybodyBegan = new Promise<void>(done => {
    release = done
  })
  const made = await Promise.all(
    stores.map(store =>
      store.produce(key, async folder => {
        if (++begun === stores.length) release()
        await everybodyBegan
        await write('same')(folder)
      }),
    ),
  )
  expect(made.filter(artefact => !artefact.reused)).toHaveLength(1)
  for (const artefact of made) expect(artefact.files).toEqual(made[0].files)
  expect(await entries()).toEqual([key])
})

describe('a damaged artefact is made again', () => {
  const damages: [string, (folder: string) => Promise<void>, verify?: boolean][] = [
    ['a file cut short', folder => writeFile(join(folder, 'inner/b.txt'), 'hel')],
    ['a file changed in place', folder => writeFile(join(folder, 'inner/b.txt'), 'hullo')],
    ['a file gone', folder => rm(join(folder, 'a.txt'))],
    ['no inventory', folder => rm(join(folder, 'artefact.json'))],
    ['half an inventory', folder => writeFile(join(folder, 'artefact.json'), '{"key": ')],
    ['an inventory of something else', folder => writeFile(join(folder, 'artefact.json'), '[]')],
    [
      'a file changed with its old time, which only --verify sees',
      async folder => {
        const file = join(folder, 'inner/b.txt')
        const { atime, mtime } = await stat(file)
        await writeFile(file, 'hullo')
        await utimes(file, atime, mtime)
      },
      true,
    ],
  ]
  test.each(damages)('%s', async (_, damage, verify) => {
    const store = await openStore(root)
    const { folder } = await store.produce(key, write('hello'))
    // Running as root the files can be written all the same; as anybody else they must be made writable first.
    for (const name of ['a.txt', 'inner/b.txt']) await chmod(join(folder, name), 0o644)
    await damage(folder)
    const careful = await openStore(root, { verify: verify ?? false })
    expect(await careful.find(key)).toBeUndefined()
    const again = await careful.produce(key, write('hello'))
    expect(again.reused).toBe(false)
    expect(await readFile(join(folder, 'inner/b.txt'), 'utf8')).toBe('hello')
    expect(await entries()).toEqual([key])
  })

  test('a file whose time alone is new is whole', async () => {
    const store = await openStore(root)
    const { folder } = await store.produce(key, write('hello'))
    const later = new Date(Date.now() + 60_000)
    await utimes(join(folder, 'a.txt'), later, later)
    expect((await store.find(key))?.reused).toBe(true)
  })
})

describe('leftovers', () => {
  test('of the dead go, of the living and of other machines stay', async () => {
    const dead = spawn(process.execPath, ['-e', ''])
    await once(dead, 'exit')
    const folders = {
      dead: `.making.${key.slice(0, 16)}.${dead.pid}.${Date.now()}.0@${hostname()}`,
      living: `.making.${key.slice(0, 16)}.${process.ppid}.${Date.now()}.0@${hostname()}`,
      elsewhere: `.making.${key.slice(0, 16)}.${dead.pid}.${Date.now()}.0@another.example`,
      ours: `.making.${key.slice(0, 16)}.${process.pid}.${Date.now()}.0@${hostname()}`,
      namesake: `.damaged.${key.slice(0, 16)}.${process.pid}.1000.0@${hostname()}`,
      foreign: '.cache',
    }
    for (const folder of Object.values(folders)) await mkdir(join(root, folder))
    await openStore(root)
    expect((await entries()).sort()).toEqual(
      [folders.living, folders.elsewhere, folders.ours, folders.foreign].sort(),
    )
  })
})

describe('killed with SIGKILL', () => {
  function producer(files: number, pause: number): ChildProcess {
    const script = join(import.meta.dirname, 'slow-producer.ts')
    return spawn(process.execPath, ['--import', 'tsx', script, root, key, String(files), String(pause)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  }

  async function killAfter(child: ChildProcess, line: string): Promise<void> {
    for await (const text of createInterface({ input: child.stdout! }))
      if (text === line) child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }

  test.each(['file 0', 'file 2', 'file 4'])(
    'after %s, the artefact is absent, then made whole',
    async line => {
      await killAfter(producer(5, 20), line)
      const left = await entries()
      expect(left.filter(name => name === key)).toEqual([])
      const store = await openStore(root)
      expect(await entries()).toEqual([])
      expect(await store.find(key)).toBeUndefined()
      expect((await store.produce(key, write('hello'))).reused).toBe(false)
    },
  )

  test('at moments nobody chose, it is absent or whole', async () => {
    for (let round = 0; round < 4; round++) {
      const child = producer(20, 0)
      const exit = once(child, 'exit')
      await once(child.stdout!, 'data')
      await new Promise(done => setTimeout(done, round * 4))
      child.kill('SIGKILL')
      await exit
      const store = await openStore(root, { verify: true })
      const found = await store.find(key)
      if (found) expect(found.files).toHaveLength(20)
      expect(await entries()).toEqual(found ? [key] : [])
      await rm(join(root, key), { recursive: true, force: true })
    }
  })

  test('two processes side by side both succeed', async () => {
    const children = [producer(5, 30), producer(5, 30)]
    const ends = await Promise.all(children.map(child => once(child, 'exit')))
    expect(ends.map(([code]) => code)).toEqual([0, 0])
    expect(await entries()).toEqual([key])
    expect((await (await openStore(root, { verify: true })).find(key))?.files).toHaveLength(5)
  })
})
