/** Networks of every architecture with the statistics of trained ones, and examples for them. */

import type { InputShape } from '../../src/model/architecture.js'
import { buildArchitecture } from '../../src/model/architectures/index.js'
import { initialWeights } from '../../src/model/initialize.js'
import { weightSpecs } from '../../src/model/weights.js'
import { exportOnnx } from '../../src/onnx/export.js'
import { type RandomStream, randomStream } from '../../src/random.js'

export const picture: InputShape = { kind: 'image', height: 12, width: 12, channels: 3 }
export const features: InputShape = { kind: 'features', features: 20 }
const classes = 7

/** Architectures that together hold every layer, narrow so that tests are quick. */
export const architectures = ['mlp', 'cnn-small', 'cnn-fast', 'wrn-10-1'] as const

export interface NetworkOptions {
  readonly seed?: number
  readonly input?: InputShape
  readonly width?: number
}

/**
 * A network whose batch normalisations have moved away from where they start. `seed` decides every weight.
 */
export function network(
  name: string,
  { seed = 1, input = picture, width = name === 'mlp' ? 0.5 : 0.25 }: NetworkOptions = {},
): Uint8Array {
  const channels = input.kind === 'image' ? input.channels : input.features
  const normalization = {
    mean: new Float32Array(channels).fill(0.45),
    deviation: new Float32Array(channels).fill(0.25),
  }
  const architecture = buildArchitecture(name, normalization, { input, classes, width, dropout: 0 })
  const sample = input.kind === 'image' ? { pixels: pictures(20, seed), examples: 20 } : undefined
  const random = randomStream('network', seed)
  const roles = new Map(weightSpecs(architecture).map(({ name, role }) => [name, role]))
  const weights = initialWeights(architecture, [seed], sample).map(weight => ({
    ...weight,
    data: weight.data.map(value => moved(value, roles.get(weight.name), random)),
  }))
  return exportOnnx(architecture, weights, { level: 'dense', seed: String(seed) })
}

function moved(value: number, role: string | undefined, random: RandomStream): number {
  switch (role) {
    case 'bias':
    case 'shift':
    case 'runningMean':
      return value + 0.3 * random.normal()
    case 'scale':
    case 'runningVariance':
      return value * (0.5 + random.uniform())
    default:
      // Filters that begin as the identity are full of zeros, which no trained kernel is.
      return value + 0.02 * random.normal()
  }
}

/** Smooth pictures with a bright spot each, bytes [examples, 12, 12, 3]. */
export function pictures(examples: number, seed = 1): Uint8Array {
  const random = randomStream('pictures', seed)
  const pixels = new Uint8Array(examples * 12 * 12 * 3)
  let to = 0
  for (let example = 0; example < examples; example++) {
    const row = random.uniform() * 12
    const column = random.uniform() * 12
    const colour = [random.uniform(), random.uniform(), random.uniform()]
    for (let y = 0; y < 12; y++) {
      for (let x = 0; x < 12; x++) {
        const light = Math.exp(-((y - row) ** 2 + (x - column) ** 2) / 18)
        for (const share of colour)
          pixels[to++] = Math.min(255, 20 + 220 * share * light + 15 * random.uniform())
      }
    }
  }
  return pixels
}

/** Features as they come from the world: of different sizes and none of them centred, [examples, 20]. */
export function featureRows(examples: number, seed = 1): Float32Array {
  const random = randomStream('features', seed)
  return Float32Array.from({ length: examples * 20 }, (_, i) => 0.45 + 0.25 * random.normal() * (1 + (i % 3)))
}

/** Root mean square of the difference, relative to that of the reference. */
export function relativeError(values: Float32Array, reference: Float32Array): number {
  let error = 0
  let size = 0
  for (let i = 0; i < reference.length; i++) {
    error += (values[i] - reference[i]) ** 2
    size += reference[i] ** 2
  }
  return Math.sqrt(error / size)
}
