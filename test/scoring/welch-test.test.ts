import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { welchTest } from '../../src/scoring/welch-test.js'
import { expectClose } from './close.js'
import fixture from './fixtures/welch.json' with { type: 'json' }

const sample = fc.float64Array({ min: 0, max: 1, noNaN: true, minLength: 2, maxLength: 20 })

describe('welchTest', () => {
  it('agrees with scipy.stats.ttest_ind(equal_var=False)', () => {
    for (const { a, b, t, df, p } of fixture.cases) {
      const test = welchTest(Float64Array.from(a), Float64Array.from(b))
      expectClose([test.t, test.df, test.p], [t, df, p])
    }
  })

  it('says nothing of samples too small or without variance', () => {
    expect(welchTest(Float64Array.of(1), Float64Array.of(1, 2)).p).toBeNaN()
    expect(welchTest(Float64Array.of(1, 1), Float64Array.of(2, 2)).p).toBeNaN()
  })

  it('changes only the sign of t when the samples change places, and keeps to its bounds', () => {
    fc.assert(
      fc.property(sample, sample, (a, b) => {
        const forth = welchTest(a, b)
        const back = welchTest(b, a)
        fc.pre(!Number.isNaN(forth.t))
        expect(back.t).toBe(-forth.t)
        expect(back.p).toBe(forth.p)
        expect(forth.p).toBeGreaterThanOrEqual(0)
        expect(forth.p).toBeLessThanOrEqual(1)
        expect(forth.df).toBeGreaterThanOrEqual((Math.min(a.length, b.length) - 1) * (1 - 1e-12))
        expect(forth.df).toBeLessThanOrEqual((a.length + b.length - 2) * (1 + 1e-12))
      }),
    )
  })
})
