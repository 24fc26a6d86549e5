import { describe, expect, it } from 'vitest'
import { percentile, percentileInterval } from '../../src/scoring/percentile.js'
import { expectClose } from './close.js'
import fixture from './fixtures/percentile.json' with { type: 'json' }

describe('percentile', () => {
  it('agrees with numpy', () => {
    for (const { values, percentiles } of fixture.samples) {
      expectClose(
        fixture.shares.map(share => percentile(values, share)),
        percentiles,
      )
      expectClose(percentileInterval(values), [percentiles[1], percentiles[4]])
    }
  })

  it('leaves NaN out, and knows nothing of nothing', () => {
    expect(percentile([3, Number.NaN, 1], 0.5)).toBe(2)
    expect(percentile([Number.NaN], 0.5)).toBeNaN()
  })
})
