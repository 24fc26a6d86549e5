import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RunError, StoppedError } from '../../src/errors.js'
import type { RunEvent } from '../../src/pipeline/events.js'
import { loadPipeline, parseOverride } from '../../src/pipeline/load.js'
import { readManifest } from '../../src/pipeline/manifest.js'
import { partsOf, planRun } from '../../src/pipeline/plan.js'
import { type RunnerOptions, runPipeline } from '../../src/pipeline/runner.js'
import { findRun, listRuns } from '../../src/pipeline/runs.js'
import type { Stage } from '../../src/pipeline/stage.js'
import { openStore } from '../../src/pipeline/store.js'
import { writeSmallPipeline } from './small-pipeline.js'
import { fingerprint, smallStages } from './small-stages.js'

let root: string
let out: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pieline-run-'))
  out = join(root, 'runs')
  await writeSmallPipeline(root)
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function run(set: string[] = [], options: Partial<RunnerOptions> = {}) {
  const made: string[] = []
  const events: RunEvent[] = []
  const pipeline = await loadPipeline(join(root, 'small.yaml'), set.map(parseOverride))
  const { folder, manifest } = await runPipeline(pipeline, {
    stages: smallStages({ made }),
    fingerprint,
    out,
    observe: event => events.push(event),
    ...options,
  })
  return { folder, manifest, made, events }
}

/** Every file of a run folder but the manifest, which alone tells the time. */
async function filesOf(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory() || entry.name === 'manifest.json') continue
    const path = join(entry.parentPath, entry.name)
    files[path.slice(folder.length + 1)] = await readFile(path, 'utf8')
  }
  return files
}

describe('a run', () => {
  test('leaves its files, a manifest and the latest pointer', async () => {
    const { folder, manifest, made, events } = await run()
    expect(made).toEqual(['ingest', 'train', 'member 0', 'member 1', 'member 2', 'score', 'report'])
    expect(Object.keys(await filesOf(folder)).sort()).toEqual([
      'examples.txt',
      'members/dense/0.txt',
      'members/dense/1.txt',
      'members/dense/2.txt',
      'report.txt',
      'scores.txt',
    ])
    expect(await readManifest(folder)).toEqual(manifest)
    expect(manifest).toMatchObject({ pipeline: 'small', status: 'done', memberSeeds: [0, 1, 2], seed: 0 })
    expect(manifest.stages.map(({ name, state, reused }) => [name, state, reused])).toEqual([
      ['ingest', 'done', false],
      ['train', 'done', false],
      ['score', 'done', false],
      ['report', 'done', false],
    ])
    expect(manifest.stages[0].headline).toEqual({ trainExamples: 3 })
    expect(folder).toBe(join(out, 'small', manifest.run))
    expect(await readlink(join(out, 'small', 'latest'))).toBe(manifest.run)
    expect(events.map(({ event }) => event)).toEqual([
      'run-started',
      ...['stage-started', 'stage-finished'],
      ...['stage-started', 'progress', 'progress', 'progress', 'progress', 'stage-finished'],
      ...['stage-started', 'stage-finished'],
      ...['stage-started', 'stage-finished'],
      'run-finished',
    ])
  })

  test('shares its files with the store, where nobody can change them by mistake', async () => {
    const { folder } = await run()
    const { nlink, mode } = await stat(join(folder, 'scores.txt'))
    expect(nlink).toBe(2)
    expect(mode & 0o222).toBe(0)
  })

  test('started twice in the same moment has two folders', async () => {
    const runs = await Promise.all(Array.from({ length: 5 }, () => run()))
    expect(new Set(runs.map(({ folder }) => folder)).size).toBe(5)
    const files = await Promise.all(runs.map(({ folder }) => filesOf(folder)))
    for (const other of files) expect(other).toEqual(files[0])
    const newest = runs
      .map(({ manifest }) => manifest.run)
      .sort()
      .pop()
    expect(await readlink(join(out, 'small', 'latest'))).toBe(newest)
  })

  test('with other workers has the same bytes', async () => {
    const one = await run([], { workers: 1 })
    const four = await run([], { workers: 4, out: join(root, 'elsewhere') })
    expect(await filesOf(four.folder)).toEqual(await filesOf(one.folder))
    expect(four.manifest.stages.map(({ key }) => key)).toEqual(one.manifest.stages.map(({ key }) => key))
  })
})

