import fc from 'fast-check'
import { expect, test } from 'vitest'
import { labelVotes } from '../../src/scoring/label-votes.js'

test('each class has its votes and half a vote more', () => {
  const predicted = Int32Array.of(0, 0, 1, 2, 2, 2, 1, 0, 2)
  const { ranks, probabilities } = labelVotes(predicted, Int32Array.of(0, 1, 1), 3)
  expect([...ranks]).toEqual([0, 0, 1, 1, 1, 1, 0, 1, 1])
  expect([...probabilities]).toEqual(
    [2.5, 1.5, 0.5, 0.5, 0.5, 3.5, 1.5, 1.5, 1.5].map(n => Math.fround(n / 4.5)),
  )
})

test('probabilities sum to 1 and are in the order of the votes', () => {
  const votes = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(votes, fc.integer({ min: 0, max: 3 }), (predicted, given) => {
      const { probabilities } = labelVotes(Int32Array.from(predicted), Int32Array.of(given), 4)
      expect(probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 6)
      const count = (c: number) => predicted.filter(label => label === c).length
      for (const c of [1, 2, 3]) {
        expect(Math.sign(probabilities[c] - probabilities[0])).toBe(Math.sign(count(c) - count(0)))
      }
    }),
  )
})
