/** The weights with which training begins. */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import { randomStream, type Seed } from '../random.js'
import type { Architecture, Weight, WeightSpec } from './architecture.js'
import { elements } from './shapes.js'
import { weightSpecs } from './weights.js'

/** Pictures from which data-dependent layers start: bytes, [examples, height, width, channels]. */
export interface SamplePictures {
  readonly pixels: Uint8Array
  readonly examples: number
}

/** He et al. 2015, eq. 10: zero mean, variance 2 / fan-in. */
function heNormal(spec: WeightSpec, seed: Seed): Float32Array {
  const random = randomStream(...seed, 'initialize', spec.name)
  const deviation = Math.sqrt(2 / spec.fanIn)
  return Float32Array.from({ length: elements(spec.shape) }, () => random.normal() * deviation)
}

/** The first min(in, out) filters copy their channel, the others start as usual (Jordan 2024, arXiv 2404.00498, section 3.2). */
function dirac(spec: WeightSpec, seed: Seed): Float32Array {
  const kernel = heNormal(spec, seed)
  const [height, width, inputs, outputs] = spec.shape as [number, number, number, number]
  const centre = Math.floor(height / 2) * width + Math.floor(width / 2)
  for (let output = 0; output < Math.min(inputs, outputs); output++) {
    for (let tap = 0; tap < height * width; tap++) {
      for (let input = 0; input < inputs; input++) {
        kernel[(tap * inputs + input) * outputs + output] = tap === centre && input === output ? 1 : 0
      }
    }
  }
  return kernel
}

/** Keeps the inverse root of vanishing eigenvalues finite; the value of the paper's reference code. */
const whiteningEpsilon = 5e-4
/** Patches from which the covariance is estimated; it settles long before this many. */
const whiteningPatches = 100_000

/**
 * Patch whitening (Jordan 2024, arXiv 2404.00498, section 3.1): the eigenvectors of the patches' covariance,
 * each divided by the root of its eigenvalue, and then the same with the other sign.
 * @throws RangeError if the layer has more than two filters an input.
 */
function whitening(
  spec: WeightSpec,
  architecture: Architecture,
  sample: SamplePictures,
  seed: Seed,
): Float32Array {
  const [kernel, , channels, outputs] = spec.shape as [number, number, number, number]
  const { input, normalization } = architecture
  if (input.kind !== 'image') throw new RangeError('only pictures can be whitened')
  const length = kernel * kernel * channels
  if (outputs > 2 * length) throw new RangeError(`${spec.name}: at most ${2 * length} whitening filters`)
  const random = randomStream(...seed, 'whitening')
  const { pixels } = sample
  const covariance = new Float64Array(length * length)
  const patch = new Float64Array(length)
  for (let n = 0; n < whiteningPatches; n++) {
    const example = random.integer(sample.examples)
    const top = random.integer(input.height - kernel + 1)
    const left = random.integer(input.width - kernel + 1)
    for (let tap = 0; tap < kernel * kernel; tap++) {
      const row = top + Math.floor(tap / kernel)
      const column = left + (tap % kernel)
      const start = ((example * input.height + row) * input.width + column) * channels
      for (let c = 0; c < channels; c++) {
        patch[tap * channels + c] =
          (pixels[start + c]! / 255 - normalization.mean[c]!) / normalization.deviation[c]!
      }
    }
    for (let i = 0; i < length; i++) {
      for (let j = 0; j <= i; j++) covariance[i * length + j]! += patch[i]! * patch[j]!
    }
  }
  const matrix = new Matrix(length, length)
  for (let i = 0; i < length; i++) {
    for (let j = 0; j <= i; j++) {
      const value = covariance[i * length + j]! / whiteningPatches
      matrix.set(i, j, value)
      matrix.set(j, i, value)
    }
  }
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, {
    assumeSymmetric: true,
  })
  const order = realEigenvalues.map((_, i) => i).sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!)
  const weights = new Float32Array(length * outputs)
  const half = Math.ceil(outputs / 2)
  for (let output = 0; output < outputs; output++) {
    const vector = order[output % half]!
    const scale = (output < half ? 1 : -1) / Math.sqrt(realEigenvalues[vector]! + whiteningEpsilon)
    for (let i = 0; i < length; i++) weights[i * outputs + output] = eigenvectorMatrix.get(i, vector) * scale
  }
  return weights
}

function initialData(
  spec: WeightSpec,
  architecture: Architecture,
  seed: Seed,
  sample: SamplePictures | undefined,
): Float32Array {
  switch (spec.role) {
    case 'scale':
    case 'runningVariance':
      return new Float32Array(elements(spec.shape)).fill(1)
    case 'bias':
    case 'shift':
    case 'runningMean':
    case 'runningMinimum':
    case 'runningMaximum':
      return new Float32Array(elements(spec.shape))
    case 'kernel': {
      const initializer = spec.layer.kind === 'conv2d' ? (spec.layer.initializer ?? 'he-normal') : 'he-normal'
      if (initializer === 'dirac') return dirac(spec, seed)
      if (initializer === 'he-normal') return heNormal(spec, seed)
      if (sample === undefined) throw new RangeError(`${spec.name} is whitened: give pictures to start from`)
      return whitening(spec, architecture, sample, seed)
    }
  }
}

/**
 * The weights at step 0, in the order of {@link weightSpecs}; the same for the same seed, whatever engine trains.
 * @param sample needed where a layer starts from the data (whitening).
 */
export function initialWeights(architecture: Architecture, seed: Seed, sample?: SamplePictures): Weight[] {
  return weightSpecs(architecture).map(spec => ({
    name: spec.name,
    shape: spec.shape,
    data: initialData(spec, architecture, seed, sample),
  }))
}

/** Momentum buffers at step 0: zeros, one for each trainable weight. */
export function initialMomenta(architecture: Architecture): Weight[] {
  return weightSpecs(architecture)
    .filter(spec => spec.trainable)
    .map(({ name, shape }) => ({ name, shape, data: new Float32Array(elements(shape)) }))
}

/** The weights of a network without fake quantization, and the ranges, still empty, of one that has it. */
export function withRanges(architecture: Architecture, weights: readonly Weight[]): Weight[] {
  const found = new Map(weights.map(weight => [weight.name, weight]))
  return weightSpecs(architecture).flatMap(({ name, shape, layer }) => {
    const empty = { name, shape, data: new Float32Array(elements(shape)) }
    return found.get(name) ?? (layer.kind === 'fakeQuantize' ? empty : [])
  })
}
