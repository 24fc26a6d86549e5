import { expect, test } from 'vitest'
import { ensembleProbabilities } from '../../src/scoring/ensemble-probabilities.js'

const { NaN: unknown } = Number

test('the weighted mean of the levels that have probabilities', () => {
  const dense = Float32Array.of(0.5, 0.5, 0.75, 0.25, unknown, unknown)
  const sparse = Float32Array.of(0.25, 0.75, unknown, unknown, unknown, unknown)
  expect([...ensembleProbabilities([dense, sparse], [1, 0.25], 2)]).toEqual(
    [0.45, 0.55, 0.75, 0.25, unknown, unknown].map(Math.fround),
  )
  expect([...ensembleProbabilities([dense, sparse], [1, 0], 2)]).toEqual([...dense])
})
