import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pieOverlaps } from '../../src/scoring/pie-overlap.js'

describe('pieOverlaps', () => {
  it('counts what two levels share, beside what chance would give', () => {
    const [overlap, ...others] = pieOverlaps([
      Uint8Array.of(1, 1, 1, 0, 0, 0, 0, 0),
      Uint8Array.of(0, 1, 1, 1, 1, 0, 0, 0),
    ])
    expect(others).toEqual([])
    expect(overlap).toEqual({ levels: [0, 1], pies: [3, 4], both: 2, jaccard: 2 / 5, expected: 1.5 })
  })

  it('is whole where levels are the same, and undefined without PIEs', () => {
    const flags = fc.uint8Array({ min: 0, max: 1, minLength: 1, maxLength: 50 })
    fc.assert(
      fc.property(flags, pies => {
        const [{ jaccard, both }] = pieOverlaps([pies, pies])
        expect(jaccard).toBe(both > 0 ? 1 : Number.NaN)
      }),
    )
  })
})
