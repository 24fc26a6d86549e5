import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { PipelineInput } from '../../src/pipeline/config.js'
import { estimate } from '../../src/pipeline/estimate.js'
import { resolvePipeline } from '../../src/pipeline/load.js'
import { scalePipeline } from '../../src/pipeline/scale.js'

const input: PipelineInput = {
  name: 'large',
  dataset: { path: 'x', test: 'y' },
  model: { architecture: 'wrn-28-10', epochs: 10 },
  population: { seeds: 30, crossFit: 0 },
  compress: [{ method: 'magnitude', sparsity: [0.5, 0.9], frequency: 500 }, { method: 'float16' }],
  retrain: { seeds: 10 },
}
const full = resolvePipeline(input, '/')

test('the whole share changes nothing', () => {
  expect(scalePipeline(full, 1, 50_000)).toEqual(full)
})

test('a hundredth is a third of the seeds, the examples and the width', () => {
  const scaled = scalePipeline(full, 0.01, 50_000)
  expect(scaled.population.seeds).toBe(9)
  expect(scaled.retrain?.seeds).toBe(3)
  expect(scaled.dataset.limit).toBe(15_811)
  expect(scaled.model.width).toBeCloseTo(0.316, 3)
  expect(scaled.compress).toMatchObject([{ frequency: 158, sparsity: [0.5, 0.9] }, { method: 'float16' }])
  expect({ ...scaled.model, width: 1 }).toEqual(full.model)
})

test('training then costs about the share', () => {
  const image = { kind: 'image', height: 32, width: 32, channels: 3 } as const
  const trainingOf = (pipeline: typeof full, trainExamples: number) =>
    estimate(pipeline, { input: image, classes: 10, trainExamples, testExamples: 0 }).train!
  fc.assert(
    fc.property(fc.double({ min: 0.005, max: 1, noNaN: true }), share => {
      const scaled = scalePipeline(full, share, 50_000)
      const reached = trainingOf(scaled, scaled.dataset.limit ?? 50_000) / trainingOf(full, 50_000)
      expect(reached / share).toBeGreaterThan(0.8)
      expect(reached / share).toBeLessThan(1.25)
    }),
  )
})

test('there are seeds for a test, and for each fold, but never more than there were', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom(0, 2, 5),
      fc.double({ min: 1e-6, max: 1, noNaN: true }),
      (seeds, crossFit, share) => {
        const pipeline = { ...full, population: { ...full.population, seeds, crossFit } }
        const scaled = scalePipeline(pipeline, share, 1000).population.seeds
        expect(scaled).toBeLessThanOrEqual(seeds)
        expect(scaled).toBeGreaterThanOrEqual(Math.min(seeds, Math.max(3, crossFit)))
      },
    ),
  )
})

test.each([0, -1, 1.5, Number.NaN])('refuses the share %s', share => {
  expect(() => scalePipeline(full, share, 1000)).toThrow(/more than 0 and at most 1/)
})
