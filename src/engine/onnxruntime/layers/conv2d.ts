/**
 * Convolution as matrix products over gathered rows (im2col): one Gather serves the forward product and the
 * weight gradient. The input gradient is written in whichever of two ways moves less memory.
 */
import type { Layer } from '../../../model/architecture.js'
import type { GraphBuilder } from '../../../onnx/graph.js'
import { withExtraRow } from './extra-row.js'
import { type Activation, type Emitted, rows, type StepContext } from './layer.js'
import { phasesOf, type WindowGeometry, type Windows, windowsOf } from './windows.js'

type Conv2d = Extract<Layer, { kind: 'conv2d' }>

export function emitConv2d(context: StepContext, layer: Conv2d, input: Activation): Emitted {
  const { graph, batch } = context
  const [height, width, channels] = input.shape as readonly [number, number, number]
  const { filters, kernel, stride, padding } = layer
  const geometry: WindowGeometry = { height, width, kernel, stride, padding }
  const windows = windowsOf(geometry)
  const shape = [windows.outputHeight, windows.outputWidth, filters] as const
  const taps = kernel * kernel
  const columns = gatherColumns(graph, windows, geometry, input, batch)
  const name = `${layer.name}/kernel`
  const weights = graph.reshape(context.weight(name), [taps * channels, filters])
  const bias = layer.bias ? [context.weight(`${layer.name}/bias`)] : []
  const tensor = graph.node('Gemm', [columns, weights, ...bias])
  const trained = context.trainable(name)

  return {
    output: { tensor, shape, differentiable: input.differentiable || trained },
    backward(gradient) {
      if (trained) {
        const product = graph.node('Gemm', [columns, gradient], { transA: 1 })
        context.gradient(name, graph.reshape(product, [kernel, kernel, channels, filters]))
        if (layer.bias) context.gradient(`${layer.name}/bias`, sumRows(graph, gradient, rows(batch, shape)))
      }
      if (!input.differentiable) return undefined
      if (kernel === 1 && stride === 1) return graph.node('Gemm', [gradient, weights], { transB: 1 })
      // Gathering moves kernel² × filters values a pixel twice, scattering kernel² × channels four times.
      return filters > 2 * channels
        ? scatterGradient(graph, windows, geometry, gradient, weights, batch, channels, filters)
        : gatherGradient(graph, windows, geometry, gradient, weights, batch, channels, filters)
    },
  }
}

/** Σ over rows as a product with a row of ones: [rows, columns] → [columns]. */
export function sumRows(graph: GraphBuilder, matrix: string, count: number): string {
  const product = graph.node('MatMul', [graph.filled(1, [1, count]), matrix])
  return graph.node('Squeeze', [product, graph.int64([0])])
}

/** im2col: [batch · pixels, channels] → [batch · output pixels, kernel² · channels]. */
function gatherColumns(
  graph: GraphBuilder,
  windows: Windows,
  geometry: WindowGeometry,
  input: Activation,
  batch: number,
): string {
  const { height, width, kernel, stride } = geometry
  const channels = input.shape.at(-1)!
  if (kernel === 1 && stride === 1) return input.tensor
  const pictures = windows.padded
    ? withExtraRow(graph, input.tensor, batch, height * width, channels, 0)
    : graph.reshape(input.tensor, [batch, height * width, channels])
  const indices = graph.int32(`gather:${windows.key}`, windows.gather)
  const gathered = graph.node('Gather', [pictures, indices], { axis: 1 })
  return graph.reshape(gathered, [
    batch * windows.outputHeight * windows.outputWidth,
    kernel * kernel * channels,
  ])
}

/**
 * Input gradient as a convolution of the output gradient, a product for each phase of the stride: gathers output
 * gradients, multiplies them by the phase's taps, and puts the phases' pixels back in order.
 */
function gatherGradient(
  graph: GraphBuilder,
  windows: Windows,
  geometry: WindowGeometry,
  gradient: string,
  weights: string,
  batch: number,
  channels: number,
  filters: number,
): string {
  const { height, width, kernel } = geometry
  const outputPixels = windows.outputHeight * windows.outputWidth
  const phases = phasesOf(geometry)
  const padded = withExtraRow(graph, gradient, batch, outputPixels, filters, 0)
  const tapWeights = graph.reshape(weights, [kernel * kernel, channels, filters])
  const parts = phases.map(({ taps, pixels, readers }, phase) => {
    if (taps.length === 0) return graph.zeros([batch, pixels.length, channels])
    const indices = graph.int32(`phase${phase}:${windows.key}`, () => readers)
    const gathered = graph.node('Gather', [padded, indices], { axis: 1 })
    const left = graph.reshape(gathered, [batch * pixels.length, taps.length * filters])
    const selected =
      taps.length === kernel * kernel
        ? tapWeights
        : graph.node('Gather', [tapWeights, graph.int64(taps)], { axis: 0 })
    const right = graph.reshape(graph.node('Transpose', [selected], { perm: [0, 2, 1] }), [
      taps.length * filters,
      channels,
    ])
    return graph.reshape(graph.node('MatMul', [left, right]), [batch, pixels.length, channels])
  })
  if (parts.length === 1) return graph.reshape(parts[0]!, [batch * height * width, channels])
  const order = phases.flatMap(phase => phase.pixels)
  const places = graph.int32(`order:${windows.key}`, () => {
    const place = new Int32Array(order.length)
    order.forEach((pixel, position) => {
      place[pixel] = position
    })
    return place
  })
  const joined = graph.node('Concat', parts, { axis: 1 })
  const ordered = graph.node('Gather', [joined, places], { axis: 1 })
  return graph.reshape(ordered, [batch * height * width, channels])
}

/** Input gradient as col2im: multiplies first and then sums, for each input pixel, whatever the windows read of it. */
function scatterGradient(
  graph: GraphBuilder,
  windows: Windows,
  geometry: WindowGeometry,
  gradient: string,
  weights: string,
  batch: number,
  channels: number,
  filters: number,
): string {
  const { height, width, kernel } = geometry
  const taps = kernel * kernel
  const outputPixels = windows.outputHeight * windows.outputWidth
  // A zero row of gradients becomes zero rows of columns, which stand for windows that do not exist.
  const padded = withExtraRow(graph, gradient, batch, outputPixels, filters, 0)
  const flat = graph.reshape(padded, [batch * (outputPixels + 1), filters])
  const columns = graph.reshape(graph.node('Gemm', [flat, weights], { transB: 1 }), [
    batch,
    (outputPixels + 1) * taps,
    channels,
  ])
  const indices = graph.int32(`scatter:${windows.key}`, () => windows.scatter(outputPixels * taps))
  const gathered = graph.node('Gather', [columns, indices], { axis: 1 })
  if (windows.readers === 1) return graph.reshape(gathered, [batch * height * width, channels])
  const grouped = graph.reshape(gathered, [batch * height * width, windows.readers, channels])
  return graph.node('ReduceSum', [grouped, graph.int64([1])], { keepdims: 0 })
}
