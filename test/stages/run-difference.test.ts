import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Difference } from '../../src/difference/difference.js'
import { randomStream } from '../../src/random.js'
import { runDifference } from '../../src/stages/run-difference.js'
import { differenceText } from '../../src/terminal/difference.js'
import { type DrawnExample, type DrawnRun, writeRun } from './difference-runs.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-difference-test-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const before: DrawnExample[] = [
  { id: 'stays', label: 0 },
  { id: 'mended', label: 0, issue: true, quality: 0.1 },
  { id: 'forgiven', label: 1, issue: true, quality: 0.3 },
  { id: 'removed', label: 1, issue: true, pie: true, quality: 0.2 },
  { id: 'stubborn', label: 1, issue: true, quality: 0.05 },
  { id: 'edited', label: 0, brightness: 0.5, pie: true },
  { id: 'moved', label: 1 },
  { id: 'tested', label: 0, split: 'test' },
]
const after: DrawnExample[] = [
  { id: 'tested', label: 1, split: 'test' },
  { id: 'added', label: 2, issue: true, quality: 0.02, brightness: 0.1 },
  { id: 'stays', label: 1, issue: true, quality: 0.4, pie: true },
  { id: 'mended', label: 2 },
  { id: 'forgiven', label: 2 },
  { id: 'stubborn', label: 2, issue: true, quality: 0.06 },
  { id: 'edited', label: 1, brightness: 0.4, pie: true },
  { id: 'moved', label: 2, split: 'test' },
]

const common = { wrongLabels: { count: 2, low: 1, high: 4 }, dense: [0.7, 0.72, 0.74] }
/** Class indexes differ between the runs: names are what is compared. */
const runA = (): DrawnRun => ({
  ...common,
  folder: join(folder, 'a'),
  name: 'before',
  classNames: ['cat', 'dog'],
  examples: before,
  config: { model: { epochs: 3 } },
})
const runB = (): DrawnRun => ({
  ...common,
  folder: join(folder, 'b'),
  name: 'after',
  classNames: ['ant', 'cat', 'dog'],
  examples: after.map(example => ({ ...example, label: example.id === 'mended' ? 2 : example.label })),
  dense: [0.8, 0.82, 0.84],
  config: { model: { epochs: 5 } },
})

const idsOf = ({ listed }: { readonly listed: Difference['examples']['added']['listed'] }) =>
  listed.map(({ id }) => id)

describe('runDifference', () => {
  let difference: Difference
  beforeAll(async () => {
    difference = await runDifference(await writeRun(runA()), await writeRun(runB()))
  })

  it('finds examples again by their id, whatever their order and class indexes', () => {
    const { examples } = difference
    expect(idsOf(examples.added)).toEqual(['added'])
    expect(idsOf(examples.removed)).toEqual(['removed'])
    expect(idsOf(examples.relabeled)).toEqual(['mended'])
    expect(idsOf(examples.edited)).toEqual(['edited'])
    expect(idsOf(examples.moved)).toEqual(['moved'])
    expect(examples.relabelings).toEqual([{ from: 'cat', to: 'dog', count: 1 }])
    expect(examples.sameTest).toBe(false)
  })

  it('says which label issues are new, gone and still there, and why', () => {
    const { new: fresh, gone, still, a, b } = difference.issues!
    expect([a, b]).toEqual([4, 3])
    expect(idsOf(fresh)).toEqual(['added', 'stays'])
    expect(fresh).toMatchObject({ count: 2, added: 1, relabeled: 0 })
    expect(fresh.listed[0]).toMatchObject({ labels: [null, 'dog'], suggested: 'ant' })
    expect(idsOf(gone)).toEqual(['mended', 'removed', 'forgiven'])
    expect(gone).toMatchObject({ count: 3, removed: 1, relabeled: 1 })
    expect(idsOf(still)).toEqual(['stubborn'])
  })

  it('does so for PIEs', () => {
    const { new: fresh, gone, still } = difference.pies!
    expect([idsOf(fresh), idsOf(gone), idsOf(still)]).toEqual([['stays'], ['removed'], ['edited']])
  })

  it('compares noise, accuracy, classes and configuration', () => {
    expect(difference.noise!.a.share).toBe(2 / 8)
    expect(difference.levels).toHaveLength(1)
    expect(difference.levels[0]!.difference).toBeCloseTo(0.1, 12)
    expect(difference.audited).toBe('test')
    expect(difference.classes.classes).toEqual([
      { name: 'cat', a: 4, b: 3, fresh: 1 },
      { name: 'dog', a: 4, b: 5, fresh: 1 },
    ])
    expect(difference.settings).toEqual([{ key: 'model.epochs', a: 3, b: 5 }])
    expect(difference.versions).toEqual([])
  })

  it('holds the statistics of new and edited pictures against all earlier ones', () => {
    const brightness = difference.images!.find(({ statisticName }) => statisticName === 'brightness')!
    expect(brightness).toMatchObject({ a: 0.5, b: 0.5, statistic: 1 })
    expect(brightness.fresh).toBeCloseTo(0.25, 6)
    const blur = difference.images!.find(({ statisticName }) => statisticName === 'blur')!
    expect(blur.p).toBeNaN()
  })

  it('says it in words', () => {
    expect(differenceText(difference, 10, (_, text) => text)).toMatchSnapshot()
  })

  it('finds nothing between a run and itself', async () => {
    const same = await writeRun(runA())
    const { examples, issues, pies, settings, noise, levels } = await runDifference(same, same)
    const { added, removed, relabeled, edited, moved, sameTest } = examples
    expect([added, removed, relabeled, edited, moved].map(({ count }) => count)).toEqual([0, 0, 0, 0, 0])
    expect(sameTest).toBe(true)
    expect([issues!.new.count, issues!.gone.count, pies!.new.count, pies!.gone.count]).toEqual([0, 0, 0, 0])
    expect(settings).toEqual([])
    expect(noise!.difference.share).toBe(0)
    expect(levels[0]!.difference).toBe(0)
  })

  it('refuses runs whose ids are made of different things', async () => {
    const [a, b] = [
      await writeRun(runA()),
      await writeRun({ ...runB(), folder: join(folder, 'c'), ids: 'path' }),
    ]
    await expect(runDifference(a, b)).rejects.toThrow(/made of the path/)
  })

  it('refuses a run without examples, naming the file', async () => {
    const a = await writeRun(runA())
    await expect(runDifference(a, { ...a, folder: join(folder, 'none') })).rejects.toMatchObject({
      file: join(folder, 'none', 'examples.parquet'),
    })
  })

  it('counts what it does not list', async () => {
    const random = randomStream(5, 'difference')
    const examples = Array.from({ length: 3000 }, (_, i) => ({
      id: `x${i}`,
      label: i % 2,
      issue: random.uniform() < 0.5,
      quality: random.uniform(),
    }))
    const a = await writeRun({ ...runA(), folder: join(folder, 'd'), examples })
    const b = await writeRun({
      ...runA(),
      folder: join(folder, 'e'),
      examples: examples.map(example => ({ ...example, issue: !example.issue })).reverse(),
    })
    const { issues } = await runDifference(a, b)
    const marked = examples.filter(({ issue }) => issue).length
    expect([issues!.gone.count, issues!.new.count, issues!.still.count]).toEqual([marked, 3000 - marked, 0])
    const qualities = issues!.new.listed.map(({ quality }) => quality!)
    expect(qualities).toEqual(qualities.toSorted((p, q) => p - q))
    expect(qualities).toHaveLength(1000)
  })
})
