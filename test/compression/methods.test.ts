/** Every method on every architecture: accuracy against the float model, size, and the arithmetic that really runs. */
import { describe, expect, test } from 'vitest'
import { countWeights } from '../../src/compression/kernels.js'
import { compress } from '../../src/compression/methods.js'
import { sampleActivations } from '../../src/engine/onnxruntime/calibration.js'
import { createPredictor, type PredictorInputs } from '../../src/engine/onnxruntime/predictor.js'
import { ConfigError, DataError } from '../../src/errors.js'
import { GraphBuilder } from '../../src/onnx/graph.js'
import { decodeModel, elementType, tensorArray } from '../../src/onnx/model.js'
import { architectures, featureRows, features, network, pictures, relativeError } from './networks.js'
import { operatorCounts, optimizedGraph } from './optimized-graph.js'

/** For all methods. */
const options = { block: 64 }
const quantizations = ['float16', 'int8-dynamic', 'int8-static', 'int4'] as const
const calibration = sampleActivations(pictures(64, 2))

async function logits(bytes: Uint8Array, inputs: PredictorInputs): Promise<Float32Array> {
  const predictor = await createPredictor(bytes, { threads: 1 })
  try {
    return await predictor.predict(inputs)
  } finally {
    await predictor.dispose()
  }
}

/** Root mean square error of the logits relative to theirs, on examples that calibration did not see. */
const bounds: Record<(typeof quantizations)[number], number> = {
  float16: 0.003,
  'int8-dynamic': 0.05,
  'int8-static': 0.08,
  int4: 0.2,
}
/** Size of the file relative to the float one, for networks of ordinary size. */
const sizes: Record<(typeof quantizations)[number], number> = {
  float16: 0.51,
  'int8-dynamic': 0.27,
  'int8-static': 0.28,
  int4: 0.16,
}

describe.each(quantizations)('%s', method => {
  test.each(architectures)(
    '%s: logits stay close, types of input and output stay, bytes repeat',
    async name => {
      const original = network(name)
      const { bytes, notes } = await compress(original, method, options, calibration)
      expect(notes).toEqual([])
      const examples = pictures(50, 3)
      const error = relativeError(await logits(bytes, examples), await logits(original, examples))
      expect(error).toBeGreaterThan(0)
      // Filters that begin as the identity hold one large weight among tiny ones, the worst case for four bits.
      expect(error).toBeLessThan(method === 'int4' && name === 'cnn-fast' ? 0.6 : bounds[method])
      const types = ({ graph }: ReturnType<typeof decodeModel>) =>
        [...graph.input, ...graph.output].map(value => [value.name, value.type?.tensorType?.elemType])
      expect(types(decodeModel(bytes))).toEqual([
        ['input', 1],
        ['logits', 1],
      ])
      expect(Buffer.compare(bytes, (await compress(original, method, options, calibration)).bytes)).toBe(0)
      expect(countWeights(decodeModel(bytes).graph).weights).toBe(
        countWeights(decodeModel(original).graph).weights,
      )
    },
  )

  test('the file shrinks', async () => {
    const original = network('wrn-10-4', { width: 1 })
    const { bytes } = await compress(original, method, options, calibration)
    expect(bytes.length / original.length).toBeLessThan(sizes[method])
  })

  test('on features', async () => {
    const original = network('mlp', { input: features })
    const sample = sampleActivations(featureRows(200))
    const { bytes } = await compress(original, method, options, sample)
    const rows = featureRows(60, 2)
    expect(relativeError(await logits(bytes, rows), await logits(original, rows))).toBeLessThan(
      bounds[method],
    )
  })
})

