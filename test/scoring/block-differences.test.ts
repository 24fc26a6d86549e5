import { describe, expect, it } from 'vitest'
import { blockDifferences } from '../../src/scoring/block-differences.js'
import { pairedDifference } from '../../src/scoring/paired-difference.js'
import { expectClose } from './close.js'
import fixture from './fixtures/block-differences.json' with { type: 'json' }

describe('blockDifferences', () => {
  it('agrees with the least squares of statsmodels', () => {
    for (const { outcomes, comparisons, first, second, mean, low, high } of fixture.cases) {
      const rows = Object.entries(outcomes as unknown as Record<string, number[]>)
      const difference = blockDifferences(new Map(rows), comparisons)(first, second)
      expectClose([difference.mean, difference.low, difference.high], [mean, low, high])
    }
  })

  it('is the paired difference where there are two treatments', () => {
    const a = Float64Array.of(0.81, 0.79, 0.84, 0.8)
    const b = Float64Array.of(0.8, 0.79, 0.81, 0.78)
    const { mean, low, high } = pairedDifference(a, b)
    const block = blockDifferences(
      new Map([
        ['a', a],
        ['b', b],
      ]),
      1,
    )('a', 'b')
    expectClose([block.mean, block.low, block.high], [mean, low, high])
  })

  it('has no interval for a single block, and refuses missing ones', () => {
    const single = new Map([
      ['a', [1]],
      ['b', [2]],
    ])
    expect(blockDifferences(single, 1)('a', 'b')).toEqual({ mean: -1, low: Number.NaN, high: Number.NaN })
    expect(() => blockDifferences(new Map([...single, ['c', [1, 2]]]), 1)).toThrow(RangeError)
  })
})
