import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { changedSettings } from '../../src/difference/changed-settings.js'
import { classBalance, homogeneity, stabilityIndex } from '../../src/difference/class-balance.js'
import { levelChange } from '../../src/difference/difference.js'
import { kolmogorovSmirnov, kolmogorovSurvival } from '../../src/difference/kolmogorov-smirnov.js'
import { noiseChange, shareOf } from '../../src/difference/noise-change.js'
import { anchorShare } from '../../src/scoring/anchor-points.js'
import { estimatedCount } from '../../src/scoring/noise-counts.js'

// By bench/peers/difference_fixtures.py.
const fixture = JSON.parse(readFileSync(new URL('fixtures/drift.json', import.meta.url), 'utf8'))

const samples = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 40 })

describe('kolmogorovSmirnov', () => {
  it('agrees with SciPy', () => {
    for (const { a, b, statistic, p, exact } of fixture.samples) {
      const test = kolmogorovSmirnov(Float32Array.from(a), Float32Array.from(b))
      expect(test.statistic).toBeCloseTo(statistic, 12)
      expect(test.p).toBeCloseTo(p, 12)
      // With ties it may only be larger than the exact one.
      expect(test.p).toBeGreaterThan(exact * 0.8)
    }
    for (const { lambda, p } of fixture.survival) expect(kolmogorovSurvival(lambda)).toBeCloseTo(p, 12)
  })

  it('is symmetric, blind to monotone changes, and 0 on the same sample', () => {
    fc.assert(
      fc.property(samples, samples, (a, b) => {
        const [x, y] = [Float32Array.from(a), Float32Array.from(b)]
        const test = kolmogorovSmirnov(x, y)
        expect(kolmogorovSmirnov(y, x)).toEqual(test)
        expect(kolmogorovSmirnov(x.map(Math.sign), x.map(Math.sign)).statistic).toBe(0)
        const ranks = [...new Set([...x, ...y])].sort((p, q) => p - q)
        const rank = (value: number) => ranks.indexOf(value)
        expect(kolmogorovSmirnov(x.map(rank), y.map(rank))).toEqual(test)
        expect(test.statistic).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('says nothing of nothing', () => {
    expect(kolmogorovSmirnov(new Float32Array(0), Float32Array.of(1)).p).toBeNaN()
  })
})

describe('class balance', () => {
  it('agrees with SciPy’s χ² test', () => {
    for (const { a, b, chiSquare, df, p } of fixture.tables) {
      const test = homogeneity(a, b)
      expect(test.chiSquare).toBeCloseTo(chiSquare, 9)
      expect(test.df).toBe(df)
      expect(test.p / p).toBeCloseTo(1, 9)
    }
  })

  it('has an index of 0 for the same shares and grows with the change', () => {
    expect(stabilityIndex([10, 20, 30], [10, 20, 30])).toBe(0)
    // Shares of 101/201 and 100/201 against 21/41 and 20/41, by hand.
    expect(stabilityIndex([100.5, 99.5], [20.5, 19.5])).toBeCloseTo(0.000377, 6)
    const shifts = [0, 10, 50, 200].map(shift => stabilityIndex([500, 500], [500 + shift, 500 - shift]))
    expect(shifts).toEqual(shifts.toSorted((p, q) => p - q))
    expect(stabilityIndex([5, 0], [0, 5])).toBeLessThan(Number.POSITIVE_INFINITY)
  })

  it('tests the new examples alone', () => {
    const classes = [
      { name: 'cat', a: 100, b: 160, fresh: 60 },
      { name: 'dog', a: 100, b: 100, fresh: 0 },
    ]
    expect(classBalance(classes).test).toEqual(homogeneity([100, 100], [60, 0]))
    expect(classBalance(classes.map(counts => ({ ...counts, fresh: 0 }))).test.p).toBeNaN()
  })
})

describe('noiseChange', () => {
  it('agrees with statsmodels’ hybrid score interval', () => {
    for (const { a, b, low, high } of fixture.shares) {
      // Counts go by the anchors: as many of them as the fixture has examples.
      const side = ([count, anchors]: [number, number]) => {
        const of = anchors / anchorShare
        return shareOf(estimatedCount(count / anchorShare, of), of)
      }
      const { difference } = noiseChange(side(a), side(b))
      expect(difference.low).toBeCloseTo(low, 9)
      expect(difference.high).toBeCloseTo(high, 9)
    }
  })
})

describe('levelChange', () => {
  it('compares members, and knows a side that has none', () => {
    const change = levelChange('dense', Float64Array.of(0.7, 0.72, 0.71), Float64Array.of(0.8, 0.81, 0.82))
    expect(change.difference).toBeCloseTo(0.1, 12)
    expect(change.low).toBeGreaterThan(0)
    expect(change.a.members).toBe(3)
    const missing = levelChange('int8-static', Float64Array.of(0.7), new Float64Array(0))
    expect(missing.b.mean).toBeNaN()
    expect(missing.p).toBeNaN()
  })
})

describe('changedSettings', () => {
  it('names what differs, on either side', () => {
    const a = { model: { epochs: 3, width: 1 }, compress: [{ method: 'magnitude', sparsity: [0.5, 0.9] }] }
    const b = {
      model: { epochs: 4, width: 1 },
      compress: [{ method: 'magnitude', sparsity: [0.9] }],
      seed: 1,
    }
    expect(changedSettings(a, b)).toEqual([
      { key: 'model.epochs', a: 3, b: 4 },
      { key: 'compress[0].sparsity', a: [0.5, 0.9], b: [0.9] },
      { key: 'seed', b: 1 },
    ])
  })

  it('finds nothing between equal configurations, and as much one way as the other', () => {
    const settings = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }))
    fc.assert(
      fc.property(settings, settings, (a, b) => {
        expect(changedSettings(a as never, a as never)).toEqual([])
        const keys = (x: unknown, y: unknown) => changedSettings(x as never, y as never).map(({ key }) => key)
        expect(keys(a, b).sort()).toEqual(keys(b, a).sort())
      }),
    )
  })
})
