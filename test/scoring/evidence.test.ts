import { describe, expect, it } from 'vitest'
import { evidenceWeights } from '../../src/scoring/evidence.js'

const trained = (accuracy: number) => ({ accuracy, copy: false })

describe('evidenceWeights', () => {
  it('halves a level’s weight with every 3 % of skill that it lacks against dense', () => {
    const [dense, three, six] = evidenceWeights(
      [trained(0.9), trained(0.1 + 0.8 * 0.97), trained(0.1 + 0.8 * 0.94)],
      10,
    )
    expect(dense).toBe(1)
    expect(three).toBeCloseTo(0.5, 12)
    expect(six).toBeCloseTo(0.25, 12)
  })

  it('never lets a compressed member count more than a dense one', () => {
    expect([...evidenceWeights([trained(0.6), trained(0.8)], 10)]).toEqual([1, 1])
  })

  it('counts a re-encoded member once', () => {
    expect([...evidenceWeights([trained(0.8), { accuracy: 0.8, copy: true }], 10)]).toEqual([1, 0])
  })

  it('trusts dense alone where nothing can be compared', () => {
    expect([...evidenceWeights([trained(0.1), trained(0.3)], 10)]).toEqual([1, 0])
    expect([...evidenceWeights([trained(Number.NaN), trained(0.3)], 10)]).toEqual([1, 0])
    expect([...evidenceWeights([trained(0.8), trained(Number.NaN)], 10)]).toEqual([1, 0])
  })
})
