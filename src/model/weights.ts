/** The weights that an architecture has, in the order in which every engine and file keeps them. */
import type { Architecture, Layer, RunningStatistic, WeightRole, WeightSpec } from './architecture.js'
import { type ActivationShape, inputShapeOf, outputShape } from './shapes.js'

/** Visits every layer in forward order (a residual's body, then its shortcut) with the shape of its input. */
export function walkLayers(
  layers: readonly Layer[],
  input: ActivationShape,
  visit: (layer: Layer, input: ActivationShape) => void,
): ActivationShape {
  let shape = input
  for (const layer of layers) {
    visit(layer, shape)
    if (layer.kind === 'residual') {
      walkLayers(layer.body, shape, visit)
      walkLayers(layer.shortcut, shape, visit)
    }
    shape = outputShape(layer, shape)
  }
  return shape
}

export function isRunningStatistic(role: WeightRole): role is RunningStatistic {
  return role.startsWith('running')
}

/** Whether it is an end of the range of an activation that fake quantization has seen. */
export function isActivationRange(role: WeightRole): boolean {
  return role === 'runningMinimum' || role === 'runningMaximum'
}

function layerWeights(layer: Layer, input: ActivationShape): WeightSpec[] {
  const spec = (suffix: string, role: WeightRole, shape: readonly number[], fanIn: number): WeightSpec => ({
    name: `${'name' in layer ? layer.name : layer.kind}/${suffix}`,
    shape,
    role,
    trainable: !isRunningStatistic(role) && !(layer.kind === 'conv2d' && layer.trainable === false),
    fanIn,
    layer,
  })
  const channels = input.at(-1)!
  switch (layer.kind) {
    case 'conv2d': {
      const fanIn = layer.kernel * layer.kernel * channels
      const kernel = spec('kernel', 'kernel', [layer.kernel, layer.kernel, channels, layer.filters], fanIn)
      return layer.bias ? [kernel, spec('bias', 'bias', [layer.filters], fanIn)] : [kernel]
    }
    case 'dense': {
      const kernel = spec('kernel', 'kernel', [channels, layer.units], channels)
      return layer.bias ? [kernel, spec('bias', 'bias', [layer.units], channels)] : [kernel]
    }
    case 'batchNorm':
      return [
        ...(layer.scale ? [spec('scale', 'scale', [channels], channels)] : []),
        spec('shift', 'shift', [channels], channels),
        spec('mean', 'runningMean', [channels], channels),
        spec('variance', 'runningVariance', [channels], channels),
      ]
    case 'fakeQuantize':
      return [spec('minimum', 'runningMinimum', [1], 1), spec('maximum', 'runningMaximum', [1], 1)]
    default:
      return []
  }
}

/**
 * Every weight of the network, layer by layer in forward order; within a layer kernel, bias, or scale, shift,
 * running mean, running variance, or the ends of a range.
 * @throws RangeError if two layers share a name or a layer cannot take its input.
 */
export function weightSpecs(architecture: Architecture): WeightSpec[] {
  const specs: WeightSpec[] = []
  const output = walkLayers(architecture.layers, inputShapeOf(architecture.input), (layer, input) => {
    specs.push(...layerWeights(layer, input))
  })
  if (output.join() !== String(architecture.classes)) {
    throw new RangeError(`${architecture.name} ends in [${output}], not in ${architecture.classes} logits`)
  }
  const names = new Set<string>()
  for (const { name } of specs) {
    if (names.has(name)) throw new RangeError(`two layers of ${architecture.name} are called ${name}`)
    names.add(name)
  }
  return specs
}

/** Names of the kernels that pruning may set to zero: all that are trained, first and last layer included. */
export function prunableKernels(architecture: Architecture): string[] {
  return weightSpecs(architecture)
    .filter(spec => spec.role === 'kernel' && spec.trainable)
    .map(spec => spec.name)
}
