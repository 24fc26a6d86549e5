import { describe, expect, it } from 'vitest'
import { findDuplicates } from '../../src/inspection/duplicates.js'
import { hintRules, standsOut } from '../../src/inspection/hints.js'
import { isolation, neighborLabels } from '../../src/inspection/neighborhood.js'
import { ambiguous, plausibleClasses } from '../../src/inspection/plausible-classes.js'
import { randomStream } from '../../src/random.js'

/** Thumbnails and neighbours of 60 examples, each the neighbour of the one before; 5 looks as 1 does, but for noise. */
function gallery(common: number) {
  const random = randomStream('gallery')
  const [count, size] = [60, 256]
  const kind = Float64Array.from({ length: size }, () => random.normal())
  const thumbnails = Uint8Array.from({ length: count * size }, (_, i) =>
    Math.max(0, Math.min(255, 128 + 40 * (common * kind[i % size]! + (1 - common) * random.normal()))),
  )
  for (let i = 0; i < size; i++) thumbnails[5 * size + i] = thumbnails[size + i]! ^ (random.integer(4) << 1)
  const neighbors = Int32Array.from({ length: count }, (_, row) => (row + 1) % count)
  neighbors[1] = 5
  neighbors[5] = 1
  return {
    near: { hashes: new Int32Array(2 * count), thumbnails, neighbors, count: 1 },
    digests: Float64Array.from({ length: 2 * count }, (_, i) => i),
    labels: Int32Array.from({ length: count }, (_, row) => (row === 4 ? 2 : 0)),
    split: Uint8Array.from({ length: count }, (_, row) => (row === 5 ? 1 : 0)),
  }
}

const marked = (flags: ArrayLike<number>) =>
  [...Array.from(flags).keys()].filter(row => Number(flags[row]) === 1)

describe('duplicates', () => {
  it('are told exact and near, with other labels and across splits', () => {
    const problem = gallery(0)
    // Rows 0, 2 and 4 are the same, and 4 has another label.
    for (const row of [0, 2, 4]) problem.digests.set([7, 7], 2 * row)
    const found = findDuplicates(problem)
    expect(marked(found.exact)).toEqual([0, 2, 4])
    expect(marked(found.near)).toEqual([1, 5])
    expect(marked(found.otherLabel)).toEqual([0, 2, 4])
    expect(marked(found.leak)).toEqual([1, 5])
    expect([...found.group.subarray(0, 6)]).toEqual([0, 1, 0, -1, 0, 1])
    expect(found.groups).toBe(2)
  })

  it('need equal hashes and a likeness that stands out from that of all neighbours', () => {
    const far = gallery(0)
    far.near.hashes[10] = 0b11111
    expect(marked(findDuplicates(far).near)).toEqual([])
    // As alike as letters of one kind are.
    expect(marked(findDuplicates(gallery(0.9)).near)).toEqual([1, 5])
    const alike = gallery(0.9)
    alike.near.thumbnails.copyWithin(5 * 256, 7 * 256, 8 * 256)
    expect(marked(findDuplicates(alike).near)).toEqual([])
  })
})

describe('hints', () => {
  it('need a value that stands out and lies beyond the floor', () => {
    const blur = Float32Array.from({ length: 100 }, (_, i) => 0.3 + (i % 10) / 100)
    blur[3] = 0.8
    blur[4] = 0.55
    blur[5] = Number.NaN
    expect(marked(standsOut(blur, hintRules.blurry))).toEqual([3])
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
