import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { disagreement } from '../../src/scoring/disagreement.js'
import fixture from './fixtures/votes.json' with { type: 'json' }

const row = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 12 })
const votes = (predicted: number[]) => ({ predicted, members: predicted.length, classes: 5 })

describe('disagreement', () => {
  it('is half the city-block distance of the vote distributions', () => {
    const { classes } = fixture
    const distances = disagreement(
      { predicted: fixture.a, members: fixture.membersA, classes },
      { predicted: fixture.b, members: fixture.membersB, classes },
    )
    for (const [i, expected] of fixture.disagreement.entries()) expect(distances[i]).toBeCloseTo(expected, 6)
  })

  it('is a metric between 0 and 1, blind to the order of the members', () => {
    fc.assert(
      fc.property(row, row, row, (a, b, c) => {
        const [ab] = disagreement(votes(a), votes(b))
        const [bc] = disagreement(votes(b), votes(c))
        const [ac] = disagreement(votes(a), votes(c))
        expect(ab).toBe(disagreement(votes(b), votes(a))[0])
        expect(ab).toBe(disagreement(votes(a.toReversed()), votes(b.toSorted()))[0])
        expect(ab).toBeGreaterThanOrEqual(0)
        expect(ab).toBeLessThanOrEqual(1)
        expect(ac).toBeLessThanOrEqual(ab + bc + 1e-6)
        expect(disagreement(votes(a), votes([...a, ...a]))[0]).toBe(0)
      }),
    )
  })

  it('is 1 where no class gets votes from both', () => {
    expect([...disagreement(votes([0, 1, 1]), votes([2, 3]))]).toEqual([1])
  })
})
