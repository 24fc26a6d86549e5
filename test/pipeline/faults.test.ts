/** What happens to runs: no room, no folder, no permission, bytes that rot, company, a clock that is put back. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { RunError } from '../../src/errors.js'
import type { RunEvent } from '../../src/pipeline/events.js'
import { loadPipeline } from '../../src/pipeline/load.js'
import { type RunnerOptions, runPipeline } from '../../src/pipeline/runner.js'
import { listRuns, type Run } from '../../src/pipeline/runs.js'
import { openStore } from '../../src/pipeline/store.js'
import { writeSmallPipeline } from './small-pipeline.js'
import { fingerprint, smallStages } from './small-stages.js'

let root: string
let out: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pieline-faults-'))
  out = join(root, 'runs')
  await writeSmallPipeline(root)
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function run(options: Partial<RunnerOptions> = {}): Promise<Run> {
  const pipeline = await loadPipeline(join(root, 'small.yaml'))
  return runPipeline(pipeline, { stages: smallStages(), fingerprint, out, ...options })
}

async function refusal(options?: Partial<RunnerOptions>): Promise<RunError> {
  const failure = await run(options).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(RunError)
  return failure as RunError
}

const bytesOf = ({ manifest }: Run) =>
  manifest.stages.flatMap(({ files }) => files.map(({ path, sha256 }) => `${path} ${sha256}`))

/** Every artefact that is in its place has the bytes that its inventory names; nothing else lies there. */
async function holdStore(): Promise<void> {
  const store = await openStore(join(out, 'store'), { verify: true })
  for (const { key } of await store.list()) expect(await store.find(key), key).toBeDefined()
  expect((await readdir(store.folder)).filter(name => name.startsWith('.making.'))).toEqual([])
}

/** Whether a file system of memory can be had, which takes the right to mount. */
function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  const place = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim()
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', place], { stdio: 'ignore' })
    execFileSync('umount', [place])
    return true
  } catch {
    return false
  } finally {
    execFileSync('rmdir', [place])
  }
}

describe.runIf(canMount())('on a file system of its own', () => {
  beforeEach(async () => {
    await mkdir(out)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', out])
  })
  afterEach(() => void execFileSync('umount', [out]))
  const remount = (option: string) => execFileSync('mount', ['-o', `remount,${option}`, out])

  test('that is full, whenever that is, a run says so, and goes on when there is room', async () => {
    const expected = bytesOf(await run({ out: join(root, 'undisturbed') }))
    let failures = 0
    for (let kilobytes = 8; kilobytes <= 128; kilobytes += 8) {
      await rm(join(out, 'small'), { recursive: true, force: true })
      await rm(join(out, 'store'), { recursive: true, force: true })
      remount(`size=${kilobytes}k`)
      const failure = await run().catch((error: unknown) => error)
      if (failure instanceof Error) {
        failures++
        expect(failure).toBeInstanceOf(RunError)
        expect((failure as RunError).describe()).toMatch(/make room|free space/)
      }
      remount('size=1m')
      await holdStore()
      expect(bytesOf(await run())).toEqual(expected)
    }
    expect(failures).toBeGreaterThan(3)
  })

  test('that is read-only a run does not begin, and says why', async () => {
    remount('ro')
    const failure = await refusal()
    expect(failure.describe()).toMatch(/EROFS.*\n {2}The file system is read-only/)
    remount('rw')
    await run()
  })
})

test('on a disk where a file may not grow, a run says so and leaves nothing half', async () => {
  await writeFile(join(root, 'data.csv'), 'a line of some length\n'.repeat(500))
  const script = join(import.meta.dirname, 'small-run.ts')
  // A limit of 512 bytes a file; the signal for it is ignored, so that writes fail as on a full disk.
  const command = `trap '' XFSZ; ulimit -f 1; exec "$0" --import tsx "$@"`
  const args = ['-c', command, process.execPath, script, join(root, 'small.yaml'), out, '0']
  const child = spawn('sh', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', text => {
    said += text
  })
  const [code] = await once(child, 'exit')
  expect(code).not.toBe(0)
  expect(said).toContain('EFBIG')
  await holdStore()
  expect((await run()).manifest.status).toBe('done')
})

test('a folder of runs that vanishes meanwhile fails the run, and the next one makes it anew', async () => {
  const [ingest, train, ...rest] = smallStages()
  const vanishing: RunnerOptions['stages'] = [
    ingest,
    {
      ...train,
      async run(context) {
        const headline = await train.run(context)
        await rm(out, { recursive: true })
        return headline
      },
    },
    ...rest,
  ]
  const failure = await refusal({ stages: vanishing })
  expect(failure.describe()).toMatch(/ENOENT.*\n {2}/)
  const { manifest } = await run()
  expect(manifest.stages.map(({ state, reused }) => [state, reused])).toEqual(Array(4).fill(['done', false]))
})

test('an artefact that rots without a trace is found by --verify, and made again to the same bytes', async () => {
  const first = await run()
  const file = join(out, 'store', first.manifest.stages[2].key, 'files/scores.txt')
  const { atime, mtime } = await stat(file)
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace('0.05', '0.50'))
  await utimes(file, atime, mtime)
  const verified = await run({ verify: true })
  expect(verified.manifest.stages.filter(({ reused }) => !reused).map(({ name }) => name)).toEqual(['score'])
  expect(bytesOf(verified)).toEqual(bytesOf(first))
  expect(await readFile(join(verified.folder, 'scores.txt'), 'utf8')).toBe(text)
})

test('two processes that run the same at once both end with the same bytes', async () => {
  const expected = bytesOf(await run({ out: join(root, 'undisturbed') }))
  const script = join(import.meta.dirname, 'small-run.ts')
  const args = ['--import', 'tsx', script, join(root, 'small.yaml'), out, '300']
  const children = [0, 1].map(() => spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] }))
  const codes = await Promise.all(children.map(child => once(child, 'exit')))
  expect(codes.map(([code]) => code)).toEqual([0, 0])
  const runs = await listRuns(join(out, 'small'))
  expect(runs.map(({ manifest }) => manifest.status)).toEqual(['done', 'done'])
  for (const other of runs) expect(bytesOf(other)).toEqual(expected)
  expect(await readlink(join(out, 'small/latest'))).toBe(runs[0].manifest.run)
  await holdStore()
})

test('a run beside another of the same pipeline says that there is one', async () => {
  const logs: string[] = []
  const [ingest, ...rest] = smallStages()
  const observe = (event: RunEvent) => void (event.event === 'log' && logs.push(event.message))
  const nested: RunnerOptions['stages'] = [
    {
      ...ingest,
      async run(context) {
        await run({ observe, out })
        return ingest.run(context)
      },
    },
    ...rest,
  ]
  await run({ stages: nested })
  expect(logs).toEqual([expect.stringMatching(/^run \S+ of this pipeline goes on at the same time/)])
})

test('a clock that is put back changes neither the order of runs nor what is reused', async () => {
  const first = await run()
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 400 * 86_400_000 })
  try {
    const second = await run()
    expect(second.manifest.run > first.manifest.run).toBe(true)
    expect(second.manifest.stages.every(({ reused }) => reused)).toBe(true)
    expect(await readlink(join(out, 'small/latest'))).toBe(second.manifest.run)
    expect((await listRuns(join(out, 'small'))).map(({ manifest }) => manifest.run)).toEqual([
      second.manifest.run,
      first.manifest.run,
    ])
  } finally {
    vi.useRealTimers()
  }
})