describe('a second run', () => {
  const whatRuns: [string, string[], string[]][] = [
    ['of the same pipeline runs nothing', [], []],
    ['with another significance level scores again', ['scoring.alpha=0.01'], ['score', 'report']],
    [
      'with more epochs trains again',
      ['model.epochs=9'],
      ['train', 'member 0', 'member 1', 'member 2', 'score', 'report'],
    ],
    [
      'with more seeds trains only the new ones',
      ['population.seeds=4'],
      ['train', 'member 3', 'score', 'report'],
    ],
    ['that retrains does that too', ['retrain.seeds=2'], ['retrain', 'report']],
    [
      'with another label column starts from the data',
      ['dataset.label=digit'],
      ['ingest', 'train', 'member 0', 'member 1', 'member 2', 'score', 'report'],
    ],
  ]
  test.each(whatRuns)('%s', async (_, set, expected) => {
    await run()
    expect((await run(set)).made).toEqual(expected)
  })

  test('tells what it reuses, with the figures of the run that made it', async () => {
    const first = await run()
    const { folder, manifest, events } = await run()
    expect(manifest.stages.every(({ reused, state }) => reused && state === 'done')).toBe(true)
    expect(manifest.stages.map(({ headline, seconds, files }) => ({ headline, seconds, files }))).toEqual(
      first.manifest.stages.map(({ headline, seconds, files }) => ({ headline, seconds, files })),
    )
    expect(await filesOf(folder)).toEqual(await filesOf(first.folder))
    expect(events[0]).toMatchObject({ reused: ['ingest', 'train', 'score', 'report'] })
  })

  test('on the same data in another place runs nothing, on other data everything', async () => {
    await run()
    await writeFile(join(root, 'copy.csv'), 'a\nb\nc\n')
    expect((await run([`dataset.path=${join(root, 'copy.csv')}`])).made).toEqual([])
    await writeFile(join(root, 'data.csv'), 'a\nb\nd\n')
    expect((await run()).made).toHaveLength(7)
  })

  test('after a stage’s code changed runs that stage and what follows', async () => {
    await run()
    const made: string[] = []
    const stages = smallStages({ made }).map(stage =>
      stage.name === 'score' ? { ...stage, version: 2 } : stage,
    )
    await run([], { stages })
    expect(made).toEqual(['score', 'report'])
  })

  test('makes a damaged artefact again, and gets the same bytes', async () => {
    const first = await run()
    const before = await filesOf(first.folder)
    const damaged = join(out, 'store', first.manifest.stages[2].key, 'files', 'scores.txt')
    await chmod(damaged, 0o644)
    await writeFile(damaged, (await readFile(damaged, 'utf8')).replace('0.05', '0.50'))
    const { made, folder } = await run()
    expect(made).toEqual(['score'])
    expect(await filesOf(folder)).toEqual(before)
  })
})

describe('a plan', () => {
  test('says which stages and members are there, and changes nothing', async () => {
    await run()
    const store = await openStore(join(out, 'store'))
    const pipeline = await loadPipeline(join(root, 'small.yaml'), [parseOverride('population.seeds=4')])
    const plan = await planRun(pipeline, { stages: smallStages(), fingerprint, store })
    expect(plan.stages.map(({ stage, artefact }) => [stage.name, artefact !== undefined])).toEqual([
      ['ingest', true],
      ['train', false],
      ['score', false],
      ['report', false],
    ])
    const members = await partsOf(plan.stages[1], plan, pipeline, store)
    expect(members?.map(({ name, reused }) => [name, reused])).toEqual([
      ['dense 0', true],
      ['dense 1', true],
      ['dense 2', true],
      ['dense 3', false],
    ])
    expect(await listRuns(join(out, 'small'))).toHaveLength(1)
  })

  test('knows no members before the data were ingested', async () => {
    const store = await openStore(join(out, 'store'))
    const pipeline = await loadPipeline(join(root, 'small.yaml'))
    const plan = await planRun(pipeline, { stages: smallStages(), fingerprint, store })
    expect(await partsOf(plan.stages[1], plan, pipeline, store)).toBeUndefined()
    expect(await partsOf(plan.stages[2], plan, pipeline, store)).toEqual([])
  })
})

describe('a stage that fails', () => {
  const failing = (run: Stage['run']): Stage[] =>
    smallStages().map(stage => (stage.name === 'score' ? { ...stage, run } : stage))

  test('fails the run, and leaves what was finished', async () => {
    const stages = failing(() => Promise.reject(new Error('no such luck')))
    const failure = await run([], { stages }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(RunError)
    expect((failure as RunError).describe()).toBe('stage score failed: no such luck')
    const [{ manifest }] = await listRuns(join(out, 'small'))
    expect(manifest).toMatchObject({ status: 'failed', error: { stage: 'score', name: 'RunError' } })
    expect(manifest.stages.map(({ state }) => state)).toEqual(['done', 'done', 'failed', 'waiting'])
    expect(await readdir(join(out, 'small'))).not.toContain('latest')
    expect((await run()).made).toEqual(['score', 'report'])
  })

  test('on a full disk says so', async () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    const failure = await run([], { stages: failing(() => Promise.reject(full)) }).catch(
      (error: unknown) => error,
    )
    expect((failure as RunError).describe()).toContain('The disk is full: make room')
  })

  test('for want of an input it did not declare names both', async () => {
    const stages = failing(async ({ input }) => ({ path: input('report.txt') }))
    await expect(run([], { stages })).rejects.toThrow(
      'stage score asks for a file that none of its inputs wrote',
    )
  })
})

