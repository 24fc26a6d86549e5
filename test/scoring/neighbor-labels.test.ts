import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addNeighbors, type NeighborLabels, neighborShare } from '../../src/scoring/neighbor-labels.js'

const none = { agreement: Number.NaN, majority: -1, majorityShare: Number.NaN }
const neighborsOf = (...rows: (typeof none)[]): NeighborLabels => ({
  agreement: Float32Array.from(rows, row => row.agreement),
  majority: Int32Array.from(rows, row => row.majority),
  majorityShare: Float32Array.from(rows, row => row.majorityShare),
})

describe('addNeighbors', () => {
  it('gives the given label, that of most and all others their shares', () => {
    const probabilities = Float32Array.of(0.5, 0.25, 0.25, 0, 0.5, 0.25, 0.25, 0, 0.5, 0.25, 0.25, 0)
    const neighbors = neighborsOf(
      none,
      { agreement: 0.25, majority: 1, majorityShare: 0.5 },
      { agreement: 0.75, majority: 0, majorityShare: 0.75 },
    )
    addNeighbors(probabilities.subarray(0, 8), 0, neighbors, Int32Array.of(0, 0, 0), 0.5, 4)
    addNeighbors(probabilities.subarray(8), 2, neighbors, Int32Array.of(0, 0, 0), 0.5, 4)
    const third = 0.25 / 3 / 2
    expect([...probabilities]).toEqual(
      [
        ...[0.5, 0.25, 0.25, 0],
        ...[0.375, 0.375, 0.1875, 0.0625],
        ...[0.625, 0.125 + third, 0.125 + third, third],
      ].map(value => expect.closeTo(value, 6)),
    )
  })

  it('keeps every row a distribution, whatever the labels of the neighbours', () => {
    const classes = fc.integer({ min: 2, max: 6 })
    const inputs = classes.chain(classes =>
      fc.record({
        classes: fc.constant(classes),
        given: fc.nat(classes - 1),
        votes: fc.array(fc.nat(classes - 1), { minLength: 1, maxLength: 12 }),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    )
    fc.assert(
      fc.property(inputs, ({ classes, given, votes, share }) => {
        const shareOf = (c: number) => votes.filter(vote => vote === c).length / votes.length
        const all = Array.from({ length: classes }, (_, c) => shareOf(c))
        const most = all.indexOf(Math.max(...all))
        const neighbors = neighborsOf({ agreement: shareOf(given), majority: most, majorityShare: all[most] })
        const probabilities = new Float32Array(classes).fill(1 / classes)
        addNeighbors(probabilities, 0, neighbors, Int32Array.of(given), share, classes)
        expect(probabilities.reduce((sum, p) => sum + p)).toBeCloseTo(1, 5)
        expect(Math.min(...probabilities)).toBeGreaterThanOrEqual(0)
        expect(probabilities[given]).toBeCloseTo((1 - share) / classes + share * shareOf(given), 5)
      }),
    )
  })
})

describe('neighborShare', () => {
  const labels = Int32Array.of(0, 1, 2, 3, 0)
  const voting = (...majority: number[]): NeighborLabels => ({
    agreement: new Float32Array(5),
    majority: Int32Array.from(majority),
    majorityShare: new Float32Array(5),
  })

  it('is a fifth where the neighbours judge as well as a dense member', () => {
    expect(neighborShare(voting(0, 1, 2, 0, 0), labels, 0.8, 4)).toBeCloseTo(0.2, 12)
    expect(neighborShare(voting(0, 1, 2, 3, 0), labels, 0.8, 4)).toBeCloseTo(0.2, 12)
  })

  it('weighs half of that for every 3 % of skill that they lack', () => {
    const dense = 0.25 + (0.8 - 0.25) / 0.97
    expect(neighborShare(voting(0, 1, 2, 0, 0), labels, dense, 4)).toBeCloseTo(0.125 / 1.125, 12)
  })

  it('is 0 where nobody has neighbours, or where dense members know nothing', () => {
    expect(neighborShare(voting(-1, -1, -1, -1, -1), labels, 0.8, 4)).toBe(0)
    expect(neighborShare(voting(0, 1, 2, 3, 0), labels, 0.25, 4)).toBe(0)
  })

  it('asks those alone that have neighbours', () => {
    expect(neighborShare(voting(0, -1, -1, -1, -1), labels, 1, 4)).toBeCloseTo(0.2, 12)
  })
})
