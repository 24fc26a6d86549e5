import { describe, expect, it } from 'vitest'
import { findDuplicates } from '../../src/inspection/duplicates.js'
import { hintRules, standsOut } from '../../src/inspection/hints.js'
import { isolation, neighborLabels } from '../../src/inspection/neighborhood.js'
import { ambiguous, plausibleClasses } from '../../src/inspection/plausible-classes.js'

describe('duplicates', () => {
  it('are told exact and near, with other labels and across splits', () => {
    const found = findDuplicates({
      // Rows 0, 2 and 4 are the same; 1 and 5 nearly so; 3 is like none.
      digests: Float64Array.of(7, 1, 8, 1, 7, 1, 9, 1, 7, 1, 8, 2),
      near: {
        hashes: Int32Array.of(0, 0, 0b111, 0, 0, 0, -1, -1, 0, 0, 0b11, 0),
        brightness: Float32Array.of(0.9, 0.1, 0.9, 0.5, 0.9, 0.1),
        neighbors: Int32Array.of(2, 5, 0, 0, 0, 1),
        count: 1,
      },
      labels: Int32Array.of(0, 1, 0, 0, 2, 1),
      split: Uint8Array.of(0, 0, 0, 1, 0, 1),
    })
    expect([...found.exact]).toEqual([1, 0, 1, 0, 1, 0])
    expect([...found.near]).toEqual([0, 1, 0, 0, 0, 1])
    expect([...found.otherLabel]).toEqual([1, 0, 1, 0, 1, 0])
    expect([...found.leak]).toEqual([0, 1, 0, 0, 0, 1])
    expect([...found.group]).toEqual([0, 1, 0, -1, 0, 1])
    expect(found.groups).toBe(2)
  })
})

describe('hints', () => {
  it('need a value that stands out and lies beyond the floor', () => {
    const blur = Float32Array.from({ length: 100 }, (_, i) => 0.3 + (i % 10) / 100)
    blur[3] = 0.8
    blur[4] = 0.55
    blur[5] = Number.NaN
    const marked = [...standsOut(blur, hintRules.blurry)].flatMap((mark, i) => (mark === 1 ? [i] : []))
    expect(marked).toEqual([3])
    expect(standsOut(new Float32Array(9).fill(0.9), hintRules.blurry)).toEqual(new Uint8Array(9))
  })
})

describe('neighbourhoods', () => {
  it('vote, and tell how far off an example is', () => {
    const table = {
      indices: Int32Array.of(1, 2, 0, 2, 0, 1, 0, 1),
      similarities: Float32Array.of(0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.4, 0.2),
      count: 2,
    }
    const { agreement, majority } = neighborLabels(table, Int32Array.of(0, 0, 1, 1), 2)
    expect([...agreement]).toEqual([0.5, 0.5, 0, 0])
    expect([...majority]).toEqual([0, 0, 0, 0])
    const { distance, relative } = isolation(table)
    expect(distance[3]).toBeCloseTo(0.7)
    expect(relative[0]).toBeCloseTo(1)
    expect(relative[3]).toBeCloseTo(7, 3)
  })

  it('find two plausible classes, and no third', () => {
    const plausible = plausibleClasses(Float32Array.of(0.1, 0.48, 0.42, 0.9, 0.05, 0.05, 0.35, 0.33, 0.32), 3)
    expect([...plausible.first]).toEqual([1, 0, 0])
    expect([...plausible.second]).toEqual([2, 1, 1])
    expect([...ambiguous(plausible)]).toEqual([1, 0, 0])
  })
})
