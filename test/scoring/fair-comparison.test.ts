import { describe, expect, it } from 'vitest'
import {
  type ComparedLevel,
  compareFairly,
  type MethodLine,
  placeOf,
} from '../../src/scoring/fair-comparison.js'

/** Members whose recalls lie a little apart, the same way at every level. */
const level = (name: string, size: number, recalls: readonly number[], pieRate: number): ComparedLevel => ({
  level: name,
  size,
  figures: { pieRate },
  members: [-0.01, 0, 0.01].map(shift => ({
    top1: (recalls[0] + recalls[1]) / 2 + shift,
    recalls: Float64Array.from(recalls, recall => recall + shift),
  })),
})

const dense = level('dense', 100, [0.9, 0.9], 0)
const magnitude: MethodLine = {
  method: 'magnitude',
  run: 'r',
  dense,
  levels: [level('magnitude-0.9', 10, [0.7, 0.9], 0.2), level('magnitude-0.5', 50, [0.84, 0.92], 0.1), dense],
}
const int8: MethodLine = { method: 'int8', run: 'r', dense, levels: [level('int8', 30, [0.85, 0.89], 0.05)] }

describe('compareFairly', () => {
  it('interpolates a method at the size of another', () => {
    const [comparison, ...others] = compareFairly([magnitude, int8], 'size', 50)
    expect(others).toEqual([])
    expect(comparison).toMatchObject({ equal: 'size', method: 'int8', level: 'int8' })
    const [own, other] = comparison.methods
    expect(own.between).toEqual(['int8'])
    expect(other.between).toEqual(['magnitude-0.9', 'magnitude-0.5'])
    expect(other.size).toBe(30)
    expect(other.top1.mean).toBeCloseTo(0.84, 12)
    expect(other.figures.pieRate).toBeCloseTo(0.15, 12)
    // Relative changes of the two classes: ∓0.1 and ∓0.04, halfway.
    expect(other.worstChange.mean).toBeCloseTo(-0.07, 12)
    expect(other.spread.mean).toBeCloseTo(0.07, 12)
  })

  it('interpolates a method at the accuracy of another, with intervals over members', () => {
    const [comparison] = compareFairly([magnitude, int8], 'accuracy', 400)
    expect(comparison.level).toBe('int8')
    const [own, other] = comparison.methods
    expect(own.top1.mean).toBeCloseTo(0.87, 12)
    expect(other.top1.mean).toBeCloseTo(own.top1.mean, 12)
    // 0.87 lies one part in seven of the way from 0.88 down to 0.8.
    expect(other.size).toBeCloseTo(50 - 40 / 8, 9)
    expect(own.top1.low).toBeLessThan(own.top1.mean)
    expect(own.top1.high).toBeGreaterThan(own.top1.mean)
    // Members are drawn together: what they share leaves relative changes alone.
    expect(own.worstChange.high - own.worstChange.low).toBeCloseTo(0, 12)
    expect(compareFairly([magnitude, int8], 'accuracy', 400)).toEqual(
      compareFairly([magnitude, int8], 'accuracy', 400),
    )
  })

  it('leaves out what no other method reaches', () => {
    expect(compareFairly([magnitude], 'size', 10)).toEqual([])
    const small: MethodLine = { ...int8, levels: [level('int2', 1, [0.2, 0.2], 0.9)] }
    expect(compareFairly([magnitude, small], 'size', 10)).toEqual([])
    expect(compareFairly([magnitude, small], 'accuracy', 10)).toEqual([])
  })
})

describe('placeOf', () => {
  it('finds where values first reach another, up or down', () => {
    expect(placeOf([1, 3, 2], 2)).toEqual({ index: 0, share: 0.5 })
    expect(placeOf([3, 1], 2.5)).toEqual({ index: 0, share: 0.25 })
    expect(placeOf([1, 2], 2)).toEqual({ index: 1, share: 0 })
    expect(placeOf([1, 2], 3)).toBeUndefined()
  })
})
