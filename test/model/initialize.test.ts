import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Architecture, Layer } from '../../src/model/architecture.js'
import { initialMomenta, initialWeights } from '../../src/model/initialize.js'
import { randomStream } from '../../src/random.js'

const channels = 3
const side = 12

function network(layer: Layer): Architecture {
  return {
    name: 'test',
    input: { kind: 'image', height: side, width: side, channels },
    normalization: { mean: Float32Array.of(0.5, 0.4, 0.3), deviation: Float32Array.of(0.25, 0.2, 0.3) },
    classes: 7,
    layers: [layer, { kind: 'globalAveragePool' }, { kind: 'dense', name: 'logits', units: 7, bias: true }],
  }
}

const convolution = (changes: Partial<Extract<Layer, { kind: 'conv2d' }>> = {}): Layer => ({
  kind: 'conv2d',
  name: 'conv',
  filters: 64,
  kernel: 3,
  stride: 1,
  padding: 'same',
  bias: true,
  ...changes,
})

/** Neighbouring pixels and channels hang together, as in photographs. */
function pictures(examples: number) {
  const random = randomStream('pictures')
  const pixels = new Uint8Array(examples * side * side * channels)
  for (let example = 0; example < examples; example++) {
    const [level, slope] = [random.uniform() * 150, random.uniform() * 8]
    for (let at = 0; at < side * side * channels; at++) {
      const x = Math.floor(at / channels) % side
      pixels[example * side * side * channels + at] = level + slope * x + 30 * random.uniform()
    }
  }
  return { pixels, examples }
}

describe('initialWeights', () => {
  it('draws kernels with variance 2 / fan-in and leaves the rest at rest', () => {
    const [kernel, bias] = initialWeights(network(convolution()), [1])
    const variance = kernel!.data.reduce((sum, weight) => sum + weight ** 2, 0) / kernel!.data.length
    expect(variance).toBeCloseTo(2 / 27, 2)
    expect(bias!.data.every(value => value === 0)).toBe(true)
  })

  it('gives the same weights for the same seed, others for another', () => {
    fc.assert(
      fc.property(fc.nat(1000), seed => {
        const [first, again, other] = [[seed], [seed], [seed + 1]].map(
          parts => initialWeights(network(convolution()), parts)[0]!.data,
        )
        expect(again).toEqual(first)
        expect(other).not.toEqual(first)
      }),
      { numRuns: 5 },
    )
  })

  it('starts dirac kernels as the identity in as many filters as there are channels', () => {
    const { data } = initialWeights(network(convolution({ initializer: 'dirac' })), [1])[0]!
    for (let output = 0; output < channels; output++) {
      for (let tap = 0; tap < 9; tap++) {
        for (let input = 0; input < channels; input++) {
          const expected = tap === 4 && input === output ? 1 : 0
          expect(data[(tap * channels + input) * 64 + output]).toBe(expected)
        }
      }
    }
    expect(data[channels]).not.toBe(0)
  })

  it('whitens: responses to patches have variance one and nothing in common', () => {
    const length = 4 * channels
    const layer = convolution({
      kernel: 2,
      padding: 0,
      filters: 2 * length,
      initializer: 'whitening',
      bias: false,
    })
    const sample = pictures(60)
    const architecture = network(layer)
    const { data } = initialWeights(architecture, [1], sample)[0]!
    const { mean, deviation } = architecture.normalization
    const responses: number[][] = []
    for (let example = 0; example < sample.examples; example++) {
      for (let top = 0; top < side - 1; top++) {
        for (let left = 0; left < side - 1; left++) {
          const patch = Array.from({ length }, (_, i) => {
            const [tap, c] = [Math.floor(i / channels), i % channels]
            const pixel = (example * side + top + Math.floor(tap / 2)) * side + left + (tap % 2)
            return (sample.pixels[pixel * channels + c]! / 255 - mean[c]!) / deviation[c]!
          })
          responses.push(
            Array.from({ length }, (_, output) =>
              patch.reduce((sum, value, i) => sum + value * data[i * 2 * length + output]!, 0),
            ),
          )
        }
      }
    }
    for (let a = 0; a < length; a++) {
      for (let b = 0; b <= a; b++) {
        const product = responses.reduce((sum, row) => sum + row[a]! * row[b]!, 0) / responses.length
        expect(Math.abs(product - (a === b ? 1 : 0))).toBeLessThan(0.1)
      }
    }
    // The second half are the same filters with the other sign.
    for (let i = 0; i < length; i++) expect(data[i * 2 * length + length]).toBe(-data[i * 2 * length]!)
  })

  it('asks for pictures where it whitens', () => {
    const layer = convolution({ kernel: 2, padding: 0, filters: 8, initializer: 'whitening' })
    expect(() => initialWeights(network(layer), [1])).toThrow(/give pictures/)
  })
})

it('keeps a momentum buffer of zeros for whatever is trained', () => {
  const frozen = initialMomenta(network(convolution({ trainable: false }))).map(({ name }) => name)
  expect(frozen).toEqual(['logits/kernel', 'logits/bias'])
})
