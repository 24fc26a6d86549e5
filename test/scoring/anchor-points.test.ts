import { expect, test } from 'vitest'
import { anchorCounts, anchoredCount, anchoredTransition } from '../../src/scoring/anchor-points.js'

test('the surest three in ten of each class are counted, and all that are as sure', () => {
  const confidence = Float32Array.of(0.9, 0.8, 0.7, 0.6, 0.5, 0.9, 0.9, 0.9, 0.2, 0.1)
  const predicted = Int32Array.of(0, 0, 0, 0, 0, 1, 1, 1, 1, 1)
  const labels = Int32Array.of(0, 1, 0, 0, 0, 1, 1, 0, 0, 0)
  // Of five, the fourth in ascending order and whatever is as sure or surer.
  expect([...anchorCounts(confidence, predicted, labels, 2)]).toEqual([1, 1, 1, 2])
})

test('rows of the noise matrix sum to 1 and are what the anchors are called', () => {
  const anchors = Float64Array.of(6000, 4000, 0, 0, 10_000, 0, 0, 0, 0)
  const transition = anchoredTransition(anchors, 3)
  expect(transition[0]).toBeCloseTo(0.6, 2)
  expect(transition[1]).toBeCloseTo(0.4, 2)
  expect(transition[4]).toBeCloseTo(1, 2)
  // Without an anchor a class has as much noise as the rest.
  expect(transition[8]).toBeCloseTo(0.8, 2)
  for (const row of [0, 3, 6]) {
    expect(transition[row] + transition[row + 1] + transition[row + 2]).toBeCloseTo(1, 12)
  }
})

test('labels are wrong as often as those of the anchors, given label by given label', () => {
  const anchors = Float64Array.of(8, 2, 0, 8, 0, 0, 0, 0, 0)
  // Of label 0, half of the anchors are of class 1; of label 1 all are of class 0; label 2 has none.
  expect(anchoredCount(anchors, Int32Array.of(0, 0, 0, 0, 1, 2), 3)).toBeCloseTo(3, 12)
})
