import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { quantizeToInt4 } from '../../src/compression/int4.js'
import { countWeights, kernelNodes } from '../../src/compression/kernels.js'
import { compress } from '../../src/compression/methods.js'
import { createPredictor } from '../../src/engine/onnxruntime/predictor.js'
import { DataError } from '../../src/errors.js'
import { GraphBuilder } from '../../src/onnx/graph.js'
import {
  decodeModel,
  dimsOf,
  elementType,
  encodeModel,
  initializersOf,
  int4TensorOf,
  intAttribute,
  opsetOf,
  removeUnused,
  tensorArray,
  tensorOf,
} from '../../src/onnx/model.js'
import { architectures, network, pictures, relativeError } from './networks.js'

async function logits(bytes: Uint8Array): Promise<Float32Array> {
  const predictor = await createPredictor(bytes, { threads: 1 })
  try {
    return await predictor.predict(pictures(20, 3))
  } finally {
    await predictor.dispose()
  }
}

const matrix = fc
  .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 40 }))
  .chain(([rows, columns]) =>
    fc.record({
      rows: fc.constant(rows),
      columns: fc.constant(columns),
      axis: fc.constantFrom(0 as const, 1 as const),
      values: fc.array(fc.float({ min: -4, max: 4, noNaN: true }), {
        minLength: rows * columns,
        maxLength: rows * columns,
      }),
    }),
  )

describe('quantizeToInt4', () => {
  test('has a scale a block, errs no more than that of its largest weight, and keeps zeros', () => {
    fc.assert(
      fc.property(matrix, fc.constantFrom(2, 16), ({ rows, columns, axis, values }, block) => {
        const weights = Float32Array.from(values)
        const quantized = quantizeToInt4(weights, { rows, columns, axis }, block)
        expect(quantized.values.every(value => value >= -8 && value <= 7)).toBe(true)
        const errors = quantized.scales.map(() => 0)
        const bounds = quantized.scales.map(() => 0)
        const largest = quantized.scales.map(() => 0)
        const across = axis === 0 ? columns : Math.ceil(columns / block)
        const blockOf = (i: number) => {
          const [row, column] = [Math.floor(i / columns), i % columns]
          return axis === 0
            ? Math.floor(row / block) * across + column
            : row * across + Math.floor(column / block)
        }
        weights.forEach((weight, i) => {
          largest[blockOf(i)] = Math.max(largest[blockOf(i)], Math.abs(weight))
        })
        weights.forEach((weight, i) => {
          const b = blockOf(i)
          if (weight === 0) expect(quantized.values[i]).toBe(0)
          errors[b] += (weight - quantized.values[i] * quantized.scales[b]) ** 2
          // With steps of a seventh of the largest weight, all are half a step away at most.
          bounds[b] += (largest[b] / 14) ** 2
        })
        expect(quantized.scales).toHaveLength(axis === 0 ? Math.ceil(rows / block) * columns : rows * across)
        for (const [b, error] of errors.entries()) expect(error).toBeLessThanOrEqual(bounds[b] * (1 + 1e-5))
      }),
    )
  })

  test('clips one outlier where that costs less than coarse steps for all others', () => {
    const weights = Float32Array.from({ length: 400 }, (_, i) => (i === 0 ? 1.5 : Math.sin(i)))
    const { scales } = quantizeToInt4(weights, { rows: 1, columns: 400, axis: 1 }, 512)
    expect(scales[0]).toBeLessThan(1.5 / 7)
  })
})

test('four-bit integers are packed two to a byte, the first in the lower half', () => {
  expect(int4TensorOf('w', [3], Int8Array.of(1, -1, 7)).rawData).toEqual(Uint8Array.of(0xf1, 0x07))
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -8, max: 7 }), { maxLength: 9 }), values => {
      const array = Int8Array.from(values)
      expect(tensorArray(int4TensorOf('w', [array.length], array))).toEqual(array)
    }),
  )
  const short = int4TensorOf('w', [5], Int8Array.of(1, 2, 3))
  expect(() => tensorArray(short)).toThrow(DataError)
})

describe.each(architectures)('%s', name => {
  test('computes in floats what kernels of so many steps give', async () => {
    const { bytes } = await compress(network(name), 'int4', { block: 32 })
    const model = decodeModel(bytes)
    expect(opsetOf(model)).toBe(21)
    // The same file with every kernel as the floats that its integers and scales stand for.
    const { graph } = model
    const initializers = initializersOf(graph)
    for (const node of graph.node.filter(({ opType }) => opType === 'DequantizeLinear')) {
      const kernel = initializers.get(node.input[0])!
      expect(elementType(kernel)).toBe('int4')
      const integers = tensorArray(kernel) as Int8Array
      expect(kernel.rawData).toHaveLength(Math.ceil(integers.length / 2))
      const scales = tensorArray(initializers.get(node.input[1])!) as Float32Array
      const dims = dimsOf(kernel)
      const axis = intAttribute(node, 'axis', 1)
      const across = dimsOf(initializers.get(node.input[1])!)[1]
      const floats = Float32Array.from(integers, (value, i) => {
        const [row, column] = [Math.floor(i / dims[1]), i % dims[1]]
        const b = axis === 0 ? Math.floor(row / 32) * across + column : row * across + Math.floor(column / 32)
        return value * scales[b]
      })
      const reshape = graph.node.find(
        ({ opType, input }) => opType === 'Reshape' && input[0] === node.output[0],
      )
      const shape = reshape && Array.from(tensorArray(initializers.get(reshape.input[1])!), Number)
      graph.initializer.push(tensorOf(reshape?.output[0] ?? node.output[0], shape ?? dims, floats))
      graph.node = graph.node.filter(other => other !== node && other !== reshape)
    }
    removeUnused(graph)
    expect(kernelNodes(graph).length).toBe(kernelNodes(decodeModel(network(name)).graph).length)
    expect(relativeError(await logits(bytes), await logits(encodeModel(model)))).toBeLessThan(1e-5)
  })

  test('pruned weights stay zero and are counted', async () => {
    const pruned = await compress(network(name), 'magnitude', { sparsity: 0.8, scope: 'layer' })
    const before = countWeights(decodeModel(pruned.bytes).graph)
    const after = countWeights(decodeModel((await compress(pruned.bytes, 'int4', { block: 32 })).bytes).graph)
    expect(after.weights).toBe(before.weights)
    expect(after.nonZeroWeights).toBeLessThanOrEqual(before.nonZeroWeights)
    expect(after.nonZeroWeights).toBeGreaterThan(0)
  })
})

describe('models of an older opset', () => {
  function averaged(axes: object): Uint8Array {
    const graph = new GraphBuilder()
    graph.input('input', 'float32', ['N', 2, 3])
    graph.initializer('w', 'float32', [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6))
    graph.node('MatMul', [graph.node('ReduceMean', ['input'], { keepdims: 0, ...axes }), 'w'], {}, 'logits')
    graph.output('logits', 'float32', ['N', 2])
    return graph.encode('averaged')
  }

  test('are refused where an operator would be read differently', async () => {
    await expect(compress(averaged({ axes: [1] }), 'int4', { block: 32 })).rejects.toThrow(
      /ReduceMean\) means something else from opset 18 on/,
    )
  })

  test('already of the opset stay of it', async () => {
    const once = await compress(network('mlp'), 'int4', { block: 32 })
    const model = decodeModel(once.bytes)
    expect([opsetOf(model), Number(model.irVersion)]).toEqual([21, 10])
  })
})
