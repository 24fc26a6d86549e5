import fc from 'fast-check'
import { expect, test } from 'vitest'
import { labelVotes } from '../../src/scoring/label-votes.js'

test('the margin is the corrected log odds of the votes', () => {
  const predicted = Int32Array.of(0, 0, 1, 2, 2, 2, 1, 0, 2)
  const { ranks, margins, probabilities } = labelVotes(predicted, Int32Array.of(0, 1, 1), 3)
  expect([...ranks]).toEqual([0, 0, 1, 1, 1, 1, 0, 1, 1])
  expect([...margins]).toEqual(
    [2.5 / 1.5, 0.5 / 3.5, 1.5 / 1.5].flatMap(odds => Array(3).fill(Math.fround(Math.log(odds)))),
  )
  expect([...probabilities]).toEqual([2 / 3, 1 / 3, 0, 0, 0, 1, 1 / 3, 1 / 3, 1 / 3].map(Math.fround))
})

test('the margin is above 0 exactly where the given label has more votes than any other', () => {
  const votes = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(votes, fc.integer({ min: 0, max: 3 }), (predicted, given) => {
      const { margins, probabilities } = labelVotes(Int32Array.from(predicted), Int32Array.of(given), 4)
      const own = predicted.filter(label => label === given).length
      const rivals = [0, 1, 2, 3].filter(c => c !== given)
      const rival = Math.max(...rivals.map(c => predicted.filter(label => label === c).length))
      expect(Math.sign(margins[0])).toBe(Math.sign(own - rival))
      expect(probabilities.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 6)
    }),
  )
})
