import { describe, expect, it } from 'vitest'
import { mean, sampleDeviation, sampleVariance } from '../../src/scoring/moments.js'

describe('moments', () => {
  it('are those of the sample', () => {
    const values = Float64Array.of(2, 4, 4, 4, 5, 5, 7, 9)
    expect(mean(values)).toBe(5)
    expect(sampleVariance(values)).toBe(32 / 7)
    expect(sampleDeviation(values)).toBe(Math.sqrt(32 / 7))
  })

  it('are undefined for too few values', () => {
    expect(mean([])).toBeNaN()
    expect(sampleDeviation([1])).toBeNaN()
  })
})
