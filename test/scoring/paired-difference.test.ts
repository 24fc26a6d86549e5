import { describe, expect, it } from 'vitest'
import { pairedDifference } from '../../src/scoring/paired-difference.js'
import { expectClose } from './close.js'
import fixture from './fixtures/paired-difference.json' with { type: 'json' }

describe('pairedDifference', () => {
  it('agrees with scipy.stats.ttest_rel', () => {
    for (const { a, b, mean, sd, low, high } of fixture.cases) {
      const difference = pairedDifference(Float64Array.from(a), Float64Array.from(b))
      expectClose([difference.mean, difference.sd, difference.low, difference.high], [mean, sd, low, high])
    }
  })

  it('has no interval for a single pair, and refuses unpaired values', () => {
    const single = pairedDifference(Float64Array.of(3), Float64Array.of(1))
    expect(single.mean).toBe(2)
    expect(single.low).toBeNaN()
    expect(() => pairedDifference(Float64Array.of(3), Float64Array.of(1, 2))).toThrow(RangeError)
  })
})
