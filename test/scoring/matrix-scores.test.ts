import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asProbabilities } from '../../src/scoring/matrix-scores.js'
import { meanProbabilities } from '../../src/scoring/member-predictions.js'

const logits = fc.float32Array({ min: -90, max: 90, noNaN: true, minLength: 12, maxLength: 12 })

test('logits, their softmax, and a population of one member say the same', () => {
  fc.assert(
    fc.property(logits, logits => {
      const softmax = meanProbabilities([logits], new Uint8Array(3), 4)
      const ofLogits = asProbabilities(logits, 'logits', 4)
      const ofProbabilities = asProbabilities(softmax, 'probabilities', 4)
      for (const [at, p] of softmax.entries()) {
        expect(ofLogits[at]).toBeCloseTo(p, 6)
        expect(ofProbabilities[at]).toBeCloseTo(p, 6)
      }
    }),
  )
})

test('rows that are rounded sum to 1 all the same', () => {
  const p = asProbabilities(Float64Array.of(0.33, 0.33, 0.33), 'probabilities', 3)
  expect([...p]).toEqual([1 / 3, 1 / 3, 1 / 3].map(Math.fround))
})
