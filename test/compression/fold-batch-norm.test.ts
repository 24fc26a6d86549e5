import { describe, expect, test } from 'vitest'
import { foldBatchNorm } from '../../src/compression/fold-batch-norm.js'
import { createPredictor } from '../../src/engine/onnxruntime/predictor.js'
import { GraphBuilder } from '../../src/onnx/graph.js'
import { decodeModel, encodeModel } from '../../src/onnx/model.js'
import { featureRows, network, pictures, relativeError } from './networks.js'

async function logits(bytes: Uint8Array, inputs: Uint8Array | Float32Array): Promise<Float32Array> {
  const predictor = await createPredictor(bytes, { threads: 1 })
  const result = await predictor.predict(inputs)
  await predictor.dispose()
  return result
}

const norms = (bytes: Uint8Array) =>
  decodeModel(bytes).graph.node.filter(({ opType }) => opType === 'BatchNormalization').length

describe.each([
  // In cnn-fast half of them stand behind a max pooling; in a residual network those that open a block stay.
  { name: 'cnn-fast', left: 0 },
  { name: 'wrn-10-1', left: 4 },
])('$name', ({ name, left }) => {
  test('keeps its logits', async () => {
    const original = network(name)
    const model = decodeModel(original)
    expect(foldBatchNorm(model.graph)).toBe(norms(original) - left)
    const folded = encodeModel(model)
    expect(norms(folded)).toBe(left)
    const examples = pictures(30)
    expect(relativeError(await logits(folded, examples), await logits(original, examples))).toBeLessThan(1e-5)
    expect(foldBatchNorm(decodeModel(folded).graph)).toBe(0)
  })
})

/** input · w (+ b) → between → norm → logits, and perhaps a second reader of the product. */
function layerThenNorm({ transB = 0, scales = [2, -0.5, 1], readTwice = false } = {}): Uint8Array {
  const graph = new GraphBuilder()
  graph.input('input', 'float32', ['N', 4])
  const kernel = Float32Array.from({ length: 12 }, (_, i) => Math.sin(i * i + 1))
  graph.initializer('w', 'float32', transB ? [3, 4] : [4, 3], kernel)
  graph.initializer('scale', 'float32', [3], Float32Array.from(scales))
  graph.initializer('shift', 'float32', [3], Float32Array.of(0.1, 0.2, 0.3))
  graph.initializer('mean', 'float32', [3], Float32Array.of(-1, 0, 2))
  graph.initializer('variance', 'float32', [3], Float32Array.of(0.5, 4, 1e-6))
  const product = graph.node('Gemm', ['input', 'w'], { transB })
  const norm = graph.node('BatchNormalization', [product, 'scale', 'shift', 'mean', 'variance'], {
    epsilon: { float: 1e-3 },
  })
  graph.output('logits', 'float32', ['N', 3], readTwice ? graph.node('Add', [norm, product]) : norm)
  return graph.encode('norm')
}

test.each([0, 1])('into a dense layer with transB %s', async transB => {
  const original = layerThenNorm({ transB })
  const model = decodeModel(original)
  expect(foldBatchNorm(model.graph)).toBe(1)
  const rows = featureRows(12)
  const folded = await logits(encodeModel(model), rows)
  expect(relativeError(folded, await logits(original, rows))).toBeLessThan(1e-6)
})

test('a layer whose output is read elsewhere too stays', () => {
  expect(foldBatchNorm(decodeModel(layerThenNorm({ readTwice: true })).graph)).toBe(0)
})

test.each([
  { scales: [1, 2, 0.5], folds: 1 },
  { scales: [1, -2, 0.5], folds: 0 },
])('behind a max pooling with scales $scales: $folds', async ({ scales, folds }) => {
  const graph = new GraphBuilder()
  graph.input('input', 'float32', ['N', 3, 12, 12])
  const kernel = Float32Array.from({ length: 81 }, (_, i) => Math.sin(i * i + 1))
  graph.initializer('w', 'float32', [3, 3, 3, 3], kernel)
  graph.initializer('scale', 'float32', [3], Float32Array.from(scales))
  for (const name of ['shift', 'mean', 'variance']) {
    graph.initializer(name, 'float32', [3], Float32Array.of(0.5, 0.6, 0.7))
  }
  const pooled = graph.node('MaxPool', [graph.node('Conv', ['input', 'w'])], {
    kernel_shape: [2, 2],
    strides: [2, 2],
  })
  const norm = graph.node('BatchNormalization', [pooled, 'scale', 'shift', 'mean', 'variance'])
  graph.output(
    'logits',
    'float32',
    ['N', 3],
    graph.node('Flatten', [graph.node('GlobalAveragePool', [norm])]),
  )
  const original = graph.encode('pooled')
  const model = decodeModel(original)
  expect(foldBatchNorm(model.graph)).toBe(folds)
  const examples = pictures(10)
  const folded = await logits(encodeModel(model), examples)
  expect(relativeError(folded, await logits(original, examples))).toBeLessThan(1e-5)
})
