import { describe, expect, it } from 'vitest'
import { benjaminiHochberg } from '../../src/scoring/benjamini-hochberg.js'
import { pairedTest } from '../../src/scoring/paired-difference.js'
import { type Condition, type MemberAccuracies, robustnessRows } from '../../src/scoring/robustness.js'
import { welchTest } from '../../src/scoring/welch-test.js'

const conditions: Condition[] = [
  { corruption: 'shot_noise', category: 'noise', severity: 1, examples: 50 },
  { corruption: 'shot_noise', category: 'noise', severity: 3, examples: 50 },
  { corruption: 'contrast', category: 'digital', severity: 1, examples: 50 },
  { corruption: 'contrast', category: 'digital', severity: 3, examples: 50 },
  { corruption: 'spatter', category: 'extra', severity: 1, examples: 50 },
  { corruption: 'spatter', category: 'extra', severity: 3, examples: 50 },
  { corruption: 'hard', category: 'natural', severity: undefined, examples: 20 },
]

/** Three members; each condition takes a share of their clean accuracy, of each member a little else. */
const level = (name: string, clean: number, shares: readonly number[], paired = false) => ({
  level: name,
  paired,
  conditions: shares.map((share, c): MemberAccuracies => {
    const own = Float64Array.of(clean, clean + 0.01, clean + 0.03)
    return {
      top1: own.map((value, m) => value * (share + 0.01 * ((m + c) % 3))),
      top5: own.map(() => 0.9),
      clean: own,
    }
  }),
})

const dense = level('dense', 0.9, [0.9, 0.7, 0.8, 0.6, 0.5, 0.4, 0.3])
const pruned = level('magnitude-0.9', 0.8, [0.8, 0.5, 0.7, 0.5, 0.5, 0.3, 0.2])
const ratios = ({ top1, clean }: MemberAccuracies) => top1.map((value, m) => value / clean[m]!)

describe('rows of robustness', () => {
  const rows = robustnessRows(conditions, [dense, pruned])
  const row = (level: string, corruption: string, severity: number | null, category?: string) =>
    rows.find(
      found =>
        found.level === level &&
        found.corruption === corruption &&
        found.severity === severity &&
        (category === undefined || found.category === category),
    )!

  it('go level by level: severities, their mean, natural sets, then categories and the mean of the paper', () => {
    const places = rows
      .filter(({ level }) => level === 'dense')
      .map(({ corruption, category, severity }) => `${corruption} ${category} ${severity}`)
    expect(places).toEqual([
      'shot_noise noise 1',
      'shot_noise noise 3',
      'shot_noise noise null',
      'contrast digital 1',
      'contrast digital 3',
      'contrast digital null',
      'spatter extra 1',
      'spatter extra 3',
      'spatter extra null',
      'hard natural null',
      'mean noise null',
      'mean digital null',
      'mean extra null',
      'mean all null',
    ])
    expect(rows.length).toBe(2 * places.length)
  })

  it('average member by member, and leave the extra corruptions out of the mean', () => {
    const all = row('dense', 'mean', null, 'all')
    const expected = [0, 1, 2].map(
      m => [0, 1, 2, 3].reduce((sum, c) => sum + dense.conditions[c]!.top1[m]!, 0) / 4,
    )
    expect(all.top1Mean).toBeCloseTo(expected.reduce((sum, value) => sum + value, 0) / 3, 12)
    expect(all.cleanTop1Mean).toBeCloseTo(0.9 + 0.04 / 3, 12)
    expect(all.relativeTop1).toBeCloseTo(all.top1Mean / all.cleanTop1Mean, 12)
    expect(all).toMatchObject({ relativeToDense: 1, p: Number.NaN, members: 3 })
  })

  it('test what is left of clean accuracy, not accuracy, in the way of the level', () => {
    const found = row('magnitude-0.9', 'contrast', 3)
    const [ours, theirs] = [pruned, dense].map(({ conditions }) => ratios(conditions[3]!))
    expect(found.p).toBe(welchTest(ours!, theirs!).p)
    expect(found.relativeToDense).toBeCloseTo(
      found.relativeTop1 / row('dense', 'contrast', 3).relativeTop1,
      12,
    )
    const branched = robustnessRows(conditions, [dense, { ...pruned, paired: true }])
    const same = branched.find(r => r.level !== 'dense' && r.corruption === 'contrast' && r.severity === 3)!
    expect(same.p).toBe(pairedTest(ours!, theirs!).p)
  })

  it('adjust severities, corruptions and categories as families of their own', () => {
    const severities = rows.filter(r => r.level !== 'dense' && r.severity !== null)
    expect(severities.map(({ q }) => q)).toEqual([
      ...benjaminiHochberg(Float64Array.from(severities, ({ p }) => p)),
    ])
    const overSeverities = rows.filter(
      r => r.level !== 'dense' && r.severity === null && r.corruption !== 'mean',
    )
    expect(overSeverities.map(({ q }) => q)).toEqual([
      ...benjaminiHochberg(Float64Array.from(overSeverities, ({ p }) => p)),
    ])
  })

  it('say nothing relative where there are no clean pictures to measure by', () => {
    const unknown = (of: typeof dense) => ({
      ...of,
      conditions: of.conditions.map(condition => ({
        ...condition,
        clean: condition.clean.map(() => Number.NaN),
      })),
    })
    for (const found of robustnessRows(conditions, [unknown(dense), unknown(pruned)])) {
      expect(found.top1Mean).toBeGreaterThan(0)
      expect(found).toMatchObject({
        cleanTop1Mean: Number.NaN,
        relativeTop1: Number.NaN,
        relativeToDense: Number.NaN,
        p: Number.NaN,
      })
    }
  })
})
