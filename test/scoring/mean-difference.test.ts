import { describe, expect, it } from 'vitest'
import { detectableDifference, interval, membersToDetect } from '../../src/scoring/mean-difference.js'
import { pairedTest } from '../../src/scoring/paired-difference.js'
import { welchTest } from '../../src/scoring/welch-test.js'
import { expectClose } from './close.js'
import fixture from './fixtures/mean-difference.json' with { type: 'json' }

describe('tests of a mean difference', () => {
  it('agree with scipy, with their intervals and what they can detect', () => {
    for (const { test: name, alpha, a, b, ...expected } of fixture.cases) {
      const compare = name === 'paired' ? pairedTest : welchTest
      const test = compare(Float64Array.from(a), Float64Array.from(b))
      const [low, high] = interval(test, 1 - alpha)
      expectClose(
        [test.difference, test.error, test.t, test.df, test.p, low, high, detectableDifference(test, alpha)],
        [
          expected.difference,
          expected.error,
          expected.t,
          expected.df,
          expected.p,
          expected.low,
          expected.high,
          expected.detectable,
        ],
      )
    }
  })

  it('detect with 80 % power what they call detectable, by the noncentral t of statsmodels', () => {
    for (const power of fixture.powers) expect(Math.abs(power - 0.8)).toBeLessThan(0.02)
  })

  it('take about as many members for a smaller difference as detect it then', () => {
    const of = (members: number) => {
      const values = Float64Array.from({ length: members }, (_, i) => (i % 2 === 0 ? 0.1 : -0.1))
      return detectableDifference(pairedTest(values, new Float64Array(members)), 0.05)
    }
    const needed = membersToDetect(of(20) / 2, of(20), 20)
    expect(needed).toBe(80)
    expect(of(needed)).toBeLessThan(of(20) / 2)
    expect(of(Math.round(needed * 0.85))).toBeGreaterThan(of(20) / 2)
  })

  it('say nothing where rounding is all the variance there is', () => {
    const a = Float64Array.from({ length: 5 }, (_, i) => 0.1 * i + 0.7)
    const test = pairedTest(
      a,
      a.map(value => value - 0.1),
    )
    expect(test.difference).toBeCloseTo(0.1, 12)
    expect([test.t, test.p, ...interval(test, 0.95), detectableDifference(test, 0.05)]).toEqual(
      Array(5).fill(Number.NaN),
    )
  })

  it('refuse samples that are no pairs', () => {
    expect(() => pairedTest(Float64Array.of(1, 2), Float64Array.of(1))).toThrow(RangeError)
  })
})
