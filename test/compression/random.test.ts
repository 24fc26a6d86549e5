import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { countWeights, kernelsOf } from '../../src/compression/kernels.js'
import { magnitudeMasks } from '../../src/compression/magnitude.js'
import { compress } from '../../src/compression/methods.js'
import { randomMasks } from '../../src/compression/random.js'
import { ConfigError } from '../../src/errors.js'
import { decodeModel } from '../../src/onnx/model.js'
import { architectures, network } from './networks.js'

const kernels = fc
  .array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 4 })
  .map(lengths => new Map(lengths.map((length, k) => [`kernel ${k}`, new Float32Array(length)])))
const sparsity = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 0.5, 0.9, 1))
const scope = fc.constantFrom('layer' as const, 'global' as const)
const zeros = (mask: Float32Array) => mask.filter(keep => keep === 0).length

describe('random masks', () => {
  test('remove as many weights as magnitude pruning does, exactly', () => {
    fc.assert(
      fc.property(kernels, sparsity, fc.nat(), (arrays, share, seed) => {
        const byLayer = randomMasks(arrays, share, 'layer', [seed])
        for (const [name, { length }] of arrays) {
          expect(zeros(byLayer.get(name)!)).toBe(Math.round(share * length))
        }
        const removed = (masks: Map<string, Float32Array>) =>
          [...masks.values()].reduce((sum, mask) => sum + zeros(mask), 0)
        expect(removed(randomMasks(arrays, share, 'global', [seed]))).toBe(
          removed(magnitudeMasks(arrays, share, 'global')),
        )
      }),
    )
  })

  test('of one seed grow with the sparsity', () => {
    fc.assert(
      fc.property(kernels, sparsity, sparsity, scope, (arrays, one, other, within) => {
        const looser = randomMasks(arrays, Math.min(one, other), within, [1])
        const tighter = randomMasks(arrays, Math.max(one, other), within, [1])
        for (const [name, mask] of tighter) {
          expect(mask.every((keep, i) => keep <= looser.get(name)![i])).toBe(true)
        }
      }),
    )
  })

  test('do not look at the weights, and fall evenly on all places', () => {
    const ascending = new Map([['kernel', Float32Array.from({ length: 1000 }, (_, i) => i)]])
    const blank = new Map([['kernel', new Float32Array(1000)]])
    const removals = new Float64Array(10)
    for (let seed = 0; seed < 50; seed++) {
      const mask = randomMasks(ascending, 0.5, 'layer', [seed]).get('kernel')!
      expect(mask).toEqual(randomMasks(blank, 0.5, 'layer', [seed]).get('kernel'))
      mask.forEach((keep, i) => {
        removals[Math.floor(i / 100)] += 1 - keep
      })
    }
    // Of 5000 lots in each tenth half go, with a standard deviation of 34.
    for (const removed of removals) expect(Math.abs(removed - 2500)).toBeLessThan(170)
  })

  test('of kernels and seeds have nothing to do with each other', () => {
    const twins = new Map(['a', 'b'].map(name => [name, new Float32Array(1000)]))
    const overlap = (one: Float32Array, other: Float32Array) =>
      one.filter((keep, i) => keep === 0 && other[i] === 0).length
    const first = randomMasks(twins, 0.5, 'layer', [1])
    const second = randomMasks(twins, 0.5, 'layer', [2])
    for (const count of [
      overlap(first.get('a')!, first.get('b')!),
      overlap(first.get('a')!, second.get('a')!),
    ]) {
      expect(Math.abs(count - 250)).toBeLessThan(60)
    }
  })

  test.each([-0.1, 1.1, Number.NaN])('a sparsity of %s is refused', share => {
    const one = new Map([['kernel', Float32Array.of(1)]])
    expect(() => randomMasks(one, share, 'layer', [1])).toThrow(ConfigError)
  })
})

describe('on an ONNX model', () => {
  test.each(architectures)('%s loses exactly the share asked for, always the same weights', async name => {
    const options = { sparsity: 0.7, scope: 'layer', seed: [3] } as const
    const { bytes, notes } = await compress(network(name), 'random', options)
    expect(notes).toEqual([])
    const before = kernelsOf(decodeModel(network(name)).graph)
    for (const [kernel, values] of kernelsOf(decodeModel(bytes).graph)) {
      const original = before.get(kernel)!
      expect(values.filter(value => value === 0).length).toBe(Math.round(0.7 * values.length))
      expect(values.every((value, i) => value === 0 || value === original[i])).toBe(true)
    }
    expect(Buffer.compare(bytes, (await compress(network(name), 'random', options)).bytes)).toBe(0)
    const other = await compress(network(name), 'random', { ...options, seed: [4] })
    expect(Buffer.compare(bytes, other.bytes)).not.toBe(0)
  })

  test('globally, and on the kernels named alone', async () => {
    const original = network('cnn-fast')
    const { weights } = countWeights(decodeModel(original).graph)
    const whole = await compress(original, 'random', { sparsity: 0.9, scope: 'global', seed: [1] })
    expect(countWeights(decodeModel(whole.bytes).graph).nonZeroWeights).toBe(
      weights - Math.round(0.9 * weights),
    )
    const kernels = [...kernelsOf(decodeModel(original).graph).keys()].slice(1)
    const part = await compress(original, 'random', { sparsity: 0.9, scope: 'layer', seed: [1], kernels })
    const [first] = kernelsOf(decodeModel(part.bytes).graph).values()
    expect(first.includes(0)).toBe(false)
  })
})