describe('asked to stop', () => {
  test('a run ends at the next safe point, and the next one goes on', async () => {
    const stop = new AbortController()
    const stopped = run([], {
      signal: stop.signal,
      observe: event => {
        if (event.event === 'progress' && event.done === 2) stop.abort(new StoppedError('SIGINT'))
      },
    })
    await expect(stopped).rejects.toBeInstanceOf(StoppedError)
    const [{ manifest }] = await listRuns(join(out, 'small'))
    expect(manifest.status).toBe('interrupted')
    expect(manifest.stages.map(({ state }) => state)).toEqual(['done', 'waiting', 'waiting', 'waiting'])
    expect((await run()).made).toEqual(['train', 'member 2', 'score', 'report'])
  })
})

describe('killed with SIGKILL', () => {
  async function killAt(isMoment: (event: RunEvent) => boolean): Promise<void> {
    const script = join(import.meta.dirname, 'small-run.ts')
    const child = spawn(process.execPath, ['--import', 'tsx', script, join(root, 'small.yaml'), out, '20'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exit = once(child, 'exit')
    for await (const line of createInterface({ input: child.stdout })) {
      if (isMoment(JSON.parse(line))) child.kill('SIGKILL')
    }
    expect((await exit)[1]).toBe('SIGKILL')
  }

  const moments: [string, (event: RunEvent) => boolean, string[]][] = [
    [
      'before anything is done',
      ({ event }) => event === 'run-started',
      ['ingest', 'train', 'member 0', 'member 1', 'member 2', 'score', 'report'],
    ],
    [
      'when training begins',
      event => event.event === 'progress' && event.done === 0,
      ['train', 'member 0', 'member 1', 'member 2', 'score', 'report'],
    ],
    [
      'in the middle of training',
      event => event.event === 'progress' && event.done === 2,
      ['train', 'member 2', 'score', 'report'],
    ],
  ]
  test.each(moments)('%s, the same command goes on to the same bytes', async (_, isMoment, most) => {
    const undisturbed = await run([], { out: join(root, 'undisturbed') })
    await killAt(isMoment)
    const { made, folder } = await run()
    // The child may have got a little further before the signal reached it.
    expect(most).toEqual(expect.arrayContaining(made))
    expect(made.slice(-2)).toEqual(['score', 'report'])
    expect(await filesOf(folder)).toEqual(await filesOf(undisturbed.folder))
    const [finished, killed] = await listRuns(join(out, 'small'))
    expect([finished.manifest.status, killed.manifest.status]).toEqual(['done', 'interrupted'])
    expect(killed.manifest.stages.some(({ state }) => state === 'running')).toBe(false)
    expect((await readdir(join(out, 'store'))).filter(name => name.startsWith('.'))).toEqual([])
  })
})

describe('finding a run', () => {
  test('by folder, id, pipeline or nothing', async () => {
    const first = await run()
    const second = await run()
    const id = async (name?: string) => (await findRun(out, name)).manifest.run
    expect(await id()).toBe(second.manifest.run)
    expect(await id('small')).toBe(second.manifest.run)
    expect(await id('small/latest')).toBe(second.manifest.run)
    expect(await id(first.manifest.run)).toBe(first.manifest.run)
    expect(await id(`small/${first.manifest.run}`)).toBe(first.manifest.run)
    expect(await id(first.folder)).toBe(first.manifest.run)
    await expect(findRun(out, 'smal')).rejects.toThrow('there is no run "smal"')
    await expect(findRun(join(root, 'nowhere'))).rejects.toThrow('there are no runs here')
  })

  test('takes no unfinished one where a finished one is wanted', async () => {
    const first = await run()
    await rm(join(root, 'data.csv'))
    await writeFile(join(root, 'data.csv'), 'z\n')
    const stages = smallStages().map(stage =>
      stage.name === 'report' ? { ...stage, run: () => Promise.reject(new Error('no')) } : stage,
    )
    await run([], { stages }).catch(() => {})
    expect((await findRun(out, 'small')).manifest.status).toBe('failed')
    expect((await findRun(out, 'small', { finished: true })).manifest.run).toBe(first.manifest.run)
  })
})

test('refuses data that change while they are read, and keeps nothing of it', async () => {
  const path = join(root, 'data.csv')
  const [ingest] = smallStages()
  const meddled: Stage = {
    ...ingest,
    readsSource: true,
    async run(context) {
      const headline = await ingest.run(context)
      await writeFile(path, 'a\nb\nc\nd\n')
      return headline
    },
  }
  await expect(run([], { stages: [meddled] })).rejects.toMatchObject({
    exitCode: 3,
    file: path,
    message: 'the data changed while the run was reading them',
  })
  await writeFile(path, 'a\nb\nc\n')
  const { manifest } = await run([], { stages: [ingest] })
  expect(manifest.stages[0]).toMatchObject({ name: 'ingest', reused: false })
})
