import { describe, expect, it } from 'vitest'
import { createPredictor } from '../../src/engine/onnxruntime/predictor.js'
import { cutToFeatures } from '../../src/onnx/features.js'
import { decodeModel, encodeModel, initializersOf, type Model, tensorArray } from '../../src/onnx/model.js'
import { featureRows, features, network } from '../compression/networks.js'

/** The last dense layer by hand: weights [size, classes] or [classes, size], and bias. */
function lastDense(model: Model) {
  const initializers = initializersOf(model.graph)
  const dense = model.graph.node.findLast(({ opType }) => opType === 'Gemm' || opType === 'MatMul')!
  const transposed = dense.attribute?.find(({ name }) => name === 'transB')?.i
  const weights = tensorArray(initializers.get(dense.input![1]!)!) as Float32Array
  const bias = dense.input![2] === undefined ? undefined : tensorArray(initializers.get(dense.input![2])!)
  return { weights, bias: bias as Float32Array | undefined, transposed: Number(transposed ?? 0) === 1 }
}

describe('a model cut to its features', () => {
  it('gives what its last dense layer makes logits of', async () => {
    const bytes = network('mlp', { input: features })
    const rows = featureRows(5)
    const logits = await (await createPredictor(bytes, { threads: 1 })).predict(rows)
    const model = decodeModel(bytes, 'member.onnx')
    const { weights, bias, transposed } = lastDense(model)
    const size = cutToFeatures(model)!
    const classes = logits.length / 5
    expect(weights.length).toBe(size * classes)
    const found = await (await createPredictor(encodeModel(model), { threads: 1 })).predict(rows)
    expect(found.length).toBe(5 * size)
    for (let row = 0; row < 5; row++) {
      for (let c = 0; c < classes; c++) {
        let sum = bias?.[c] ?? 0
        for (let i = 0; i < size; i++) {
          sum += found[row * size + i]! * weights[transposed ? c * size + i : i * classes + c]!
        }
        expect(Math.abs(sum - logits[row * classes + c]!)).toBeLessThan(1e-4)
      }
    }
  })

  it('stays as it is without a dense layer', () => {
    const model = decodeModel(network('mlp', { input: features }), 'member.onnx')
    model.graph.node = model.graph.node.filter(({ opType }) => opType !== 'Gemm' && opType !== 'MatMul')
    const before = model.graph.node.length
    expect(cutToFeatures(model)).toBeUndefined()
    expect(model.graph.node.length).toBe(before)
  })
})
