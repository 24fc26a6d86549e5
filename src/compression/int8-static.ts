/**
 * Static quantization: kernels are int8 with a scale a channel, activations uint8 with a scale and zero point a
 * tensor, found beforehand on a calibration sample. The file is in QDQ format (QuantizeLinear and
 * DequantizeLinear around float operators), from which a runtime makes integer operators: ONNX Runtime fuses
 * QLinearConv, QGemm, QLinearAdd and the like.
 *
 * Quantized are the inputs of all layers with a kernel, the outputs of convolutions (after their ReLU, which the
 * range then does), and what passes between them unchanged. Logits stay float32.
 *
 * On x86 processors without VNNI, ONNX Runtime adds products of uint8 and int8 in 16 bits, which saturate, unless
 * the session sets `session.x64quantprecision`; with it the results are those of any other processor, bit by bit.
 */
import { ConfigError, DataError } from '../errors.js'
import {
  consumersOf,
  dimsOf,
  encodeModel,
  floatArray,
  freshNames,
  type Graph,
  initializersOf,
  type Model,
  nodeOf,
  producersOf,
  removeUnused,
  tensorOf,
  topologicalOrder,
} from '../onnx/model.js'
import {
  type ActivationRange,
  activationParameters,
  quantizeBias,
  quantizeKernel,
  smallestKernelScales,
} from './affine-quantization.js'
import { calibrate } from './calibration.js'
import { foldBatchNorm } from './fold-batch-norm.js'
import { channelStride, floatLayerNotes, type KernelNode, kernelNodes } from './kernels.js'
import type { CompressionMethod } from './method.js'

/** Operators that only choose or move elements: their output has the quantization of their input. */
const movers = new Set([
  'Flatten',
  'Reshape',
  'Transpose',
  'Squeeze',
  'Unsqueeze',
  'MaxPool',
  'GlobalMaxPool',
  'Identity',
])

export const int8Static: CompressionMethod<object> = {
  async compress(model, _options, activations) {
    if (activations === undefined) {
      throw new ConfigError('int8-static needs a calibration sample', { key: 'calibrationExamples' })
    }
    foldBatchNorm(model.graph)
    const sources = quantizationSources(model.graph)
    const ranges = await calibrate(activations, encodeModel(model), [...new Set(sources.values())])
    quantize(model, sources, ranges)
    return floatLayerNotes(model.graph)
  },
}

/**
 * The tensors to quantize, each with the tensor whose range it takes: itself, or the one it was moved from.
 *
 * @param tensors to quantize beside the inputs of layers with a kernel; the outputs of convolutions when absent
 */
export function quantizationSources(graph: Graph, tensors?: Iterable<string>): Map<string, string> {
  const producers = producersOf(graph)
  const consumers = consumersOf(graph)
  const initializers = initializersOf(graph)
  const outputs = new Set(graph.output.map(({ name }) => name))

  const quantized = new Set<string>()
  const quantizeFrom = (tensor: string) => {
    let current = tensor
    for (;;) {
      quantized.add(current)
      const producer = producers.get(current)
      if (producer === undefined || !movers.has(producer.opType)) return
      current = producer.input[0]
    }
  }
  for (const { node } of kernelNodes(graph)) {
    quantizeFrom(node.input[0])
    if (tensors !== undefined || node.opType !== 'Conv' || outputs.has(node.output[0])) continue
    const readers = consumers.get(node.output[0]) ?? []
    const relu = readers.length === 1 && readers[0].opType === 'Relu' ? readers[0] : undefined
    quantized.add(relu === undefined || outputs.has(relu.output[0]) ? node.output[0] : relu.output[0])
  }
  for (const tensor of tensors ?? []) quantizeFrom(tensor)
  const sourceOf = (tensor: string): string => {
    const producer = producers.get(tensor)
    return producer !== undefined && movers.has(producer.opType) && quantized.has(producer.input[0])
      ? sourceOf(producer.input[0])
      : tensor
  }
  return new Map(
    [...quantized].filter(tensor => !initializers.has(tensor)).map(tensor => [tensor, sourceOf(tensor)]),
  )
}

