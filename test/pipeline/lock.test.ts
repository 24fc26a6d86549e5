import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { acquireLock, isLock, type Lock } from '../../src/pipeline/lock.js'
import { identityOf } from '../../src/pipeline/owner.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-lock-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function take(): Promise<Lock> {
  const taken = await acquireLock(folder)
  if (!isLock(taken)) throw new Error(`held by ${taken.pid}`)
  return taken
}

/** A lock's file as another process would have left it. */
const leave = (number: number, holder: object | string) =>
  writeFile(
    join(folder, `.lock.${number}`),
    typeof holder === 'string' ? holder : JSON.stringify({ since: '2026-01-01T00:00:00.000Z', ...holder }),
  )

describe('a lock', () => {
  test('has one holder, who says who it is, and goes from one to the next', async () => {
    const lock = await take()
    expect(await acquireLock(folder)).toMatchObject({ host: hostname(), pid: process.pid })
    await lock.release()
    await (await take()).release()
    expect(await readdir(folder)).toEqual(['.lock.2'])
  })

  test('that many want at once goes to one of them', async () => {
    for (let round = 0; round < 5; round++) {
      const taken = await Promise.all(Array.from({ length: 10 }, () => acquireLock(folder)))
      const locks = taken.filter(isLock)
      expect(locks).toHaveLength(1)
      await locks[0].release()
    }
  })

  test('that a dead process left is taken over by one of many', async () => {
    const child = spawn(process.execPath, ['-e', ''])
    await once(child, 'exit')
    await leave(7, { ...identityOf(process.pid), pid: child.pid })
    const taken = await Promise.all(Array.from({ length: 10 }, () => acquireLock(folder)))
    expect(taken.filter(isLock)).toHaveLength(1)
    expect(await readdir(folder)).toEqual(['.lock.8'])
  })

  test.runIf(process.platform === 'linux')('knows a process that got the number of a dead one', async () => {
    await leave(1, { ...identityOf(process.pid), start: '1' })
    expect(isLock(await acquireLock(folder))).toBe(true)
  })

  test('of another machine, or of one that has not written its name yet, holds until it is silent', async () => {
    for (const [at, holder] of [{ host: 'elsewhere', pid: 1 }, ''].entries()) {
      const path = join(folder, `.lock.${10 * (at + 1)}`)
      await leave(10 * (at + 1), holder)
      expect(isLock(await acquireLock(folder))).toBe(false)
      const longAgo = new Date(Date.now() - 3_600_000)
      await utimes(path, longAgo, longAgo)
      await (await take()).release()
    }
  })

  test.runIf(process.platform === 'linux')(
    'of another container cannot be judged by its number',
    async () => {
      await leave(1, { ...identityOf(process.pid), place: 'another', pid: 2 ** 22 + 1 })
      expect(isLock(await acquireLock(folder))).toBe(false)
    },
  )
})

test('between processes: one holds it, and after kill -9 the next one does', async () => {
  const holder = start()
  const [line] = await once(createInterface({ input: holder.stdout }), 'line')
  expect(line).toBe('locked')
  expect(await acquireLock(folder)).toMatchObject({ pid: holder.pid })
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  await (await take()).release()
})

/** A process that takes the lock and keeps it. */
function start() {
  const lock = new URL('../../src/pipeline/lock.ts', import.meta.url).href
  const script = `
    import { acquireLock } from '${lock}'
    await acquireLock(process.argv[1])
    console.log('locked')
    setInterval(() => {}, 1000)`
  const args = ['--import', 'tsx', '--input-type=module', '-e', script, folder]
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
}
