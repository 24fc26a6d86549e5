/** Filter pruning: the smaller model against the whole one with the same channels blanked. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { channelGroups } from '../../src/compression/channels.js'
import { filterGroups, filterMasks } from '../../src/compression/filter.js'
import { countWeights, kernelNodes, kernelsOf, maskKernels } from '../../src/compression/kernels.js'
import { compress } from '../../src/compression/methods.js'
import { createPredictor, type PredictorInputs } from '../../src/engine/onnxruntime/predictor.js'
import { ConfigError, DataError } from '../../src/errors.js'
import { buildArchitecture } from '../../src/model/architectures/index.js'
import { weightSpecs } from '../../src/model/weights.js'
import { GraphBuilder } from '../../src/onnx/graph.js'
import { toOihw } from '../../src/onnx/layout.js'
import { decodeModel, dimsOf, encodeModel, initializersOf } from '../../src/onnx/model.js'
import {
  architectures,
  featureRows,
  features,
  network,
  picture,
  pictures,
  relativeError,
} from './networks.js'

async function logits(bytes: Uint8Array, inputs: PredictorInputs): Promise<Float32Array> {
  const predictor = await createPredictor(bytes, { threads: 1 })
  try {
    return await predictor.predict(inputs)
  } finally {
    await predictor.dispose()
  }
}

const outputsOf = (bytes: Uint8Array) =>
  new Map(
    kernelNodes(decodeModel(bytes).graph).map(({ kernel, outputAxis }) => [
      kernel.name,
      dimsOf(kernel)[outputAxis],
    ]),
  )

/** The masks that training would set, laid out for the ONNX file. */
function masksFor(name: string, bytes: Uint8Array, sparsity: number): Map<string, Float32Array> {
  const { graph } = decodeModel(bytes)
  const width = name === 'mlp' ? 0.5 : 0.25
  const normalization = { mean: new Float32Array(3), deviation: new Float32Array(3) }
  const architecture = buildArchitecture(name, normalization, {
    input: picture,
    classes: 7,
    width,
    dropout: 0,
  })
  const shapes = new Map(weightSpecs(architecture).map(spec => [spec.name, spec.shape]))
  const stored = kernelsOf(graph)
  // From [out, in, height, width] to [height, width, in, out], element by element.
  const toEngine = (values: Float32Array, shape: readonly number[]) => {
    if (shape.length === 2) return values
    const positions = toOihw(Float32Array.from(values.keys()), shape)
    const result = new Float32Array(values.length)
    positions.forEach((position, i) => {
      result[position] = values[i]
    })
    return result
  }
  const engine = new Map(
    [...stored].map(([kernel, values]) => [kernel, toEngine(values, shapes.get(kernel)!)]),
  )
  const groups = filterGroups(graph, [...stored.keys()])
  return new Map(
    [...filterMasks(engine, groups, sparsity, 'l1')].map(([kernel, mask]) => {
      const shape = shapes.get(kernel)!
      return [kernel, shape.length === 2 ? mask : toOihw(mask, shape)]
    }),
  )
}

describe.each(architectures)('%s', name => {
  test('computes what the whole network does with those channels blanked, in a smaller file', async () => {
    const original = network(name)
    const pruned = await compress(original, 'filter', { sparsity: 0.5, norm: 'l1' })
    expect(pruned.notes).toEqual([])
    expect(pruned.bytes.length).toBeLessThan(original.length * 0.75)

    const blanked = decodeModel(original)
    maskKernels(blanked.graph, masksFor(name, original, 0.5))
    const examples = pictures(40, 3)
    const whole = await logits(encodeModel(blanked), examples)
    expect(relativeError(await logits(pruned.bytes, examples), whole)).toBeLessThan(1e-6)
    // The channels that went did matter.
    expect(relativeError(whole, await logits(original, examples))).toBeGreaterThan(0.01)

    // What training has blanked is what goes, and nothing of it was still in use.
    const afterTraining = await compress(encodeModel(blanked), 'filter', { sparsity: 0.5, norm: 'l1' })
    expect(Buffer.compare(afterTraining.bytes, pruned.bytes)).toBe(0)
    const { nonZeroWeights } = countWeights(decodeModel(encodeModel(blanked)).graph)
    expect(countWeights(decodeModel(pruned.bytes).graph).weights).toBe(nonZeroWeights)
  })

  test('every layer but the last loses its share, and the input and the classes stay', async () => {
    const before = outputsOf(network(name))
    for (const sparsity of [0.25, 0.5, 0.9, 1]) {
      const { bytes } = await compress(network(name), 'filter', { sparsity, norm: 'l2' })
      for (const [kernel, outputs] of outputsOf(bytes)) {
        const all = before.get(kernel)!
        const removed = kernel === 'logits/kernel' ? 0 : Math.min(all - 1, Math.round(sparsity * all))
        expect(outputs, kernel).toBe(all - removed)
      }
      expect(await logits(bytes, pictures(3))).toHaveLength(3 * 7)
    }
  })

  test('nothing is removed at sparsity 0, and bytes repeat', async () => {
    const none = await compress(network(name), 'filter', { sparsity: 0, norm: 'l1' })
    const examples = pictures(5)
    expect(await logits(none.bytes, examples)).toEqual(await logits(network(name), examples))
    const some = await compress(network(name), 'filter', { sparsity: 0.3, norm: 'l1' })
    const again = await compress(network(name), 'filter', { sparsity: 0.3, norm: 'l1' })
    expect(Buffer.compare(some.bytes, again.bytes)).toBe(0)
  })
})

