import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  activationParameters,
  quantizeBias,
  quantizeKernel,
  smallestKernelScales,
} from '../../src/compression/affine-quantization.js'
import { calibrate } from '../../src/compression/calibration.js'
import { compress } from '../../src/compression/methods.js'
import { sampleActivations } from '../../src/engine/onnxruntime/calibration.js'
import { createPredictor } from '../../src/engine/onnxruntime/predictor.js'
import { GraphBuilder } from '../../src/onnx/graph.js'

const finite = fc.float({ noNaN: true, min: -1e6, max: 1e6 })

describe('kernels', () => {
  test('each channel fills −127 … 127 and is off by half a step at most', () => {
    const kernel = fc
      .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }))
      .chain(([channels, stride, outer]) =>
        fc
          .array(finite, { minLength: channels * stride * outer, maxLength: channels * stride * outer })
          .map(weights => ({ weights: Float32Array.from(weights), channels, stride })),
      )
    fc.assert(
      fc.property(kernel, ({ weights, channels, stride }) => {
        const { values, scales } = quantizeKernel(weights, channels, stride)
        const largest = new Array(channels).fill(0)
        weights.forEach((weight, i) => {
          const channel = Math.floor(i / stride) % channels
          const step = scales[channel]
          expect(Math.abs(values[i] * step - weight)).toBeLessThanOrEqual(step * 0.5001)
          largest[channel] = Math.max(largest[channel], Math.abs(weight) < 1e-20 ? 0 : Math.abs(values[i]))
        })
        for (const value of largest) expect([0, 127]).toContain(value)
      }),
    )
  })

  test('ties go to the even integer, as in QuantizeLinear', () => {
    const { values } = quantizeKernel(Float32Array.of(127, 0.5, 1.5, 2.5, -0.5, -1.5), 1, 1)
    expect([...values]).toEqual([127, 0, 2, 2, 0, -2])
  })
})

describe('activations', () => {
  test('zero is exact and the range is covered to half a step', () => {
    fc.assert(
      fc.property(finite, finite, (a, b) => {
        const [min, max] = [Math.min(a, b), Math.max(a, b)]
        const { scale, zeroPoint } = activationParameters({ min, max })
        expect(Number.isInteger(zeroPoint) && zeroPoint >= 0 && zeroPoint <= 255).toBe(true)
        const slack = 0.501 * scale
        expect(scale * (0 - zeroPoint)).toBeLessThanOrEqual(Math.min(min, 0) + slack)
        expect(scale * (255 - zeroPoint)).toBeGreaterThanOrEqual(Math.max(max, 0) - slack)
      }),
    )
  })

  test('what a ReLU gives uses every step', () => {
    expect(activationParameters({ min: 0, max: 5.1 })).toEqual({ scale: Math.fround(0.02), zeroPoint: 0 })
    expect(activationParameters({ min: 2, max: 5.1 })).toEqual({ scale: Math.fround(0.02), zeroPoint: 0 })
    expect(activationParameters({ min: 0, max: 0 })).toEqual({ scale: 1, zeroPoint: 0 })
  })

  test('ranges are the extremes over all batches', async () => {
    const batches = async function* () {
      yield new Map([
        ['a', Float32Array.of(1, -2)],
        ['b', Float32Array.of(0)],
      ])
      yield new Map([
        ['a', Float32Array.of(0, 3)],
        ['b', Float32Array.of(-1)],
      ])
    }
    expect(await calibrate(batches, new Uint8Array(), ['a', 'b'])).toEqual(
      new Map([
        ['a', { min: -2, max: 3 }],
        ['b', { min: -1, max: 0 }],
      ]),
    )
  })
})

describe('biases', () => {
  test('fit into 32 bits, whatever their channel’s kernel', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(finite, fc.constantFrom(0, 1e-30, 1e-6, 1)), { minLength: 1, maxLength: 6 }),
        fc.constantFrom(1e-4, 0.02, 3),
        (channels, activationScale) => {
          const bias = Float32Array.from(channels, ([value]) => value)
          const weights = Float32Array.from(channels, ([, weight]) => weight)
          const lower = smallestKernelScales(bias, activationScale)
          const { scales: kernelScales } = quantizeKernel(weights, bias.length, 1, lower)
          const { values, scales } = quantizeBias(bias, activationScale, kernelScales)
          bias.forEach((value, c) => {
            expect(Math.abs(values[c])).toBeLessThanOrEqual(2 ** 30 * 1.000001)
            expect(Math.abs(values[c] * scales[c] - value)).toBeLessThanOrEqual(
              0.501 * scales[c] + 1e-6 * Math.abs(value),
            )
          })
        },
      ),
    )
  })

  test('a channel that pruning has emptied keeps its bias', async () => {
    const graph = new GraphBuilder()
    graph.input('input', 'float32', ['N', 2])
    graph.initializer('w', 'float32', [2, 3], Float32Array.of(1, 0, 1e-12, -1, 0, 1e-12))
    graph.initializer('b', 'float32', [3], Float32Array.of(0.5, 0.37, 12.3))
    graph.output('logits', 'float32', ['N', 3], graph.node('Gemm', ['input', 'w', 'b']))
    const sample = Float32Array.from({ length: 40 }, (_, i) => Math.sin(i))
    for (const method of ['int8-dynamic', 'int8-static'] as const) {
      const { bytes } = await compress(graph.encode('emptied'), method, {}, sampleActivations(sample))
      const predictor = await createPredictor(bytes, { threads: 1 })
      const [first, second, third] = await predictor.predict(Float32Array.of(0.5, -0.5))
      expect(first).toBeCloseTo(1.5, 1)
      expect(second).toBeCloseTo(0.37, 5)
      expect(third).toBeCloseTo(12.3, 4)
      await predictor.dispose()
    }
  })
})
