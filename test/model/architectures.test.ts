import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/errors.js'
import type { InputShape } from '../../src/model/architecture.js'
import { buildArchitecture } from '../../src/model/architectures/index.js'
import { elements } from '../../src/model/shapes.js'
import { prunableKernels, weightSpecs } from '../../src/model/weights.js'

const colour: InputShape = { kind: 'image', height: 32, width: 32, channels: 3 }
const grey: InputShape = { kind: 'image', height: 28, width: 28, channels: 1 }

function build(name: string, input: InputShape, width = 1, classes = 10, dropout = 0) {
  const channels = input.kind === 'image' ? input.channels : input.features
  const normalization = { mean: new Float32Array(channels), deviation: new Float32Array(channels).fill(1) }
  return buildArchitecture(name, normalization, { input, classes, width, dropout })
}

function trained(name: string, input: InputShape, width = 1): number {
  const specs = weightSpecs(build(name, input, width)).filter(spec => spec.trainable)
  return specs.reduce((sum, { shape }) => sum + elements(shape), 0)
}

describe('weights', () => {
  // Zagoruyko and Komodakis 2016, arXiv 1605.07146, tables 3 and 4: millions of parameters.
  it.each([
    ['wrn-40-1', 0.6],
    ['wrn-40-4', 8.9],
    ['wrn-16-8', 11.0],
    ['wrn-22-8', 17.2],
    ['wrn-16-10', 17.1],
    ['wrn-28-10', 36.5],
  ])('%s has %s million, as published', (name, millions) => {
    // The paper gives one decimal, sometimes cut off and sometimes rounded.
    expect(Math.abs(trained(name, colour) / 1e6 - millions)).toBeLessThan(0.1)
  })

  it('counts the mlp and cnn-small by hand', () => {
    expect(trained('mlp', grey)).toBe(784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10)
    const kernels = 9 * (1 * 32 + 32 * 64 + 64 * 64) + 64 * 10
    expect(trained('cnn-small', grey)).toBe(kernels + 32 + 64 + 64 + 10)
  })

  it('trains everything in cnn-fast but the whitening layer, at half the filters for width 0.5', () => {
    const architecture = build('cnn-fast', colour, 0.5)
    const whitening = weightSpecs(architecture).find(({ name }) => name === 'whiten/kernel')!
    expect(whitening).toMatchObject({ trainable: false, shape: [2, 2, 3, 24] })
    expect(prunableKernels(architecture)).not.toContain('whiten/kernel')
    expect(weightSpecs(architecture).find(({ name }) => name === 'block3/conv2/kernel')!.shape).toEqual([
      3, 3, 128, 128,
    ])
  })
})

describe('names', () => {
  it('names the architectures there are when there is none of that name', () => {
    expect(() => build('resnet', colour)).toThrow(ConfigError)
    expect(() => build('resnet', colour)).toThrow(/no architecture "resnet"/)
  })

  it.each(['wrn-17-1', 'wrn-4-1', 'wrn-16-0'])('refuses %s, which is no wide ResNet', name => {
    expect(() => build(name, colour)).toThrow(/6n \+ 4/)
  })

  it.each(['cnn-small', 'cnn-fast', 'wrn-16-1'])('refuses features for %s', name => {
    expect(() => build(name, { kind: 'features', features: 8 })).toThrow(ConfigError)
  })

  it.each(['cnn-fast', 'wrn-16-1'])('refuses dropout for %s, which has none', name => {
    expect(() => build(name, colour, 1, 10, 0.1)).toThrow(/no dropout/)
    expect(build('cnn-small', colour, 1, 10, 0.1).layers).toContainEqual({ kind: 'dropout', rate: 0.1 })
  })

  it('takes pictures too small to pool three times only where they can be', () => {
    expect(() => build('cnn-fast', { kind: 'image', height: 4, width: 4, channels: 1 })).toThrow(ConfigError)
  })
})
