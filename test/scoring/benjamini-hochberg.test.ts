import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { benjaminiHochberg } from '../../src/scoring/benjamini-hochberg.js'
import { expectClose } from './close.js'
import fixture from './fixtures/benjamini-hochberg.json' with { type: 'json' }

describe('benjaminiHochberg', () => {
  it('agrees with statsmodels multipletests(method="fdr_bh")', () => {
    for (const { p, q } of fixture.families) expectClose(benjaminiHochberg(Float64Array.from(p)), q)
  })

  it('leaves tests that were not made out of the family', () => {
    expect([...benjaminiHochberg(Float64Array.of(Number.NaN, 0.02, Number.NaN, 0.04))]).toEqual([
      Number.NaN,
      0.04,
      Number.NaN,
      0.04,
    ])
  })

  it('keeps the order of the p values, never falls below them, and ignores their places', () => {
    const family = fc.float64Array({ min: 0, max: 1, noNaN: true, minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(family, p => {
        const q = benjaminiHochberg(p)
        const order = [...p.keys()].sort((a, b) => p[a] - p[b])
        for (const [place, i] of order.entries()) {
          expect(q[i]).toBeGreaterThanOrEqual(p[i])
          expect(q[i]).toBeLessThanOrEqual(1)
          if (place > 0) expect(q[i]).toBeGreaterThanOrEqual(q[order[place - 1]])
        }
        expect([...benjaminiHochberg(p.toReversed())]).toEqual([...q].reverse())
      }),
    )
  })
})
