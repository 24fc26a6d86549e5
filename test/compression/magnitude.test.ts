import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cubicSparsity } from '../../src/compression/cubic-schedule.js'
import { countWeights, kernelsOf } from '../../src/compression/kernels.js'
import { magnitudeMask, magnitudeMasks } from '../../src/compression/magnitude.js'
import { compress } from '../../src/compression/methods.js'
import { ConfigError, DataError } from '../../src/errors.js'
import { decodeModel } from '../../src/onnx/model.js'
import { architectures, network } from './networks.js'

/** Weights with many ties, zeros of both signs and denormals among them. */
const weights = fc
  .array(fc.oneof(fc.float({ noNaN: true }), fc.constantFrom(0, -0, 0.5, -0.5, 1e-44, -1e-44)), {
    minLength: 1,
    maxLength: 300,
  })
  .map(values => Float32Array.from(values))
const sparsity = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 0.3, 0.5, 0.9, 1))

/** The definition, by a stable sort. */
function byDefinition(values: Float32Array, share: number): Float32Array {
  const order = Array.from(values.keys()).sort((a, b) => Math.abs(values[a]) - Math.abs(values[b]) || a - b)
  const mask = new Float32Array(values.length).fill(1)
  for (const index of order.slice(0, Math.round(share * values.length))) mask[index] = 0
  return mask
}

const masked = (values: Float32Array, mask: Float32Array) => values.map((value, i) => value * mask[i])

describe('the mask', () => {
  test('removes exactly the smallest magnitudes, lower indices first', () => {
    fc.assert(
      fc.property(weights, sparsity, (values, share) => {
        expect(magnitudeMask(values, share)).toEqual(byDefinition(values, share))
      }),
    )
  })

  test('of masked weights is the same mask', () => {
    fc.assert(
      fc.property(weights, sparsity, (values, share) => {
        const mask = magnitudeMask(values, share)
        expect(magnitudeMask(masked(values, mask), share)).toEqual(mask)
      }),
    )
  })

  test('grows with the sparsity', () => {
    fc.assert(
      fc.property(weights, sparsity, sparsity, (values, one, other) => {
        const looser = magnitudeMask(values, Math.min(one, other))
        const tighter = magnitudeMask(values, Math.max(one, other))
        expect(tighter.every((keep, i) => keep <= looser[i])).toBe(true)
      }),
    )
  })

  test('reads a view into a larger buffer as it is', () => {
    const buffer = Float32Array.of(9, 3, 1, 2, 9)
    expect(magnitudeMask(buffer.subarray(1, 4), 1 / 3)).toEqual(Float32Array.of(1, 0, 1))
  })

  test.each([-0.1, 1.1, Number.NaN])('a sparsity of %s is refused', share => {
    expect(() => magnitudeMask(Float32Array.of(1), share)).toThrow(ConfigError)
  })
})

describe('scopes', () => {
  const kernels = new Map([
    ['large', Float32Array.of(10, -20, 30, 40)],
    ['small', Float32Array.of(1, -2, 3, 4)],
  ])

  test('by layer each kernel reaches the sparsity', () => {
    const masks = magnitudeMasks(kernels, 0.5, 'layer')
    expect([...masks.values()]).toEqual([Float32Array.of(0, 0, 1, 1), Float32Array.of(0, 0, 1, 1)])
  })

  test('globally the kernels compete', () => {
    const masks = magnitudeMasks(kernels, 0.5, 'global')
    expect([...masks.values()]).toEqual([Float32Array.of(1, 1, 1, 1), Float32Array.of(0, 0, 0, 0)])
  })

  test('a global mask is the mask of all kernels laid end to end', () => {
    fc.assert(
      fc.property(fc.array(weights, { minLength: 1, maxLength: 5 }), sparsity, (arrays, share) => {
        const masks = magnitudeMasks(new Map(arrays.map((array, k) => [`${k}`, array])), share, 'global')
        const whole = magnitudeMask(Float32Array.from(arrays.flatMap(array => [...array])), share)
        expect([...masks.values()].flatMap(mask => [...mask])).toEqual([...whole])
      }),
    )
  })
})

describe('on an ONNX model', () => {
  test.each(architectures)('%s loses exactly the share asked for, kernel by kernel', async name => {
    const { bytes, notes } = await compress(network(name), 'magnitude', { sparsity: 0.7, scope: 'layer' })
    expect(notes).toEqual([])
    const before = kernelsOf(decodeModel(network(name)).graph)
    for (const [kernel, values] of kernelsOf(decodeModel(bytes).graph)) {
      const original = before.get(kernel)!
      expect(values.filter(value => value === 0).length).toBe(Math.round(0.7 * values.length))
      expect(values.every((value, i) => value === 0 || value === original[i])).toBe(true)
    }
  })

  test('globally, and on the kernels named alone', async () => {
    const original = network('cnn-fast')
    const { weights, nonZeroWeights } = countWeights(decodeModel(original).graph)
    expect(nonZeroWeights).toBe(weights)
    const whole = await compress(original, 'magnitude', { sparsity: 0.9, scope: 'global' })
    expect(countWeights(decodeModel(whole.bytes).graph).nonZeroWeights).toBe(
      weights - Math.round(0.9 * weights),
    )

    const kernels = [...kernelsOf(decodeModel(original).graph).keys()].slice(1)
    const part = await compress(original, 'magnitude', { sparsity: 0.9, scope: 'layer', kernels })
    const [first] = kernelsOf(decodeModel(part.bytes).graph).values()
    expect(first.includes(0)).toBe(false)
  })

  test('twice is once', async () => {
    const once = await compress(network('cnn-small'), 'magnitude', { sparsity: 0.5, scope: 'global' })
    const twice = await compress(once.bytes, 'magnitude', { sparsity: 0.5, scope: 'global' })
    expect(Buffer.compare(once.bytes, twice.bytes)).toBe(0)
  })

  test('a kernel that is not there is named', async () => {
    const options = { sparsity: 0.5, scope: 'layer', kernels: ['nowhere'] } as const
    await expect(compress(network('mlp'), 'magnitude', options)).rejects.toThrow(DataError)
    await expect(compress(network('mlp'), 'magnitude', options)).rejects.toThrow(/no kernel "nowhere"/)
  })
})

describe('the cubic schedule', () => {
  test('follows equation 1', () => {
    expect(cubicSparsity(0, 0.9, 100, 300)).toBe(0)
    expect(cubicSparsity(100, 0.9, 100, 300)).toBe(0)
    // Half-way: 0.9 (1 − 0.5³).
    expect(cubicSparsity(200, 0.9, 100, 300)).toBeCloseTo(0.7875, 12)
    expect(cubicSparsity(300, 0.9, 100, 300)).toBe(0.9)
    expect(cubicSparsity(1000, 0.9, 100, 300)).toBe(0.9)
    expect(cubicSparsity(100, 0.9, 100, 100)).toBe(0.9)
  })

  test('never falls and never exceeds the final sparsity', () => {
    fc.assert(
      fc.property(sparsity, fc.nat(1000), fc.nat(1000), fc.nat(2500), (final, begin, length, step) => {
        const now = cubicSparsity(step, final, begin, begin + length)
        const next = cubicSparsity(step + 1, final, begin, begin + length)
        expect(now).toBeGreaterThanOrEqual(0)
        expect(next).toBeGreaterThanOrEqual(now)
        expect(next).toBeLessThanOrEqual(final)
      }),
    )
  })
})
