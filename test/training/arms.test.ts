import { describe, expect, it } from 'vitest'
import { cleaningArms } from '../../src/pipeline/config.js'
import { noClass, unknownTruth } from '../../src/scoring/known-truth.js'
import { armData, type Verdicts } from '../../src/training/arms.js'

const verdicts: Verdicts = {
  labels: Int32Array.of(0, 1, 2, 0, 1, 2),
  pies: Uint8Array.of(1, 0, 0, 0, 0, 1),
  issues: Uint8Array.of(0, 1, 1, 0, 0, 0),
  suggested: Int32Array.of(0, 2, 0, 0, 1, 2),
  suggestedP: Float32Array.of(1, 0.9, 0.5, 1, 1, 1),
  quality: Float32Array.of(1, 0, 0.5, 1, 1, 1),
}
const of = (arm: Parameters<typeof armData>[0]) => armData(arm, verdicts, 0.6, ['arms', 0])

describe('armData', () => {
  it('drops, relabels, or both', () => {
    expect([...of('cleaned').rows]).toEqual([0, 3, 4, 5])
    expect([...of('relabeled').rows]).toEqual([0, 1, 2, 3, 4, 5])
    expect([...of('relabeled').labels]).toEqual([0, 2, 0, 0, 1, 2])
    const both = of('relabeled-or-dropped')
    expect([...both.rows]).toEqual([0, 1, 3, 4, 5])
    expect(both.labels[1]).toBe(2)
  })

  it('weighs by label quality, one on average', () => {
    const { rows, labels, weights } = of('weighted')
    expect(rows.length).toBe(6)
    expect(labels).toEqual(verdicts.labels)
    expect(weights!.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(6, 5)
    expect(weights![2]! / weights![0]!).toBeCloseTo(0.5, 6)
  })

  it('takes the true labels, and leaves out what is of no class', () => {
    const truth = Int32Array.of(0, unknownTruth, noClass, 1, 1, 2)
    const { rows, labels } = armData('true-labels', { ...verdicts, truth }, 0.6, ['arms', 0])
    expect([...rows]).toEqual([0, 1, 3, 4, 5])
    expect(Array.from(rows, row => labels[row])).toEqual([0, 1, 1, 1, 2])
  })

  it('takes away at random as many as each arm does, and the same ones first', () => {
    for (const [arm, control] of cleaningArms) {
      if (control === undefined) continue
      const removed =
        arm === 'weighted'
          ? 6 - verdicts.quality.reduce((sum, value) => sum + value, 0)
          : 6 - of(arm).rows.length
      expect(6 - of(control).rows.length, arm).toBe(Math.round(removed))
      expect(of(control).labels).toBe(verdicts.labels)
    }
    expect(
      [...of('random-cleaned').rows].every(row => of('random-relabeled-or-dropped').rows.includes(row)),
    ).toBe(true)
    expect([...of('random').rows]).not.toEqual([...armData('random', verdicts, 0.6, ['arms', 1]).rows])
  })
})
