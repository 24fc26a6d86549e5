import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { labelQuality, meanMargins } from '../../src/scoring/label-quality.js'
import fixture from './fixtures/label-quality.json' with { type: 'json' }

const margins = fc.float32Array({ min: -20, max: 20, noNaN: true, minLength: 6, maxLength: 6 })

describe('labelQuality', () => {
  it('of one member is p(given) ÷ (p(given) + p(strongest rival)), by cleanlab’s probabilities', () => {
    const quality = labelQuality([Float32Array.from(fixture.margins)], [1])
    for (const [i, expected] of fixture.quality.entries()) {
      expect(quality[i]).toBeCloseTo(expected, 6)
      expect(quality[i] > 0.5 ? 1 : 0).toBe(fixture.prefersGiven[i])
    }
  })

  it('lies between 0 and 1 and rises with every margin', () => {
    fc.assert(
      fc.property(margins, margins, fc.double({ min: 0, max: 1, noNaN: true }), (dense, sparse, weight) => {
        const quality = labelQuality([dense, sparse], [1, weight])
        const raised = labelQuality([dense.map(value => value + 1), sparse], [1, weight])
        for (const [i, value] of quality.entries()) {
          expect(value).toBeGreaterThanOrEqual(0)
          expect(value).toBeLessThanOrEqual(1)
          // Float32 has no room left between qualities that near to 1.
          if (value < 0.999) expect(raised[i]).toBeGreaterThan(value)
          else expect(raised[i]).toBeGreaterThanOrEqual(value)
        }
      }),
    )
  })

  it('passes over levels without evidence, and is NaN where there is none at all', () => {
    const unknown = Number.NaN
    const quality = labelQuality(
      [Float32Array.of(unknown, 0, unknown), Float32Array.of(0, unknown, unknown)],
      [1, 1],
    )
    expect([...quality]).toEqual([0.5, 0.5, unknown])
  })
})

describe('meanMargins', () => {
  const values = Float32Array.of(1, 3, 8, -1, -3, -8)

  it('takes members that did not train on the example, else everybody', () => {
    const inSample = Uint8Array.of(0, 0, 1, 1, 1, 1)
    expect([...meanMargins(values, inSample, 3, 'auto')]).toEqual([2, -4])
    expect([...meanMargins(values, inSample, 3, 'out-of-sample')]).toEqual([2, Number.NaN])
    expect([...meanMargins(values, inSample, 3, 'all')]).toEqual([4, -4])
  })

  it('is blind to the order of the members', () => {
    const inSample = fc.uint8Array({ min: 0, max: 1, minLength: 6, maxLength: 6 })
    fc.assert(
      fc.property(margins, inSample, (values, inSample) => {
        const [forth] = meanMargins(values, inSample, 6, 'auto')
        const [back] = meanMargins(values.toReversed(), inSample.toReversed(), 6, 'auto')
        expect(back).toBeCloseTo(forth, 5)
      }),
    )
  })
})
