import fc from 'fast-check'
import { expect, test } from 'vitest'
import { meanProbabilities, memberPredictions } from '../../src/scoring/member-predictions.js'

const classes = 4
const logit = fc.oneof(fc.float({ min: -80, max: 80, noNaN: true }), fc.constantFrom(0, 1, 1e30, -1e30))
/** Logits of one to four members for one to six examples, and a label each. */
const population = fc
  .record({ members: fc.integer({ min: 1, max: 4 }), examples: fc.integer({ min: 1, max: 6 }) })
  .chain(({ members, examples }) =>
    fc.record({
      logits: fc.array(
        fc
          .array(logit, { minLength: examples * classes, maxLength: examples * classes })
          .map(row => Float32Array.from(row)),
        { minLength: members, maxLength: members },
      ),
      labels: fc
        .array(fc.nat(classes - 1), { minLength: examples, maxLength: examples })
        .map(values => Int32Array.from(values)),
      inSample: fc
        .array(fc.nat(1), { minLength: examples * members, maxLength: examples * members })
        .map(values => Uint8Array.from(values)),
    }),
  )

function softmax(logits: Float32Array): number[] {
  const top = Math.max(...logits)
  const exponentials = [...logits].map(value => Math.exp(value - top))
  const total = exponentials.reduce((sum, value) => sum + value, 0)
  return exponentials.map(value => value / total)
}

test('every pair of example and member by its definition, examples first', () => {
  fc.assert(
    fc.property(population, ({ logits, labels }) => {
      const answers = memberPredictions(logits, labels, classes)
      for (const [example, given] of labels.entries()) {
        for (const [member, scores] of logits.entries()) {
          const pair = example * logits.length + member
          const row = scores.subarray(example * classes, (example + 1) * classes)
          const order = Array.from(row.keys()).sort((a, b) => row[b] - row[a] || a - b)
          expect(answers.predicted[pair]).toBe(order[0])
          expect(answers.rankGiven[pair]).toBe(order.indexOf(given))
          expect(answers.pGiven[pair]).toBeCloseTo(softmax(row)[given], 6)
          expect(answers.pTop[pair]).toBeCloseTo(softmax(row)[order[0]], 6)
          const best = Math.max(...row.filter((_, c) => c !== given))
          expect(answers.margin[pair]).toBe(Math.fround(row[given] - best))
        }
      }
    }),
  )
})

test('mean probabilities are of those who judge, and add up to one', () => {
  fc.assert(
    fc.property(population, ({ logits, inSample }) => {
      const means = meanProbabilities(logits, inSample, classes)
      for (let example = 0; example < means.length / classes; example++) {
        const trained = inSample.subarray(example * logits.length, (example + 1) * logits.length)
        const judges = logits.filter((_, m) => trained.every(Boolean) || trained[m] === 0)
        const all = judges.map(scores => softmax(scores.subarray(example * classes, (example + 1) * classes)))
        for (let c = 0; c < classes; c++) {
          const mean = all.reduce((sum, row) => sum + row[c], 0) / judges.length
          expect(means[example * classes + c]).toBeCloseTo(mean, 6)
        }
        const sum = means.subarray(example * classes, (example + 1) * classes).reduce((a, b) => a + b, 0)
        expect(sum).toBeCloseTo(1, 5)
      }
    }),
  )
})
