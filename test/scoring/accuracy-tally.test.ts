import { describe, expect, it } from 'vitest'
import { AccuracyTally } from '../../src/scoring/accuracy-tally.js'
import { memberPredictions } from '../../src/scoring/member-predictions.js'
import { expectClose } from './close.js'
import fixture from './fixtures/classification.json' with { type: 'json' }

describe('AccuracyTally', () => {
  it('agrees with scikit-learn on accuracy, top-5 accuracy and recall', () => {
    const { classes } = fixture
    const labels = Int32Array.from(fixture.labels)
    const { predicted, rankGiven } = memberPredictions(
      [Float32Array.from(fixture.scores.flat())],
      labels,
      classes,
    )
    const none = new Uint8Array(labels.length)
    const tally = new AccuracyTally(1, classes)
    tally.add({ labels, split: none, pie: none, groups: [] }, { predicted, ranks: rankGiven, inSample: none })
    const { top1, top5 } = tally.accuracies('train')
    expectClose(top1, [fixture.accuracy])
    expectClose(top5, [fixture.topK[5]])
    expectClose(
      tally.recalls('train').map(([recall]) => recall),
      fixture.recallPerClass,
    )
    expect(tally.pooledAccuracy()).toBe(top1[0])
  })

  it('counts subgroups on their own, and leaves out members that were never asked', () => {
    const tally = new AccuracyTally(2, 2)
    tally.add(
      {
        labels: Int32Array.of(0, 0, 1),
        split: Uint8Array.of(1, 1, 1),
        pie: new Uint8Array(3),
        groups: [Int32Array.of(0, 2, -1)],
      },
      {
        predicted: Int32Array.of(0, 1, 1, 1, 1, 1),
        ranks: Int32Array.of(0, 1, 1, 1, 0, 0),
        inSample: Uint8Array.of(0, 1, 0, 1, 0, 1),
      },
    )
    // The second member trained on all of them.
    expect(tally.recalls('test').map(recalls => [...recalls])).toEqual([[0.5], [1]])
    expect(tally.recalls('test', { attribute: 0, value: 0 }).map(recalls => [...recalls])).toEqual([[1], []])
    expect(tally.recalls('test', { attribute: 0, value: 2 }).map(recalls => [...recalls])).toEqual([[0], []])
    expect([...tally.examplesPerClass('test')]).toEqual([2, 1])
    expect([...tally.examplesPerClass('test', { attribute: 0, value: 2 })]).toEqual([1, 0])
    expect([...tally.examplesPerClass('train')]).toEqual([0, 0])
  })

  it('tells what members get right in sample from what they get right out of it', () => {
    const tally = new AccuracyTally(2, 2)
    tally.add(
      { labels: Int32Array.of(0, 0, 1, 1), split: new Uint8Array(4), pie: new Uint8Array(4), groups: [] },
      {
        predicted: Int32Array.of(0, 1, 0, 0, 1, 0, 1, 1),
        ranks: Int32Array.of(0, 1, 0, 0, 0, 1, 0, 0),
        inSample: Uint8Array.of(1, 0, 1, 0, 1, 0, 0, 1),
      },
    )
    expect(tally.sampleAccuracies('train')).toEqual({ inSample: 1, outOfSample: 0.5 })
    expect(tally.sampleAccuracies('test')).toEqual({ inSample: Number.NaN, outOfSample: Number.NaN })
  })
})
