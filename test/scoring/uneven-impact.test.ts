import { describe, expect, it } from 'vitest'
import { unevenImpact } from '../../src/scoring/uneven-impact.js'
import { expectClose } from './close.js'
import fixture from './fixtures/uneven-impact.json' with { type: 'json' }

const classOf = (relativeChange: number, denseRecallMean: number, recallMean: number) => ({
  relativeChange,
  denseRecallMean,
  recallMean,
  error: 0.02,
})

describe('unevenImpact', () => {
  it('agrees with numpy', () => {
    const impact = unevenImpact(
      fixture.change.map((change, c) => classOf(change, fixture.dense[c], fixture.level[c])),
    )
    expectClose(
      [impact.spread, impact.worstChange, impact.worstTenthShare, impact.chance],
      [fixture.spread, fixture.worst, fixture.worstTenthShare, 0.02],
    )
    expect(impact.worstClass).toBe(fixture.worstClass)
  })

  it('tells an even loss from one that a single class bears', () => {
    const even = unevenImpact(Array.from({ length: 10 }, () => classOf(0, 0.875, 0.75)))
    expect([even.spread, even.worstTenthShare]).toEqual([0, 0.1])
    const single = Array.from({ length: 10 }, (_, c) =>
      c === 4 ? classOf(-0.09, 0.9, 0.8) : classOf(0.01, 0.9, 0.9),
    )
    expect(unevenImpact(single).worstTenthShare).toBe(1)
    expect(unevenImpact(single).worstClass).toBe(4)
  })

  it('leaves out classes without examples, and has no share of a loss that there is not', () => {
    const missing = {
      relativeChange: Number.NaN,
      error: Number.NaN,
      denseRecallMean: Number.NaN,
      recallMean: Number.NaN,
    }
    const impact = unevenImpact([missing, classOf(0.01, 0.8, 0.9), classOf(-0.01, 0.8, 0.85)])
    expect(impact.worstClass).toBe(2)
    expect(impact.spread).toBeCloseTo(0.01, 12)
    expect(impact.worstTenthShare).toBeNaN()
    expect(unevenImpact([])).toMatchObject({ worstClass: -1, spread: Number.NaN, worstChange: Number.NaN })
  })
})