test('on features', async () => {
  const { bytes } = await compress(network('mlp', { input: features }), 'filter', {
    sparsity: 0.5,
    norm: 'l1',
  })
  expect(await logits(bytes, featureRows(10))).toHaveLength(70)
})

test('a residual stream is one group: all layers added to it lose the same channels', () => {
  const { graph } = decodeModel(network('wrn-10-1'))
  const groups = channelGroups(graph).map(({ makers }) => makers.map(({ kernel }) => kernel.name))
  expect(groups).toContainEqual(
    expect.arrayContaining(['group3/block1/conv2/kernel', 'group3/block1/project/kernel']),
  )
  expect(groups.flat()).not.toContain('logits/kernel')
})

test('layers left out keep their filters', async () => {
  const kernels = [...kernelsOf(decodeModel(network('cnn-fast')).graph).keys()].slice(1)
  const { bytes } = await compress(network('cnn-fast'), 'filter', { sparsity: 0.5, norm: 'l1', kernels })
  expect(outputsOf(bytes).get('whiten/kernel')).toBe(outputsOf(network('cnn-fast')).get('whiten/kernel'))
})

test('the smallest norms go, lower indices first', () => {
  fc.assert(
    fc.property(
      fc.array(fc.float({ min: -2, max: 2, noNaN: true }), { minLength: 12, maxLength: 12 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.constantFrom('l1' as const, 'l2' as const),
      (values, sparsity, norm) => {
        // Three inputs, four filters, read by a layer of two outputs.
        const kernels = new Map([
          ['a', Float32Array.from(values)],
          ['b', new Float32Array(8).fill(1)],
        ])
        const group = { channels: 4, makers: ['a'], readers: [{ kernel: 'b', outputs: 2 }] }
        const masks = filterMasks(kernels, [group], sparsity, norm)
        const size = (filter: number) =>
          [0, 1, 2].reduce((sum, input) => {
            const weight = kernels.get('a')![4 * input + filter]
            return sum + (norm === 'l1' ? Math.abs(weight) : weight ** 2)
          }, 0)
        const order = [0, 1, 2, 3].sort((x, y) => size(x) - size(y) || x - y)
        const gone = new Set(order.slice(0, Math.min(3, Math.round(sparsity * 4))))
        expect(masks.get('a')).toEqual(Float32Array.from(values, (_, i) => (gone.has(i % 4) ? 0 : 1)))
        expect(masks.get('b')).toEqual(
          Float32Array.from({ length: 8 }, (_, i) => (gone.has(Math.floor(i / 2)) ? 0 : 1)),
        )
      },
    ),
  )
})

describe('models of other makers', () => {
  const values = (length: number, seed: number) =>
    Float32Array.from({ length }, (_, i) => Math.sin(seed + i * i))

  /** [N, 3, 12, 12], two convolutions, flattened channel by channel as PyTorch does, Gemm as [out, in]. */
  function foreign(between: (graph: GraphBuilder, hidden: string) => string): Uint8Array {
    const graph = new GraphBuilder()
    graph.input('input', 'float32', ['N', 3, 12, 12])
    graph.initializer('a', 'float32', [6, 3, 3, 3], values(162, 1))
    graph.initializer('a_bias', 'float32', [6], values(6, 2))
    graph.initializer('b', 'float32', [4, 6, 3, 3], values(216, 3))
    graph.initializer('c', 'float32', [5, 4 * 64], values(5 * 256, 4))
    const hidden = between(graph, graph.node('Relu', [graph.node('Conv', ['input', 'a', 'a_bias'])]))
    const flat = graph.node('Flatten', [graph.node('Relu', [graph.node('Conv', [hidden, 'b'])])])
    graph.node('Gemm', [flat, 'c'], { transB: 1 }, 'logits')
    graph.output('logits', 'float32', ['N', 5])
    return graph.encode('foreign')
  }

  async function expectSameAsBlanked(original: Uint8Array, makers: readonly string[]): Promise<void> {
    const { graph } = decodeModel(original)
    const groups = channelGroups(graph).flatMap(group => group.makers.map(({ kernel }) => kernel.name))
    expect(groups).toEqual(makers)
    const pruned = await compress(original, 'filter', { sparsity: 0.5, norm: 'l1' })
    const blanked = decodeModel(original)
    const masks = new Map(
      [...kernelsOf(graph)].map(([name, { length }]) => [name, new Float32Array(length).fill(1)]),
    )
    const left = new Map(
      kernelNodes(decodeModel(pruned.bytes).graph).map(({ kernel }) => [kernel.name, kernel]),
    )
    // Which filters stayed, read from the first weights of each, which no two filters share.
    for (const [maker, reader, block] of [
      ['a', 'b', 9],
      ['b', 'c', 64],
    ] as const) {
      if (!makers.includes(maker)) continue
      const all = kernelsOf(graph).get(maker)!
      const stayed = kernelsOf(decodeModel(pruned.bytes).graph).get(maker)!
      const filters = dimsOf(initializersOf(graph).get(maker)!)[0]
      expect(dimsOf(left.get(maker)!)[0]).toBe(filters / 2)
      const size = all.length / filters
      const sizeLeft = stayed.length / (filters / 2)
      const kept = Array.from({ length: filters / 2 }, (_, at) =>
        Array.from({ length: filters }, (_, f) => f).find(f =>
          Array.from(all.subarray(f * size, (f + 1) * size)).includes(stayed[at * sizeLeft]),
        ),
      )
      masks.set(
        reader,
        masks.get(reader)!.map((_, i) => (kept.includes(Math.floor(i / block) % filters) ? 1 : 0)),
      )
    }
    maskKernels(blanked.graph, masks)
    const examples = pictures(9, 4)
    const whole = await logits(encodeModel(blanked), examples)
    expect(relativeError(await logits(pruned.bytes, examples), whole)).toBeLessThan(1e-6)
  }

  test('channels that are flattened into runs of positions', async () => {
    await expectSameAsBlanked(
      foreign((_, hidden) => hidden),
      ['a', 'b'],
    )
  })

  test('a constant for each channel shrinks with them, shared or not', async () => {
    const scaled = (graph: GraphBuilder, hidden: string) => {
      graph.initializer('scale', 'float32', [6, 1, 1], values(6, 5))
      return graph.node('Mul', [graph.node('Add', [hidden, 'scale']), 'scale'])
    }
    await expectSameAsBlanked(foreign(scaled), ['a', 'b'])
  })

  test('what an operator not known here reads keeps its channels', async () => {
    const normalized = (graph: GraphBuilder, hidden: string) => graph.node('Softmax', [hidden], { axis: 1 })
    await expectSameAsBlanked(foreign(normalized), ['b'])
  })

  test('a depthwise convolution passes its channels on, and shrinks with them', async () => {
    const depthwise = (graph: GraphBuilder, hidden: string) => {
      graph.initializer('depthwise', 'float32', [6, 1, 3, 3], values(54, 6))
      graph.initializer('depthwise_bias', 'float32', [6], values(6, 7))
      const pads = [1, 1, 1, 1]
      return graph.node('Conv', [hidden, 'depthwise', 'depthwise_bias'], { group: 6, pads })
    }
    await expectSameAsBlanked(foreign(depthwise), ['a', 'b'])
  })

  test('any other grouped convolution keeps what it reads and makes', async () => {
    const graph = new GraphBuilder()
    graph.input('input', 'float32', ['N', 3, 12, 12])
    graph.initializer('a', 'float32', [6, 3, 1, 1], values(18, 1))
    graph.initializer('grouped', 'float32', [6, 2, 3, 3], values(108, 2))
    graph.initializer('c', 'float32', [6, 5], values(30, 3))
    const deep = graph.node('Conv', [graph.node('Conv', ['input', 'a']), 'grouped'], { group: 3 })
    graph.node('Gemm', [graph.node('Flatten', [graph.node('GlobalAveragePool', [deep])]), 'c'], {}, 'logits')
    graph.output('logits', 'float32', ['N', 5])
    const bytes = graph.encode('grouped')
    expect(channelGroups(decodeModel(bytes).graph)).toEqual([])
    await expect(compress(bytes, 'filter', { sparsity: 0.5, norm: 'l1' })).rejects.toThrow(DataError)
  })
})

test.each([-0.1, 1.1, Number.NaN])('a sparsity of %s is refused', async sparsity => {
  await expect(compress(network('mlp'), 'filter', { sparsity, norm: 'l1' })).rejects.toThrow(ConfigError)
})
