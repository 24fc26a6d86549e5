import { expect, test } from 'vitest'
import { estimatedCount, noiseCounts } from '../../src/scoring/noise-counts.js'

test('the interval is Wilson’s', () => {
  // A hundred examples have thirty anchors; statsmodels 0.14: 100 * proportion_confint(6, 30, method="wilson")
  const { low, high } = estimatedCount(20, 100)
  expect(low).toBeCloseTo(9.50511, 5)
  expect(high).toBeCloseTo(37.3057, 5)
  expect(estimatedCount(0, 50)).toMatchObject({ count: 0, low: 0 })
  expect(estimatedCount(0, 0)).toEqual({ count: 0, low: 0, high: 0 })
})

test('counts come by given and likely class, rare pairs are left out', () => {
  const counts = noiseCounts(Float64Array.of(90, 10, 0, 0.25, 79.75, 0, 3, 0, 17), 3)
  expect(counts.map(({ given, likely, count }) => [given, likely, count])).toEqual([
    [0, null, 10],
    [0, 0, 90],
    [0, 1, 10],
    [1, null, 0.25],
    [1, 1, 79.75],
    [2, null, 3],
    [2, 0, 3],
    [2, 2, 17],
  ])
  expect(counts[2]).toMatchObject(estimatedCount(10, 100))
})
