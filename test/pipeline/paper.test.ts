/** The paper's pipelines, against what its code and its text say (arXiv 1911.05248). */
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { levelsOf } from '../../src/pipeline/levels.js'
import { loadPipeline } from '../../src/pipeline/load.js'
import { planTraining } from '../../src/training/plan.js'

const load = (name: string) =>
  loadPipeline(fileURLToPath(new URL(`../../pipelines/paper-${name}.yaml`, import.meta.url)))

test.each(['cifar10', 'imagenet', 'celeba'])(
  '%s: 30 seeds of dense, five sparsities, three quantizations',
  async name => {
    const pipeline = await load(name)
    expect(pipeline.population).toMatchObject({ seeds: 30, crossFit: 0 })
    expect(levelsOf(pipeline).map(level => level.name)).toEqual([
      'dense',
      ...[0.1, 0.3, 0.5, 0.7, 0.9].map(sparsity => `magnitude-${sparsity}`),
      'float16',
      'int8-dynamic',
      'int8-static',
    ])
  },
)

test('imagenet: 32,000 steps whose rate falls after epochs 30, 60 and 80', async () => {
  const { model } = await load('imagenet')
  const { steps, learningRates } = planTraining(model, 1_281_167)
  expect(steps).toBe(32_000)
  const rateAt = (epoch: number) => learningRates[Math.round((epoch * 1_281_167) / 4096)]
  expect([10, 29.9, 30.1, 59.9, 60.1, 79.9, 80.1].map(rateAt)).toEqual(
    [1.6, 1.6, 0.16, 0.16, 0.016, 0.016, 0.0016].map(rate => expect.closeTo(rate, 6)),
  )
})
