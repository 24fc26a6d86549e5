/** Residual networks against torchvision's, with figures from bench/peers/resnet_fixtures.py. */
import { readFileSync } from 'node:fs'
import { Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { createSession } from '../../src/engine/onnxruntime/predictor.js'
import type { Architecture, InputShape, Weight, WeightSpec } from '../../src/model/architecture.js'
import { buildArchitecture } from '../../src/model/architectures/index.js'
import { elements } from '../../src/model/shapes.js'
import { walkLayers, weightSpecs } from '../../src/model/weights.js'
import { exportOnnx } from '../../src/onnx/export.js'
import { fromOihw } from '../../src/onnx/layout.js'

interface Reference {
  readonly parameters: number
  /** Name and shape of every weight in torchvision's order. */
  readonly weights: readonly (readonly [string, readonly number[]])[]
  readonly side: number
  /** The first of them, for a picture that {@link uniform} draws. */
  readonly logits: readonly number[]
}

const fixture = new URL('./fixtures/resnets.json', import.meta.url)
const { networks } = JSON.parse(readFileSync(fixture, 'utf8')) as {
  readonly networks: Readonly<Record<string, Reference>>
}

function build(name: string, side: number, classes = 1000, width = 1): Architecture {
  const input: InputShape = { kind: 'image', height: side, width: side, channels: 3 }
  const normalization = { mean: new Float32Array(3), deviation: new Float32Array(3).fill(1) }
  return buildArchitecture(name, normalization, { input, classes, width, dropout: 0 })
}

/** The counter that both sides draw weights and pictures from, times a factor: [−½, ½) · factor + offset. */
function uniform(count: number, stream: number, factor = 1, offset = 0): Float32Array {
  const start = Math.imul(stream, 0x9e3779b1)
  const values = new Float32Array(count)
  for (let index = 0; index < count; index++) {
    let h = (index + start) >>> 0
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    values[index] = (((h ^ (h >>> 16)) >>> 0) / 2 ** 32 - 0.5) * factor + offset
  }
  return values
}

/** torchvision's name of a weight: `group2/block1/2/conv/kernel` is `layer2.0.conv2.weight`. */
function torchName({ name, role }: WeightSpec): string {
  const suffix = {
    kernel: 'weight',
    scale: 'weight',
    shift: 'bias',
    bias: 'bias',
    runningMean: 'running_mean',
    runningVariance: 'running_var',
    runningMinimum: undefined,
    runningMaximum: undefined,
  }[role]
  const isNorm = name.includes('/norm/')
  if (name.startsWith('logits')) return `fc.${suffix}`
  if (name.startsWith('stem')) return `${isNorm ? 'bn1' : 'conv1'}.${suffix}`
  const [, group, block, part] = name.match(/^group(\d)\/block(\d)\/(\w+)\//)!
  const start = `layer${group}.${Number(block) - 1}`
  if (part === 'project') return `${start}.downsample.${isNorm ? 1 : 0}.${suffix}`
  return `${start}.${isNorm ? 'bn' : 'conv'}${part}.${suffix}`
}

/** A weight's shape as torch keeps it. */
function torchShape({ role, shape }: WeightSpec): readonly number[] {
  if (role !== 'kernel') return shape
  if (shape.length === 2) return shape.toReversed()
  const [height, width, inputs, outputs] = shape as readonly [number, number, number, number]
  return [outputs, inputs, height, width]
}

function weightsOf(architecture: Architecture, reference: Reference): Weight[] {
  const streams = new Map(reference.weights.map(([name], stream) => [name, stream]))
  return weightSpecs(architecture).map(spec => {
    const { name, shape, role } = spec
    const size = elements(shape)
    const stream = streams.get(torchName(spec))!
    if (role === 'kernel') {
      const values = uniform(size, stream, Math.sqrt(24 / spec.fanIn))
      return { name, shape, data: shape.length === 4 ? fromOihw(values, shape) : transposed(values, shape) }
    }
    const around = role === 'scale' || role === 'runningVariance' ? 1 : 0
    return { name, shape, data: uniform(size, stream, 0.4, around) }
  })
}

/** [out, in] → [in, out] */
function transposed(values: Float32Array, [inputs, outputs]: readonly number[]): Float32Array {
  return values.map((_, at) => values[(at % outputs!) * inputs! + Math.floor(at / outputs!)]!)
}

describe.each(Object.entries(networks))('%s', (name, reference) => {
  const specs = weightSpecs(build(name, 224))

  it('has the weights of torchvision’s, name by name and shape by shape', () => {
    const ours = Object.fromEntries(specs.map(spec => [torchName(spec), torchShape(spec)]))
    expect(ours).toEqual(Object.fromEntries(reference.weights))
    const trained = specs.filter(({ trainable }) => trainable)
    expect(trained.reduce((sum, { shape }) => sum + elements(shape), 0)).toBe(reference.parameters)
  })

  it('gives the logits of torchvision’s', async () => {
    const { side, logits } = reference
    const architecture = build(name, side)
    const model = exportOnnx(architecture, weightsOf(architecture, reference))
    const session = await createSession(model, { threads: 1 })
    const picture = new Tensor('float32', uniform(3 * side * side, side, 1, 0.5), [1, 3, side, side])
    const results = await session.run({ input: picture })
    await session.release()
    const ours = results.logits!.data as Float32Array
    const largest = Math.max(...logits.map(Math.abs))
    const apart = Math.max(...logits.map((value, at) => Math.abs(value - ours[at]!)))
    expect(apart / largest).toBeLessThan(1e-4)
  })
})

it('has 11.690 and 25.557 million parameters, as published', () => {
  const millions = Object.values(networks).map(({ parameters }) => (parameters / 1e6).toFixed(3))
  expect(millions).toEqual(['11.690', '25.557'])
})

it('keeps small pictures as large as they are where the name ends in -small', () => {
  const shapesOf = (name: string) => {
    const shapes: string[] = []
    walkLayers(build(name, 32, 10).layers, [32, 32, 3], (layer, shape) => {
      if (layer.kind === 'residual') shapes.push(shape.join())
    })
    return shapes
  }
  expect(shapesOf('resnet-18')[0]).toBe('8,8,64')
  expect(shapesOf('resnet-18-small')[0]).toBe('32,32,64')
  expect(shapesOf('resnet-50-small').at(-1)).toBe('4,4,2048')
})

it('scales every filter with the width', () => {
  const shapes = new Map(
    weightSpecs(build('resnet-50', 64, 10, 0.25)).map(({ name, shape }) => [name, shape]),
  )
  expect(shapes.get('stem/conv/kernel')).toEqual([7, 7, 3, 16])
  expect(shapes.get('group4/block3/3/conv/kernel')).toEqual([1, 1, 128, 512])
  expect(shapes.get('logits/kernel')).toEqual([512, 10])
})

it('refuses features and dropout', () => {
  const normalization = { mean: new Float32Array(8), deviation: new Float32Array(8).fill(1) }
  const features = { kind: 'features', features: 8 } as const
  const options = { input: features, classes: 2, width: 1, dropout: 0 }
  expect(() => buildArchitecture('resnet-18', normalization, options)).toThrow(/learns from pictures/)
  const image = { kind: 'image', height: 64, width: 64, channels: 3 } as const
  expect(() =>
    buildArchitecture('resnet-18', normalization, { ...options, input: image, dropout: 0.1 }),
  ).toThrow(/no dropout/)
})
