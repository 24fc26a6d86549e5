/** Shapes of activations, layer by layer, without the batch: [height, width, channels] or [features]. */
import type { InputShape, Layer } from './architecture.js'

export type ActivationShape = readonly [height: number, width: number, channels: number] | readonly [number]

export function inputShapeOf(input: InputShape): ActivationShape {
  return input.kind === 'image' ? [input.height, input.width, input.channels] : [input.features]
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** One axis of a convolution or pooling window: output size and zero rows before the first. */
export interface WindowAxis {
  readonly size: number
  readonly before: number
  readonly after: number
}

/**
 * Where the windows of a convolution or pooling lie along one axis of `length` pixels. `same` gives
 * ceil(length / stride) outputs with the odd padding row at the end (ONNX's SAME_UPPER).
 * @throws RangeError if no window fits.
 */
export function windowAxis(
  length: number,
  kernel: number,
  stride: number,
  padding: 'same' | number,
): WindowAxis {
  if (padding !== 'same') {
    const size = Math.floor((length + 2 * padding - kernel) / stride) + 1
    if (size < 1) throw new RangeError(`a window of ${kernel} does not fit into ${length} pixels`)
    return { size, before: padding, after: padding }
  }
  const size = Math.ceil(length / stride)
  const total = Math.max((size - 1) * stride + kernel - length, 0)
  const before = Math.floor(total / 2)
  return { size, before, after: total - before }
}

function image(shape: ActivationShape, layer: Layer): readonly [number, number, number] {
  if (shape.length === 1) {
    throw new RangeError(`a ${layer.kind} layer needs pictures, not ${shape[0]} features`)
  }
  return shape
}

/**
 * The shape that a layer makes of its input.
 * @throws RangeError if the layer cannot take such an input.
 */
export function outputShape(layer: Layer, shape: ActivationShape): ActivationShape {
  switch (layer.kind) {
    case 'conv2d': {
      const [height, width] = image(shape, layer)
      return [
        windowAxis(height, layer.kernel, layer.stride, layer.padding).size,
        windowAxis(width, layer.kernel, layer.stride, layer.padding).size,
        layer.filters,
      ]
    }
    case 'maxPool': {
      const [height, width, channels] = image(shape, layer)
      return [
        windowAxis(height, layer.size, layer.stride, layer.padding).size,
        windowAxis(width, layer.size, layer.stride, layer.padding).size,
        channels,
      ]
    }
    case 'globalAveragePool':
    case 'globalMaxPool':
      return [image(shape, layer)[2]]
    case 'flatten':
      return [elements(shape)]
    case 'dense':
      if (shape.length !== 1)
        throw new RangeError(`dense layer ${layer.name} needs features: flatten or pool first`)
      return [layer.units]
    case 'residual': {
      const body = layer.body.reduce<ActivationShape>((current, inner) => outputShape(inner, current), shape)
      const shortcut = layer.shortcut.reduce<ActivationShape>(
        (current, inner) => outputShape(inner, current),
        shape,
      )
      if (body.join() !== shortcut.join()) {
        throw new RangeError(`residual branches end in different shapes: [${body}] and [${shortcut}]`)
      }
      return body
    }
    default:
      return shape
  }
}
