/**
 * Dynamic quantization: kernels are int8 with a scale a channel, activations become uint8 on the fly with the
 * range they happen to have. The integer products are those of ONNX's ConvInteger and MatMulInteger; everything
 * between the layers stays float32.
 *
 * The range is that of a whole tensor, so an example's logits depend on the batch it is in: who wants them to
 * depend on the example alone runs such a model on one example at a time.
 */
import {
  dataTypeOf,
  dimsOf,
  floatArray,
  freshNames,
  type Graph,
  nodeOf,
  removeUnused,
  tensorOf,
  topologicalOrder,
} from '../onnx/model.js'
import { quantizeKernel } from './affine-quantization.js'
import { foldBatchNorm } from './fold-batch-norm.js'
import { channelStride, floatLayerNotes, type KernelNode, kernelNodes } from './kernels.js'
import type { CompressionMethod } from './method.js'

export const int8Dynamic: CompressionMethod<object> = {
  async compress({ graph }) {
    foldBatchNorm(graph)
    const fresh = freshNames(graph)
    const quantized = new Map<string, QuantizedActivation>()
    for (const layer of kernelNodes(graph)) {
      const tensor = layer.node.input[0]
      let activation = quantized.get(tensor)
      if (activation === undefined) {
        activation = quantizeOnTheFly(graph, tensor, fresh)
        quantized.set(tensor, activation)
      }
      toIntegerProduct(graph, layer, activation, fresh)
    }
    graph.node = topologicalOrder(graph)
    removeUnused(graph)
    return floatLayerNotes(graph)
  },
}

interface QuantizedActivation {
  /** uint8 tensor. */
  readonly values: string
  /** float32 scalar. */
  readonly scale: string
  /** uint8 scalar. */
  readonly zeroPoint: string
}

function quantizeOnTheFly(
  graph: Graph,
  tensor: string,
  fresh: (stem: string) => string,
): QuantizedActivation {
  const values = fresh(`${tensor}_quantized`)
  const scale = fresh(`${tensor}_scale`)
  const zeroPoint = fresh(`${tensor}_zero_point`)
  graph.node.push(nodeOf('DynamicQuantizeLinear', [tensor], [values, scale, zeroPoint]))
  return { values, scale, zeroPoint }
}

/**
 * Kernels of ConvInteger are stored as uint8 with this zero point. They stand for the same numbers as int8 with
 * zero point 0 and give the same sums, for which ONNX Runtime 1.30 takes a fifth of the time on x86: it has no
 * vectorised product of signed kernels with unsigned activations in that order.
 */
const unsignedZero = 128

/** Replaces a layer by its integer product, scaled back to floats, and its bias added to it. */
function toIntegerProduct(
  graph: Graph,
  layer: KernelNode,
  activation: QuantizedActivation,
  fresh: (stem: string) => string,
): void {
  const { node, kernel, bias } = layer
  const isConv = node.opType === 'Conv'
  const { weights, dims, outputAxis } = isConv ? asStored(layer) : asMatrix(layer)
  const channels = dims[outputAxis]
  const { values, scales } = quantizeKernel(weights, channels, channelStride(dims, outputAxis))
  // One scale a channel, laid along the channel axis of the output: [N, C, H, W] or [N, C].
  const perChannel = isConv ? [channels, ...dims.slice(2).map(() => 1)] : [channels]

  const integerKernel = fresh(`${kernel.name}_quantized`)
  const kernelZero = fresh(`${kernel.name}_zero_point`)
  const kernelScale = fresh(`${kernel.name}_scale`)
  graph.initializer.push(
    tensorOf(integerKernel, dims, isConv ? Uint8Array.from(values, value => value + unsignedZero) : values),
    tensorOf(kernelZero, [], isConv ? Uint8Array.of(unsignedZero) : Int8Array.of(0)),
    tensorOf(kernelScale, perChannel, scales),
  )
  const sums = fresh(`${kernel.name}_sums`)
  const product = nodeOf(
    isConv ? 'ConvInteger' : 'MatMulInteger',
    [activation.values, integerKernel, activation.zeroPoint, kernelZero],
    [sums],
  )
  if (isConv) product.attribute = node.attribute
  const floatSums = fresh(`${kernel.name}_float_sums`)
  const scale = fresh(`${kernel.name}_product_scale`)
  const output = node.output[0]
  const scaled = bias === undefined ? output : fresh(`${output}_without_bias`)
  const nodes = [
    product,
    nodeOf('Cast', [sums], [floatSums], { to: dataTypeOf('float32') }),
    nodeOf('Mul', [activation.scale, kernelScale], [scale]),
    nodeOf('Mul', [floatSums, scale], [scaled]),
  ]
  if (bias !== undefined) {
    const biasName = fresh(`${bias.name}_broadcast`)
    graph.initializer.push(tensorOf(biasName, perChannel, floatArray(bias)))
    nodes.push(nodeOf('Add', [scaled, biasName], [output]))
  }
  graph.node.splice(graph.node.indexOf(node), 1, ...nodes)
}

function asStored({ kernel, outputAxis }: KernelNode) {
  return { weights: floatArray(kernel), dims: dimsOf(kernel), outputAxis }
}

/** The kernel as [in, out], the only way round that MatMulInteger takes it. */
function asMatrix(layer: KernelNode) {
  if (layer.outputAxis === 1) return asStored(layer)
  const stored = floatArray(layer.kernel)
  const [outputs, inputs] = dimsOf(layer.kernel)
  const weights = new Float32Array(stored.length)
  for (let output = 0; output < outputs; output++) {
    for (let input = 0; input < inputs; input++) {
      weights[input * outputs + output] = stored[output * inputs + input]
    }
  }
  return { weights, dims: [inputs, outputs], outputAxis: 1 }
}