describe('integer arithmetic in the graph that ONNX Runtime runs', () => {
  const integerOperators = {
    'int8-dynamic': ['ConvInteger', 'MatMulInteger', 'DynamicQuantizeMatMul', 'MatMulIntegerToFloat'],
    'int8-static': ['QLinearConv', 'QGemm', 'QLinearMatMul', 'MatMulIntegerToFloat'],
  } as const
  const floatOperators = ['Conv', 'FusedConv', 'Gemm', 'FusedGemm', 'MatMul', 'FusedMatMul']

  describe.each(['int8-dynamic', 'int8-static'] as const)('%s', method => {
    describe.each(['extended', 'all'] as const)('optimized to %s', level => {
      test.each(architectures)('%s', async name => {
        const original = decodeModel(network(name)).graph
        const layers = original.node.filter(({ opType }) => floatOperators.includes(opType)).length
        const { bytes } = await compress(network(name), method, options, calibration)
        const counts = operatorCounts(await optimizedGraph(bytes, level))
        expect(floatOperators.filter(operator => operator in counts)).toEqual([])
        const integer = integerOperators[method].reduce((sum, operator) => sum + (counts[operator] ?? 0), 0)
        expect(integer).toBe(layers)
      })
    })
  })

  test('a float model shows up as one', async () => {
    const counts = operatorCounts(await optimizedGraph(network('cnn-small'), 'extended'))
    expect(floatOperators.some(operator => operator in counts)).toBe(true)
  })

  test('ReLU costs nothing after static quantization', async () => {
    const { bytes } = await compress(network('cnn-small'), 'int8-static', {}, calibration)
    expect(operatorCounts(await optimizedGraph(bytes, 'extended'))).not.toHaveProperty('Relu')
  })
})

describe('float16', () => {
  test('clamps what halves cannot hold, and says so', async () => {
    const graph = new GraphBuilder()
    graph.input('input', 'float32', ['N', 2])
    graph.initializer('w', 'float32', [2, 2], Float32Array.of(1e6, -1e6, 1, 2))
    graph.node('MatMul', ['input', 'w'], {}, 'product')
    graph.output('logits', 'float32', ['N', 2], 'product')
    const { bytes, notes } = await compress(graph.encode('large'), 'float16', {})
    expect(notes).toEqual(['2 of 4 values of "w" clamped to ±65504'])
    expect(await logits(bytes, Float32Array.of(0.5, 0, 0, 1))).toEqual(Float32Array.of(32752, -32752, 1, 2))
  })

  test('raw features beyond the range of halves are normalised before they are rounded', async () => {
    const graph = new GraphBuilder()
    graph.input('input', 'float32', ['N', 2])
    graph.initializer('mean', 'float32', [1, 2], Float32Array.of(1e6, 2e6))
    graph.initializer('w', 'float32', [2, 2], Float32Array.of(1, 2, 3, 4))
    graph.node('Gemm', [graph.node('Sub', ['input', 'mean']), 'w'], {}, 'product')
    graph.output('logits', 'float32', ['N', 2], 'product')
    const { bytes } = await compress(graph.encode('raw'), 'float16', {})
    expect(await logits(bytes, Float32Array.of(1e6 + 1, 2e6))).toEqual(Float32Array.of(1, 2))
  })

  test('an operator it does not know is named', async () => {
    const graph = new GraphBuilder()
    graph.input('input', 'float32', ['N', 2])
    graph.initializer('w', 'float32', [2, 2], Float32Array.of(1, 2, 3, 4))
    graph.node('CumSum', [graph.node('MatMul', ['input', 'w']), graph.int64([1])], {}, 'logits')
    graph.output('logits', 'float32', ['N', 2])
    await expect(compress(graph.encode('odd'), 'float16', {})).rejects.toThrow(
      /does not know the operator CumSum/,
    )
  })
})

