/**
 * Convolution as matrix products over gathered pixels (im2col): one Gather serves the forward product and the
 * weight gradient. The input gradient is written in whichever of two ways moves less memory.
 */
import type { Layer } from '../../../model/architecture.js'
import { kernelAsSeen } from './fake-quantize.js'
import {
  type Activation,
  asMatrix,
  byPixel,
  type Emitted,
  type StepContext,
  sumPixels,
  withExtraPixel,
} from './layer.js'
import { phasesOf, type WindowGeometry, type Windows, windowsOf } from './windows.js'

type Conv2d = Extract<Layer, { kind: 'conv2d' }>

/** What the forward pass and both gradients of one convolution share. */
interface Convolution {
  readonly context: StepContext
  readonly geometry: WindowGeometry
  readonly windows: Windows
  readonly inputPixels: number
  readonly channels: number
  readonly filters: number
  readonly taps: number
  /** [filters, channels · taps] */
  readonly kernel: string
}

export function emitConv2d(context: StepContext, layer: Conv2d, input: Activation): Emitted {
  const { graph } = context
  const [height, width, channels] = input.shape as readonly [number, number, number]
  const { filters, kernel, stride, padding } = layer
  const geometry: WindowGeometry = { height, width, kernel, stride, padding }
  const windows = windowsOf(geometry)
  const name = `${layer.name}/kernel`
  const convolution: Convolution = {
    context,
    geometry,
    windows,
    inputPixels: height * width,
    channels,
    filters,
    taps: kernel * kernel,
    kernel: kernelAsSeen(context, layer),
  }
  const pointwise = kernel === 1 && stride === 1
  const columns = pointwise ? input.tensor : gatherColumns(convolution, input.tensor)
  const bias = layer.bias ? [graph.reshape(context.weight(`${layer.name}/bias`), [filters, 1])] : []
  const trained = context.trainable(name)

  return {
    output: {
      tensor: graph.node('Gemm', [convolution.kernel, columns, ...bias]),
      shape: [windows.outputHeight, windows.outputWidth, filters],
      differentiable: input.differentiable || trained,
    },
    backward(gradient) {
      if (trained) {
        // The wide factor comes first: transposing the small result is cheaper than the slower product.
        const product = graph.node('Gemm', [columns, gradient], { transB: 1 })
        context.gradient(name, graph.node('Transpose', [product], { perm: [1, 0] }))
        if (layer.bias) {
          context.gradient(`${layer.name}/bias`, graph.reshape(sumPixels(context, gradient), [filters]))
        }
      }
      if (!input.differentiable) return undefined
      if (pointwise) return graph.node('Gemm', [transposed(convolution), gradient])
      // Gathering moves taps × filters values a pixel twice, scattering taps × channels four times.
      return filters > 2 * channels
        ? scatterGradient(convolution, gradient)
        : gatherGradient(convolution, gradient)
    },
  }
}

/** [filters, channels · taps] → [channels · taps, filters] */
function transposed({ context, kernel }: Convolution): string {
  return context.graph.node('Transpose', [kernel], { perm: [1, 0] })
}

/** im2col: [channels, pixels · batch] → [channels · taps, output pixels · batch]. */
function gatherColumns(convolution: Convolution, input: string): string {
  const { context, windows, inputPixels, channels, taps } = convolution
  const pictures = windows.padded
    ? withExtraPixel(context, input, channels, inputPixels, 0)
    : byPixel(context, input, channels, inputPixels)
  const indices = context.graph.int32(`gather:${windows.key}`, windows.gather)
  const gathered = context.graph.node('Gather', [pictures, indices], { axis: 1 })
  return asMatrix(context, gathered, channels * taps, windows.outputPixels)
}

/**
 * Input gradient as a convolution of the output gradient, a product for each phase of the stride: gathers output
 * gradients, multiplies them by the phase's taps, and puts the phases' pixels back in order.
 */
function gatherGradient(convolution: Convolution, gradient: string): string {
  const { context, geometry, windows, inputPixels, channels, filters, taps, kernel } = convolution
  const { graph } = context
  const phases = phasesOf(geometry)
  const padded = withExtraPixel(context, gradient, filters, windows.outputPixels, 0)
  const byChannel = graph.node('Transpose', [graph.reshape(kernel, [filters, channels, taps])], {
    perm: [1, 0, 2],
  })
  const parts = phases.map((phase, index) => {
    const pixels = phase.pixels.length
    if (phase.taps.length === 0) return graph.zeros([channels, pixels, context.batch])
    const indices = graph.int32(`phase${index}:${windows.key}`, () => phase.readers)
    const gathered = graph.node('Gather', [padded, indices], { axis: 1 })
    const depth = filters * phase.taps.length
    const selected =
      phase.taps.length === taps
        ? byChannel
        : graph.node('Gather', [byChannel, graph.int64(phase.taps)], { axis: 2 })
    const product = graph.node('MatMul', [
      graph.reshape(selected, [channels, depth]),
      asMatrix(context, gathered, depth, pixels),
    ])
    return byPixel(context, product, channels, pixels)
  })
  if (parts.length === 1) return asMatrix(context, parts[0]!, channels, inputPixels)
  const places = graph.int32(`places:${windows.key}`, () => {
    const place = new Int32Array(inputPixels)
    phases
      .flatMap(phase => phase.pixels)
      .forEach((pixel, position) => {
        place[pixel] = position
      })
    return place
  })
  const joined = graph.node('Concat', parts, { axis: 1 })
  return asMatrix(context, graph.node('Gather', [joined, places], { axis: 1 }), channels, inputPixels)
}

/** Input gradient as col2im: multiplies first and then sums, for each input pixel, whatever the windows read of it. */
function scatterGradient(convolution: Convolution, gradient: string): string {
  const { context, windows, inputPixels, channels, filters, taps } = convolution
  const { graph } = context
  // The extra pixel's gradient is zero, so its columns are zero and stand for windows that do not exist.
  const stride = windows.outputPixels + 1
  const padded = withExtraPixel(context, gradient, filters, windows.outputPixels, 0)
  const product = graph.node('MatMul', [transposed(convolution), asMatrix(context, padded, filters, stride)])
  const columns = graph.reshape(product, [channels, taps * stride, context.batch])
  const indices = graph.int32(`scatter:${windows.key}`, () => windows.scatter(stride, windows.outputPixels))
  const gathered = graph.node('Gather', [columns, indices], { axis: 1 })
  if (windows.readers === 1) return asMatrix(context, gathered, channels, inputPixels)
  return sumReaders(context, gathered, windows.readers, channels, inputPixels)
}

/** Σ over whoever read a pixel: [channels, readers · pixels, batch] → [channels, pixels · batch]. */
export function sumReaders(
  context: StepContext,
  gathered: string,
  readers: number,
  channels: number,
  pixels: number,
): string {
  const { graph, batch } = context
  const grouped = graph.reshape(gathered, [channels, readers, pixels * batch])
  return graph.node('ReduceSum', [grouped, graph.int64([1])], { keepdims: 0 })
}
