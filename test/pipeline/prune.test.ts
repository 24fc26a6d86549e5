import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadPipeline, parseOverride } from '../../src/pipeline/load.js'
import type { Manifest } from '../../src/pipeline/manifest.js'
import { expiredRuns, prune } from '../../src/pipeline/prune.js'
import { runPipeline } from '../../src/pipeline/runner.js'
import { listRuns, type Run } from '../../src/pipeline/runs.js'
import { openStore } from '../../src/pipeline/store.js'
import { writeSmallPipeline } from './small-pipeline.js'
import { fingerprint, smallStages } from './small-stages.js'

let root: string
let out: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pieline-prune-'))
  out = join(root, 'runs')
  await writeSmallPipeline(root)
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function run(set: string[] = [], signal?: AbortSignal) {
  const made: string[] = []
  const pipeline = await loadPipeline(join(root, 'small.yaml'), set.map(parseOverride))
  const stages = smallStages({ made })
  const done = await runPipeline(pipeline, { stages, fingerprint, out, ...(signal && { signal }) })
  return { ...done, made }
}

const storeOf = () => openStore(join(out, 'store'))
const keys = async () => (await (await storeOf()).list()).map(({ key }) => key).sort()

describe('artefacts', () => {
  test('of runs that stay are all there afterwards, parts of reused stages too: nothing is made anew', async () => {
    const before = await run(['model.epochs=1'])
    const stays = await run(['model.epochs=2'])
    await run(['model.epochs=2', 'scoring.alpha=0.1'])
    const [newest, ...others] = await listRuns(join(out, 'small'))
    expect(others).toHaveLength(2)
    const pruned = await prune(out, [before, stays])
    // The first run's members, training, scores and report; and scores and report of the second.
    expect(pruned).toMatchObject({ artefacts: 3 + 3 + 2 })
    expect((await listRuns(join(out, 'small'))).map(({ folder }) => folder)).toEqual([newest.folder])
    const again = await run(['model.epochs=2', 'scoring.alpha=0.1', 'population.seeds=4'])
    expect(again.made).toEqual(['train', 'member 3', 'score', 'report'])
  })

  test('that no run needs go, and a dry run says so first', async () => {
    const old = await run(['model.epochs=1'])
    await run(['model.epochs=2'])
    const there = await keys()
    expect(await prune(out, [old], { dryRun: true })).toMatchObject({ artefacts: 6, bytes: 0 })
    expect(await keys()).toEqual(there)
    const { artefacts, bytes } = await prune(out, [old])
    expect(artefacts).toBe(6)
    expect(bytes).toBeGreaterThan(0)
    expect(await readdir(join(out, 'store', 'roots'))).toHaveLength(1)
  })

  test('that an interrupted run made stay with it', async () => {
    const stop = new AbortController()
    const pipeline = await loadPipeline(join(root, 'small.yaml'))
    const stages = smallStages({ pause: 1 })
    const observe = (event: { event: string; done?: number }) => {
      if (event.event === 'progress' && event.done === 2) stop.abort(new Error('enough'))
    }
    await expect(
      runPipeline(pipeline, { stages, fingerprint, out, observe, signal: stop.signal }),
    ).rejects.toThrow('enough')
    expect(await prune(out, [])).toMatchObject({ artefacts: 0 })
    expect((await run()).made).toEqual(['train', 'member 2', 'score', 'report'])
  })

  test('that come into need while they are out of sight come back', async () => {
    await run()
    const store = await storeOf()
    const all = await store.list()
    const [needed] = all
    await store.remove(
      all,
      async () =>
        ({ key }) =>
          key !== needed.key,
    )
    expect(await keys()).toEqual([needed.key])
    expect((await store.find(needed.key))?.files.length).toBeGreaterThan(0)
  })

  test('of a version that noted nothing stay as long as one of its runs does', async () => {
    const old = await run()
    for (const key of await keys()) {
      const path = join(out, 'store', key, 'stage.json')
      const record = await readFile(path, 'utf8').catch(() => undefined)
      if (record === undefined) continue
      const { uses: _, ...rest } = JSON.parse(record)
      await writeFile(path, JSON.stringify(rest))
    }
    await rm(join(out, 'store', 'roots'), { recursive: true })
    expect(await prune(out, [])).toMatchObject({ artefacts: 0 })
    expect(await prune(out, [old])).toMatchObject({ artefacts: 7 })
  })

  test('stay where a manifest cannot be understood', async () => {
    const { folder } = await run()
    await writeFile(join(folder, 'manifest.json'), '{"format": 2}')
    await expect(prune(out, [])).rejects.toThrow('is not a manifest that this version understands')
    expect(await keys()).toHaveLength(7)
  })
})

const day = 86_400_000
const now = Date.parse('2026-06-01T00:00:00Z')

/** Runs of so many days ago. */
const runsOf = (ages: readonly number[], status: Manifest['status'] = 'done'): Run[] =>
  ages.map((age, at) => {
    const started = new Date(now - age * day).toISOString()
    const run = String(ages.length - at).padStart(4, '0')
    return { folder: run, manifest: { run, started, status } as unknown as Manifest }
  })

describe('retention', () => {
  test('keeps by either limit', () => {
    const runs = runsOf([0.5, 1.5, 2.5, 3.5, 4.5])
    const gone = (keep: object) => expiredRuns(runs, keep, [], now).map(run => runs.indexOf(run))
    expect(gone({ runs: 2 })).toEqual([2, 3, 4])
    expect(gone({ days: 4 })).toEqual([4])
    expect(gone({ runs: 4, days: 2 })).toEqual([4])
    expect(expiredRuns(runs, undefined, [], now)).toEqual([])
  })

  test('never takes the newest, the newest finished, or a pinned run', () => {
    const ages = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 1, maxLength: 12 })
    const statuses = fc.array(fc.constantFrom('done', 'failed', 'interrupted'), {
      minLength: 12,
      maxLength: 12,
    })
    fc.assert(
      fc.property(ages, statuses, fc.nat(11), fc.integer({ min: 1, max: 5 }), (days, states, pin, keep) => {
        const runs = runsOf(days.sort((a, b) => a - b)).map((run, at) => ({
          ...run,
          manifest: { ...run.manifest, status: states[at] as Manifest['status'] },
        }))
        const pinned = runs[pin % runs.length]
        const gone = expiredRuns(runs, { runs: keep, days: 10 }, [pinned], now)
        expect(gone).not.toContain(pinned)
        expect(gone).not.toContain(runs[0])
        const finished = runs.find(({ manifest }) => manifest.status === 'done')
        if (finished) expect(gone).not.toContain(finished)
        for (const [at, run] of runs.entries()) {
          if (at < keep || days[at] < 10) expect(gone).not.toContain(run)
        }
      }),
    )
  })
})

test('a clock that was put back changes nothing of the order of runs', async () => {
  const first = await run()
  const future = '20991231T235959.999Z'
  await rename(first.folder, join(out, 'small', future))
  const second = await run()
  expect(second.manifest.run).toBe('21000101T000000.000Z')
  expect(Date.parse(second.manifest.started)).toBeLessThan(Date.parse('2099-01-01'))
})
