import { describe, expect, it } from 'vitest'
import {
  calibrationError,
  compareWithTruth,
  noClass,
  noiseShare,
  reliability,
  unknownTruth,
} from '../../src/scoring/known-truth.js'

const labels = Int32Array.of(0, 0, 1, 1, 2, 2)
const truth = Int32Array.of(0, 1, 1, noClass, unknownTruth, 2)

describe('compareWithTruth', () => {
  it('counts only examples whose truth is known, each kind of error against the correct ones', () => {
    const quality = Float32Array.of(0.9, 0.1, 0.2, 0.3, 0.05, 0.8)
    const issues = Uint8Array.of(0, 1, 1, 0, 1, 0)
    const { byKind, ...all } = compareWithTruth({ labels, truth }, quality, issues)!
    expect(all).toMatchObject({ issues: 2, recall: 0.5, precision: 0.5, precisionAt1: 1, auroc: 5 / 6 })
    expect(all.averagePrecision).toBeCloseTo((1 + 2 / 3) / 2, 12)
    expect(byKind['other class']).toEqual({ issues: 1, auroc: 1, averagePrecision: 1, recall: 1 })
    expect(byKind['no class']).toMatchObject({ issues: 1, auroc: 2 / 3, averagePrecision: 1 / 2, recall: 0 })
  })

  it('has nothing to compare where no label is wrong, or none right', () => {
    const quality = Float32Array.of(0.5, 0.5)
    const of = (given: number[], known: number[]) =>
      compareWithTruth({ labels: Int32Array.from(given), truth: Int32Array.from(known) }, quality, [0, 0])
    expect(of([0, 1], [0, unknownTruth])).toBeUndefined()
    expect(of([0, 1], [1, unknownTruth])).toBeUndefined()
  })
})

describe('reliability', () => {
  it('sets mean quality against the share of right labels, bin by bin', () => {
    const quality = Float64Array.of(0.95, 0.12, 0.18, 0.98, 0.5, 1)
    const bins = reliability({ labels, truth }, quality)
    expect(bins.map(({ examples, right }) => [examples, right])).toEqual([
      [2, 0.5],
      [3, 2 / 3],
    ])
    expect(bins[0].quality).toBeCloseTo(0.15, 12)
    expect(calibrationError(bins)).toBeCloseTo((2 * 0.35 + 3 * (2.93 / 3 - 2 / 3)) / 5, 12)
  })
})

describe('noiseShare', () => {
  it('is the share of wrong labels among flagged and other examples', () => {
    const flags = Uint8Array.of(0, 1, 1, 1, 1, 0)
    expect(noiseShare({ labels, truth }, flags, 1)).toBeCloseTo(2 / 3, 12)
    expect(noiseShare({ labels, truth }, flags, 0)).toBe(0)
    expect(noiseShare({ labels, truth }, new Uint8Array(6), 1)).toBeNaN()
  })
})
