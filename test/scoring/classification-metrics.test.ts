import { describe, expect, it } from 'vitest'
import {
  accuracy,
  labelRanks,
  recallPerClass,
  topKAccuracy,
} from '../../src/scoring/classification-metrics.js'
import { expectClose } from './close.js'
import fixture from './fixtures/classification.json' with { type: 'json' }

describe('classification metrics', () => {
  const { predicted, labels, classes } = fixture
  const scores = fixture.scores.flat()

  it('agree with scikit-learn', () => {
    expectClose([accuracy(predicted, labels)], [fixture.accuracy])
    expectClose(recallPerClass(predicted, labels, classes), fixture.recallPerClass)
    for (const [k, expected] of Object.entries(fixture.topK)) {
      expectClose([topKAccuracy(scores, labels, classes, Number(k))], [expected])
    }
  })

  it('leave out labels that are no class', () => {
    expect(accuracy([0, 1, 1], [0, -1, 0])).toBe(0.5)
    expect([...recallPerClass([0, 1, 1], [0, -1, 0], 2)]).toEqual([0.5, Number.NaN])
    expect(topKAccuracy([0.9, 0.1, 0.2, 0.8], [1, -1], 2, 2)).toBe(1)
  })

  it('rank a label first exactly where it is the prediction', () => {
    expect([...labelRanks([1, 1, 0, 1, 1, 0, 1, 1, 0], [0, 1, 2], 3)]).toEqual([0, 1, 2])
  })
})
