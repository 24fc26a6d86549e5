import { describe, expect, it } from 'vitest'
import { suggestedLabels } from '../../src/scoring/suggested-labels.js'

const given = Int32Array.of(0, 2, 1)

describe('suggestedLabels', () => {
  it('takes the class with the highest weighted mean probability', () => {
    const dense = Float32Array.of(0.5, 0.25, 0.25, 0.75, 0.125, 0.125, 0, 0.5, 0.5)
    const sparse = Float32Array.of(0.125, 0.75, 0.125, 0.5, 0.5, 0, 0, 0.25, 0.75)
    const equal = suggestedLabels([dense, sparse], [1, 1], given, 3)
    expect([...equal.label]).toEqual([1, 0, 2])
    expect([...equal.probability]).toEqual([0.5, 0.625, 0.625])
    const denseAlone = suggestedLabels([dense, sparse], [1, 0], given, 3)
    expect([...denseAlone.label]).toEqual([0, 0, 1])
    expect([...denseAlone.probability]).toEqual([0.5, 0.75, 0.5])
  })

  it('keeps the given label where no class is more likely', () => {
    const even = Float32Array.of(0.5, 0.5, 0, 0, 0.5, 0.5, 0.5, 0.5, 0)
    expect([...suggestedLabels([even], [1], given, 3).label]).toEqual([0, 2, 1])
  })

  it('suggests nothing without probabilities', () => {
    const unknown = new Float32Array(9).fill(Number.NaN)
    const { label, probability } = suggestedLabels([unknown], [1], given, 3)
    expect([...label]).toEqual([-1, -1, -1])
    expect(probability.every(Number.isNaN)).toBe(true)
  })
})
