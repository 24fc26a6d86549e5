import fc from 'fast-check'
import { expect, test } from 'vitest'
import { normalizationTally } from '../../src/dataset/normalization.js'

/** The textbook's two passes, in double precision. */
function moments(values: readonly number[]): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  return { mean, deviation: Math.sqrt(variance) }
}

test('pixels: mean and deviation of each channel in units of 255', () => {
  const image = fc.uint8Array({ minLength: 12, maxLength: 12 })
  fc.assert(
    fc.property(fc.array(image, { minLength: 1, maxLength: 20 }), images => {
      const tally = normalizationTally({ kind: 'image', height: 2, width: 2, channels: 3 })
      for (const pixels of images) tally.add(pixels)
      const { mean, deviation } = tally.result()
      for (let channel = 0; channel < 3; channel++) {
        const expected = moments(
          images.flatMap(pixels => [...pixels].filter((_, i) => i % 3 === channel).map(value => value / 255)),
        )
        expect(mean[channel]).toBeCloseTo(expected.mean, 6)
        expect(deviation[channel]).toBeCloseTo(expected.deviation < 1e-7 ? 1 : expected.deviation, 5)
      }
    }),
  )
})

test('features: far from zero, the deviation keeps its digits', () => {
  const tally = normalizationTally({ kind: 'features', features: 2 })
  for (let i = 0; i < 1000; i++) tally.add(Float32Array.of(1e6 + (i % 2), -3))
  const { mean, deviation } = tally.result()
  expect(mean).toEqual(Float32Array.of(1e6 + 0.5, -3))
  expect(deviation[0]).toBeCloseTo(0.5, 6)
  // What does not vary is divided by one.
  expect(deviation[1]).toBe(1)
})
