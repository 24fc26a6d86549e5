import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RunError } from '../src/errors.js'
import { createThreadPool, type ThreadPool } from '../src/thread-pool.js'
import type { HungryTask } from './hungry-worker.js'

let folder: string
let said: string[]
let pool: ThreadPool<HungryTask, string>
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-threads-'))
  said = []
  pool = createThreadPool('hungry-worker', import.meta.url, 3, message => said.push(message))
})
afterEach(async () => {
  await pool.close()
  await rm(folder, { recursive: true, force: true })
})

const run = (name: string, failures = 0) =>
  pool.run(() => ({ task: { name, log: join(folder, 'log'), failures } }))

/** For every beginning of `name`, what else was under way. */
async function beside(name: string): Promise<string[][]> {
  const running = new Set<string>()
  const found: string[][] = []
  for (const line of (await readFile(join(folder, 'log'), 'utf8')).trim().split('\n')) {
    const [what, who] = line.split(' ')
    if (what === 'begin' && who === name) found.push([...running])
    if (what === 'begin') running.add(who)
    else running.delete(who)
  }
  return found
}

test('what runs out of memory is done once more, with nothing beside it, and said', async () => {
  const done = await Promise.all([run('a'), run('b', 1), run('c'), run('d', 1), run('e')])
  expect(done).toEqual(['a after 1', 'b after 2', 'c after 1', 'd after 2', 'e after 1'])
  expect(said).toEqual(
    Array(2).fill('a worker ran out of memory; its work is done again with nothing beside it'),
  )
  expect((await beside('b'))[1]).toEqual([])
  expect((await beside('d'))[1]).toEqual([])
})

test('what runs out of memory alone too fails with the mend, and others go on', async () => {
  const failed = run('greedy', 2)
  const others = [run('a'), run('b')]
  await expect(failed).rejects.toBeInstanceOf(RunError)
  await expect(failed).rejects.toMatchObject({ mend: expect.stringContaining('model.batchSize') })
  expect(await Promise.all(others)).toEqual(['a after 1', 'b after 1'])
  expect(await run('late')).toBe('late after 1')
})
