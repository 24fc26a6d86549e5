import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RunError } from '../../src/errors.js'
import { createThreadPool, despiteHanging, type ThreadPool } from '../../src/threads/thread-pool.js'
import type { HangingTask } from './hanging-worker.js'
import type { HungryTask } from './hungry-worker.js'

let folder: string
let said: string[]
let pool: ThreadPool<HungryTask, string>
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-threads-'))
  said = []
  pool = createThreadPool('hungry-worker', import.meta.url, {
    workers: 3,
    log: message => said.push(message),
    mendOfMemory: 'Set a smaller model.batchSize.',
  })
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

describe('a thread that gets no further', () => {
  const patience = { first: 20_000, least: 300 }
  let hanging: ThreadPool<HangingTask, string>
  beforeEach(() => {
    const options = { workers: 1, patience, mendOfMemory: '' }
    hanging = createThreadPool('hanging-worker', import.meta.url, options)
  })
  afterEach(() => hanging.close())

  const work = (hangs: number, piece = 1) =>
    despiteHanging(
      'dense 3',
      message => said.push(message),
      () => hanging.run(({ pulse }) => ({ task: { log: join(folder, 'log'), pulse, hangs, piece } })),
    )

  test('is given up, said so, and its work begun anew on another', async () => {
    expect(await work(1)).toBe('done at attempt 2')
    expect(said).toEqual([
      expect.stringMatching(
        /^dense 3: its thread got no further for \d+ s; it is given up, and the work begins anew on another$/,
      ),
    ])
  })

  test('is given up three times, and then the work fails with what to look at', async () => {
    const failed = work(3)
    await expect(failed).rejects.toBeInstanceOf(RunError)
    await expect(failed).rejects.toMatchObject({
      message: expect.stringMatching(/^its thread got no further for \d+ s, 3 times one after the other$/),
      mend: expect.stringContaining('the same command goes on'),
    })
    expect(said).toHaveLength(2)
  })

  test('is not one that is slow, or that waits for its turn', async () => {
    expect(await Promise.all([work(0, 200), work(0, 200)])).toEqual([
      'done at attempt 1',
      'done at attempt 2',
    ])
    expect(said).toEqual([])
  })

  test.skipIf(process.platform === 'win32')(
    'keeps neither the run nor the process, also where the system holds it',
    async () => {
      const pipe = join(folder, 'pipe')
      execFileSync('mkfifo', [pipe])
      const script = fileURLToPath(new URL('hung-process.ts', import.meta.url))
      const args = ['--import', 'tsx', script, join(folder, 'log'), pipe]
      const { stdout, stderr, signal } = spawnSync(process.execPath, args, {
        encoding: 'utf8',
        timeout: 60_000,
        killSignal: 'SIGTERM',
      })
      expect(stdout).toMatch(/^its thread got no further for \d+ s\nclosed\n$/)
      expect(stderr).toBe(
        'A thread hangs within the system and cannot be ended; the process ends by SIGKILL.\n',
      )
      expect(signal).toBe('SIGKILL')
    },
  )
})
