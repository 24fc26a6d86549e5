import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addSoftened, classWeights, recallsOf } from '../../src/training/recovery.js'

const share = fc.double({ min: 0, max: 1, noNaN: true })
const classesOf = fc.array(
  fc.record({ before: share, after: share, count: fc.integer({ min: 1, max: 99 }) }),
  {
    minLength: 2,
    maxLength: 8,
  },
)

describe('classWeights', () => {
  it('weigh 1 on average, and more where more recall was lost', () => {
    fc.assert(
      fc.property(classesOf, fc.double({ min: 0.1, max: 10, noNaN: true }), (classes, strength) => {
        const column = (name: 'before' | 'after' | 'count') => Float64Array.from(classes, row => row[name])
        const counts = column('count')
        const weights = classWeights(column('before'), column('after'), counts, strength)
        const mean = weights.reduce((sum, weight, c) => sum + weight * counts[c]!, 0)
        expect(mean / counts.reduce((a, b) => a + b)).toBeCloseTo(1, 9)
        const lost = classes.map(({ before, after }) => before - after)
        for (const [a, fall] of lost.entries()) {
          for (const [b, other] of lost.entries()) {
            // The ratio is the rule itself.
            expect(Math.log(weights[a]! / weights[b]!)).toBeCloseTo(strength * (fall - other), 9)
          }
        }
      }),
    )
  })
})

describe('recallsOf', () => {
  it('counts per class, and has nothing against a class without examples', () => {
    const logits = Float32Array.of(2, 1, 0, 0, 1, 0, 0, 3, 0)
    expect([...recallsOf(logits, Int32Array.of(0, 0, 1), Float64Array.of(2, 1, 0))]).toEqual([0.5, 1, 1])
  })
})

describe('addSoftened', () => {
  it('means probabilities at the temperature, of logits of any size', () => {
    const mean = new Float32Array(4)
    addSoftened(mean, Float32Array.of(2, 0, 4000, 0), 2, 2, 2)
    addSoftened(mean, Float32Array.of(0, 0, 0, 0), 2, 2, 2)
    const soft = Math.E / (1 + Math.E)
    expect([...mean].map(value => value.toFixed(6))).toEqual(
      [(soft + 0.5) / 2, (1 - soft + 0.5) / 2, 0.75, 0.25].map(value => value.toFixed(6)),
    )
  })
})
