import fc from 'fast-check'
import { expect, test } from 'vitest'
import { takeProbabilities, unknownClasses } from '../../src/scoring/leading-classes.js'
import { exponentiate } from '../../src/scoring/matrix-scores.js'
import { meanProbabilities } from '../../src/scoring/member-predictions.js'

const logits = fc.float32Array({ min: -90, max: 90, noNaN: true, minLength: 12, maxLength: 12 })

test('logits, their softmax, and a population of one member say the same', () => {
  fc.assert(
    fc.property(logits, logits => {
      const softmax = meanProbabilities([logits], new Uint8Array(3), 4)
      const [ofLogits, ofProbabilities] = [logits.slice(), softmax].map(values => {
        const leading = unknownClasses(Int32Array.of(0, 1, 2), 4)
        if (values !== softmax) exponentiate(values, 4)
        takeProbabilities(leading, 0, values)
        return leading
      })
      for (const [i, p] of ofProbabilities.givenP.entries()) expect(ofLogits.givenP[i]).toBeCloseTo(p, 6)
      for (const [at, p] of ofProbabilities.rivalP.entries()) expect(ofLogits.rivalP[at]).toBeCloseTo(p, 6)
    }),
  )
})
