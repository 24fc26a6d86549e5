import { describe, expect, it } from 'vitest'
import { candour, evidenceOfAll, evidenceWeights } from '../../src/scoring/evidence.js'

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

describe('evidence in and out of sample', () => {
  it('hears members on what they trained on as far as they still err there', () => {
    expect(candour({ inSample: 0.7, outOfSample: 0.7 })).toBe(1)
    expect(candour({ inSample: 0.85, outOfSample: 0.7 })).toBeCloseTo(0.5, 12)
    expect(candour({ inSample: 1, outOfSample: 0.7 })).toBe(0)
  })

  it('hears them whole where they err no less, or nobody can tell', () => {
    expect(candour({ inSample: 0.6, outOfSample: 0.7 })).toBe(1)
    expect(candour({ inSample: 1, outOfSample: 1 })).toBe(1)
    expect(candour({ inSample: 0.9, outOfSample: Number.NaN })).toBe(1)
  })

  it('mixes both in equal parts at most', () => {
    const judging = Float32Array.of(0.25, 0.75)
    const trained = Float32Array.of(0.75, 0.25)
    expect([...evidenceOfAll(judging, trained, 1)]).toEqual([0.5, 0.5])
    expect([...evidenceOfAll(judging, trained, 0)]).toEqual([...judging])
    expect(evidenceOfAll(judging, trained, 1 / 3)[0]).toBeCloseTo(0.375, 6)
  })
})