/** Puts integers in place of these tensors and of all kernels. @param ranges of every source */
export function quantize(
  { graph }: Model,
  sources: ReadonlyMap<string, string>,
  ranges: ReadonlyMap<string, ActivationRange>,
): void {
  const layers = kernelNodes(graph)
  const fresh = freshNames(graph)
  const parameters = new Map<string, { scale: number; scaleName: string; zeroPointName: string }>()
  for (const source of new Set(sources.values())) {
    const range = ranges.get(source)
    if (range === undefined || !Number.isFinite(range.min) || !Number.isFinite(range.max)) {
      throw new DataError(`the calibration sample gives tensor "${source}" no finite range`, { key: source })
    }
    const { scale, zeroPoint } = activationParameters(range)
    const scaleName = fresh(`${source}_scale`)
    const zeroPointName = fresh(`${source}_zero_point`)
    graph.initializer.push(
      tensorOf(scaleName, [], Float32Array.of(scale)),
      tensorOf(zeroPointName, [], Uint8Array.of(zeroPoint)),
    )
    parameters.set(source, { scale, scaleName, zeroPointName })
  }
  for (const layer of layers) {
    const { scale } = parameters.get(sources.get(layer.node.input[0])!)!
    quantizeLayer(graph, layer, scale, fresh)
  }
  const consumers = consumersOf(graph)
  for (const [tensor, source] of sources) {
    const { scaleName, zeroPointName } = parameters.get(source)!
    const integers = fresh(`${tensor}_quantized`)
    const dequantized = fresh(`${tensor}_dequantized`)
    for (const reader of consumers.get(tensor) ?? []) {
      reader.input = reader.input.map(name => (name === tensor ? dequantized : name))
    }
    graph.node.push(
      nodeOf('QuantizeLinear', [tensor, scaleName, zeroPointName], [integers]),
      nodeOf('DequantizeLinear', [integers, scaleName, zeroPointName], [dequantized]),
    )
  }
  graph.node = topologicalOrder(graph)
  removeUnused(graph)
}

/** Puts a dequantized int8 kernel, and a dequantized int32 bias, in place of the float ones. */
function quantizeLayer(
  graph: Graph,
  { node, kernel, bias, outputAxis }: KernelNode,
  activationScale: number,
  fresh: (stem: string) => string,
): void {
  const dims = dimsOf(kernel)
  const channels = dims[outputAxis]
  const biasValues = bias === undefined ? undefined : floatArray(bias)
  const { values, scales } = quantizeKernel(
    floatArray(kernel),
    channels,
    channelStride(dims, outputAxis),
    biasValues && smallestKernelScales(biasValues, activationScale),
  )
  node.input[1] = dequantize(graph, kernel.name, { dims, values, scales, axis: outputAxis }, fresh)
  if (bias !== undefined && biasValues !== undefined) {
    const quantized = quantizeBias(biasValues, activationScale, scales)
    node.input[2] = dequantize(graph, bias.name, { dims: [channels], ...quantized, axis: 0 }, fresh)
  }
}

function dequantize(
  graph: Graph,
  name: string,
  quantized: { dims: number[]; values: Int8Array | Int32Array; scales: Float32Array; axis: number },
  fresh: (stem: string) => string,
): string {
  const { dims, values, scales, axis } = quantized
  const integers = tensorOf(fresh(`${name}_quantized`), dims, values)
  const scale = tensorOf(fresh(`${name}_scale`), [scales.length], scales)
  graph.initializer.push(integers, scale)
  const input = [integers.name, scale.name]
  if (values instanceof Int8Array) {
    // By the standard it is 0 when absent, but ONNX Runtime fuses no kernel without it.
    const zeroPoint = tensorOf(fresh(`${name}_zero_point`), [scales.length], new Int8Array(scales.length))
    graph.initializer.push(zeroPoint)
    input.push(zeroPoint.name)
  }
  const output = fresh(`${name}_dequantized`)
  graph.node.push(nodeOf('DequantizeLinear', input, [output], { axis }))
  return output
}
