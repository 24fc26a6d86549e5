import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { emptyScores, type PredictionForm, scoreMatrix } from '../../src/scoring/matrix-scores.js'
import { meanProbabilities, memberPredictions } from '../../src/scoring/member-predictions.js'

const matrices = fc
  .record({ classes: fc.integer({ min: 2, max: 7 }), examples: fc.integer({ min: 1, max: 6 }) })
  .chain(({ classes, examples }) =>
    fc.record({
      classes: fc.constant(classes),
      labels: fc.array(fc.integer({ min: 0, max: classes - 1 }), {
        minLength: examples,
        maxLength: examples,
      }),
      // A grid of values, so that there are ties.
      logits: fc.array(fc.integer({ min: -12, max: 12 }), {
        minLength: classes * examples,
        maxLength: classes * examples,
      }),
    }),
  )

function softmax(logits: Float32Array, classes: number): Float64Array {
  const probabilities = Float64Array.from(logits, Math.exp)
  for (let row = 0; row < logits.length; row += classes) {
    const sum = probabilities.subarray(row, row + classes).reduce((total, value) => total + value, 0)
    for (let c = row; c < row + classes; c++) probabilities[c] /= sum
  }
  return probabilities
}

function scored(
  values: Float32Array | Float64Array,
  form: PredictionForm,
  labels: Int32Array,
  classes: number,
) {
  const scores = emptyScores(labels.length)
  scoreMatrix(values, form, labels, classes, scores, 0)
  return scores
}

test('logits, their softmax, and a population of one member say the same', () => {
  fc.assert(
    fc.property(matrices, ({ classes, labels: given, logits: values }) => {
      const labels = Int32Array.from(given)
      const logits = Float32Array.from(values)
      const ofLogits = scored(logits, 'logits', labels, classes)
      const ofProbabilities = scored(softmax(logits, classes), 'probabilities', labels, classes)
      const { margin } = memberPredictions([logits], labels, classes)
      const means = meanProbabilities([logits], new Uint8Array(labels.length), classes)
      for (let i = 0; i < labels.length; i++) {
        expect(ofLogits.quality[i]).toBeCloseTo(1 / (1 + Math.exp(-margin[i])), 6)
        expect(ofLogits.probability[i]).toBeCloseTo(means[i * classes + ofLogits.suggested[i]], 6)
        expect(ofProbabilities.quality[i]).toBeCloseTo(ofLogits.quality[i], 6)
        expect(ofProbabilities.probability[i]).toBeCloseTo(ofLogits.probability[i], 6)
        expect(ofLogits.quality[i] < 0.5).toBe(ofLogits.suggested[i] !== labels[i])
      }
    }),
  )
})

describe('the suggested label', () => {
  test('is the given one where no class is more likely, else the lowest of the best', () => {
    const values = Float32Array.of(0.4, 0.4, 0.2, 0.4, 0.2, 0.4, 0.2, 0.4, 0.4)
    const { suggested, quality } = scored(values, 'probabilities', Int32Array.of(1, 2, 0), 3)
    expect([...suggested]).toEqual([1, 2, 1])
    expect([...quality]).toEqual([0.5, 0.5, Math.fround(0.2 / 0.6)])
  })
})

test('a label that the model rules out has quality 0, a certain one 1', () => {
  const { quality, probability } = scored(
    Float64Array.of(0, 1, 1, 0),
    'probabilities',
    Int32Array.of(0, 0),
    2,
  )
  expect([...quality]).toEqual([0, 1])
  expect([...probability]).toEqual([1, 1])
})