describe('models of other makers', () => {
  /** Gemm with its kernel as [out, in], as PyTorch exports it, and MatMul with an Add, as Keras does. */
  function foreign(): Uint8Array {
    const graph = new GraphBuilder()
    graph.input('input', 'float32', ['N', 20])
    const kernel = (seed: number, length: number) =>
      featureRows(20, seed)
        .slice(0, length)
        .map(value => value - 0.45)
    graph.initializer(
      'a',
      'float32',
      [12, 20],
      Float32Array.from({ length: 240 }, (_, i) => Math.sin(i * i)),
    )
    graph.initializer('a_bias', 'float32', [12], kernel(1, 12))
    graph.initializer(
      'b',
      'float32',
      [12, 5],
      Float32Array.from({ length: 60 }, (_, i) => Math.cos(i * i)),
    )
    graph.initializer('b_bias', 'float32', [5], kernel(2, 5))
    const hidden = graph.node('Relu', [graph.node('Gemm', ['input', 'a', 'a_bias'], { transB: 1 })])
    graph.node('Add', [graph.node('MatMul', [hidden, 'b']), 'b_bias'], {}, 'logits')
    graph.output('logits', 'float32', ['N', 5])
    return graph.encode('foreign')
  }

  test.each(quantizations)('%s', async method => {
    const sample = sampleActivations(featureRows(200))
    const { bytes } = await compress(foreign(), method, options, sample)
    const rows = featureRows(60, 2)
    expect(relativeError(await logits(bytes, rows), await logits(foreign(), rows))).toBeLessThan(
      bounds[method],
    )
    expect(countWeights(decodeModel(bytes).graph)).toMatchObject({ weights: 300 })
  })

  test('a layer that cannot be quantized is left as it is, and named', async () => {
    const graph = new GraphBuilder()
    graph.input('input', 'float32', ['N', 2])
    graph.initializer('w', 'float32', [2, 2], Float32Array.of(1, 2, 3, 4))
    const scaled = graph.node('Gemm', ['input', 'w'], { alpha: 0.5 })
    graph.node('MatMul', [scaled, 'w'], {}, 'logits')
    graph.output('logits', 'float32', ['N', 2])
    const { notes } = await compress(graph.encode('scaled'), 'int8-dynamic', {})
    expect(notes).toEqual([expect.stringMatching(/^Gemm ".*" stays float32/)])
  })

  test('a model without a layer to compress is refused', async () => {
    const graph = new GraphBuilder()
    graph.input('input', 'float32', ['N', 2])
    graph.node('Relu', ['input'], {}, 'logits')
    graph.output('logits', 'float32', ['N', 2])
    await expect(compress(graph.encode('none'), 'float16', {})).rejects.toThrow(DataError)
  })
})

test('int8-static asks for its calibration sample', async () => {
  await expect(compress(network('mlp'), 'int8-static', {})).rejects.toThrow(ConfigError)
})

test('an activation that is never finite is named', async () => {
  const nan = async function* (_: Uint8Array, tensors: readonly string[]) {
    yield new Map(tensors.map(tensor => [tensor, Float32Array.of(Number.NaN)]))
  }
  await expect(compress(network('mlp'), 'int8-static', {}, nan)).rejects.toThrow(/no finite range/)
})

test.each(['int8-dynamic', 'int8-static'] as const)(
  '%s: kernels are bytes, counted with their zeros',
  async method => {
    const original = network('cnn-small')
    const pruned = await compress(original, 'magnitude', { sparsity: 0.5, scope: 'layer' })
    const { weights, nonZeroWeights } = countWeights(decodeModel(pruned.bytes).graph)
    expect(nonZeroWeights).toBeLessThan(0.51 * weights)
    const quantized = decodeModel((await compress(pruned.bytes, method, options, calibration)).bytes).graph
    // What is left of floats are scales and biases.
    const floats = quantized.initializer.filter(tensor => elementType(tensor) === 'float32')
    expect(Math.max(...floats.map(tensor => tensorArray(tensor).length))).toBeLessThan(100)
    const counted = countWeights(quantized)
    expect(counted.weights).toBe(weights)
    // Weights below half a step become zero too.
    expect(counted.nonZeroWeights).toBeLessThanOrEqual(nonZeroWeights)
    expect(counted.nonZeroWeights).toBeGreaterThan(0.95 * nonZeroWeights)
  },
)
