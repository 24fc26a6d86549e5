import { expect, test } from 'vitest'
import { buildArchitecture } from '../../src/model/architectures/index.js'
import type { PipelineInput } from '../../src/pipeline/config.js'
import { estimate, forwardFlops } from '../../src/pipeline/estimate.js'
import { resolvePipeline } from '../../src/pipeline/load.js'

const image = { kind: 'image', height: 28, width: 28, channels: 1 } as const
const normalization = { mean: new Float32Array(1), deviation: new Float32Array(1) }
const options = { input: image, classes: 10, width: 1, dropout: 0 }

test('a dense layer takes two operations a weight, a convolution two a weight and pixel', () => {
  const dense = [{ kind: 'dense', name: 'd', units: 7, bias: true }] as const
  const features = { name: 'd', input: { kind: 'features', features: 5 }, normalization, classes: 7 } as const
  expect(forwardFlops({ ...features, layers: dense })).toBe(2 * 5 * 7)
  const conv = {
    kind: 'conv2d',
    name: 'c',
    filters: 4,
    kernel: 3,
    stride: 2,
    padding: 'same',
    bias: false,
  } as const
  const network = { name: 'c', input: image, normalization, classes: 4, layers: [conv] }
  expect(forwardFlops(network)).toBe(2 * 9 * 4 * 14 * 14)
  const residual = { kind: 'residual', body: [conv], shortcut: [conv] } as const
  expect(forwardFlops({ ...network, layers: [residual] })).toBe(2 * forwardFlops(network))
})

test('a pipeline takes its members’ training, three forward passes a step', () => {
  const forward = forwardFlops(buildArchitecture('mlp', normalization, options))
  const pipeline = resolvePipeline(
    {
      name: 'x',
      dataset: { path: 'x', testShare: 0.1 },
      model: { architecture: 'mlp', epochs: 4 },
      population: { seeds: 5, crossFit: 5 },
      compress: [
        { method: 'magnitude', sparsity: [0.5, 0.9], start: 'branch', begin: 0.25 },
        { method: 'float16' },
      ],
      retrain: { seeds: 2, arms: ['all', 'cleaned'] },
    },
    '.',
  )
  const flops = estimate(pipeline, { input: image, classes: 10, trainExamples: 1000, testExamples: 100 })
  const dense = 5 * 3 * forward * 800 * 4
  expect(flops.train).toBeCloseTo(dense)
  expect(flops.compress).toBeCloseTo(dense * 2 * 0.75)
  expect(flops.predict).toBe(5 * 4 * forward * 1100)
  expect(flops.retrain).toBe(2 * 2 * 3 * forward * 1000 * 4)
})

test('a pruned member is trained once, however it is quantized', () => {
  const of = (compress: PipelineInput['compress']) =>
    estimate(
      resolvePipeline(
        { name: 'x', dataset: { path: 'x' }, model: { architecture: 'mlp', epochs: 4 }, compress },
        '.',
      ),
      { input: image, classes: 10, trainExamples: 1000, testExamples: 100 },
    ).compress
  const pruned = { method: 'filter', sparsity: 0.5 } as const
  expect(of([pruned, { ...pruned, quantize: 'int4' }])).toBe(of([pruned]))
  expect(of([{ ...pruned, quantize: 'int4' }])).toBe(of([pruned]))
  expect(of([{ ...pruned, when: 'after', quantize: 'int4' }])).toBe(0)
  const aware = { method: 'int8-aware', begin: 0.75 } as const
  expect(of([aware])).toBeCloseTo(0.25 * of([pruned])!)
  expect(of([{ ...pruned, quantize: aware }])).toBeCloseTo(1.25 * of([pruned])!)
})
