/**
 * Folds batch normalisation into the layer before it (Jacob et al. 2018, arXiv 1712.05877, section 3.2): with
 * s = γ / √(σ² + ε), the layer's kernel becomes s·W and its bias s·(b − μ) + β, channel by channel. A max pooling
 * may stand between the two where every s is positive, since the maximum commutes with growing maps.
 * A normalisation that follows no such layer (pre-activation residual networks) stays as it is.
 */
import {
  consumersOf,
  dimsOf,
  elementType,
  floatArray,
  floatAttribute,
  freshNames,
  type Graph,
  initializersOf,
  intAttribute,
  type Node,
  producersOf,
  removeUnused,
  type Tensor,
  tensorOf,
} from '../onnx/model.js'
import { channelStride, type KernelNode, kernelNodes } from './kernels.js'

/** Folds every batch normalisation that can be, in place, and returns how many. Computes in double precision. */
export function foldBatchNorm(graph: Graph): number {
  let folded = 0
  // One at a time, because a fold changes what the next one finds.
  while (graph.node.some(node => node.opType === 'BatchNormalization' && fold(graph, node))) folded++
  removeUnused(graph)
  return folded
}

function fold(graph: Graph, norm: Node): boolean {
  const initializers = initializersOf(graph)
  const affine = affineOf(norm, initializers)
  if (affine === undefined) return false
  const { scale, shift } = affine

  const producers = producersOf(graph)
  const consumers = consumersOf(graph)
  const outputs = new Set(graph.output.map(({ name }) => name))
  const makerFor = (tensor: string) =>
    consumers.get(tensor)?.length === 1 && !outputs.has(tensor) ? producers.get(tensor) : undefined
  const before = makerFor(norm.input[0])
  const pooled = before?.opType === 'MaxPool' && before.output.length === 1 && scale.every(s => s > 0)
  const layerNode = pooled ? makerFor(before.input[0]) : before
  const layer = kernelNodes(graph).find(({ node }) => node === layerNode)
  if (before === undefined || layer === undefined || layer.node.opType === 'MatMul') return false

  const fresh = freshNames(graph)
  const bias = layer.bias ? floatArray(layer.bias) : new Float32Array(scale.length)
  const kernel = tensorOf(fresh(`${layer.kernel.name}_folded`), dimsOf(layer.kernel), scaled(layer, scale))
  const foldedBias = Float32Array.from(scale, (s, c) => s * bias[c] + shift[c])
  const shiftTensor = tensorOf(fresh(`${layer.kernel.name}_shift`), [scale.length], foldedBias)
  graph.initializer.push(kernel, shiftTensor)
  layer.node.input = [layer.node.input[0], kernel.name, shiftTensor.name]
  before.output[0] = norm.output[0]
  graph.node.splice(graph.node.indexOf(norm), 1)
  return true
}

/** The normalisation as x ↦ scale·x + shift, or undefined where its statistics are no constants. */
function affineOf(
  norm: Node,
  initializers: ReadonlyMap<string, Tensor>,
): { scale: Float64Array; shift: Float64Array } | undefined {
  if (intAttribute(norm, 'training_mode', 0) !== 0) return undefined
  const tensors = norm.input.slice(1).map(name => initializers.get(name))
  if (tensors.some(tensor => tensor === undefined || elementType(tensor) !== 'float32')) return undefined
  const [gamma, beta, mean, variance] = tensors.map(tensor => floatArray(tensor!))
  const epsilon = floatAttribute(norm, 'epsilon', 1e-5)
  const scale = Float64Array.from(gamma, (g, c) => g / Math.sqrt(variance[c] + epsilon))
  return { scale, shift: scale.map((s, c) => beta[c] - s * mean[c]) }
}

function scaled({ kernel, outputAxis }: KernelNode, scale: Float64Array): Float32Array {
  const stride = channelStride(dimsOf(kernel), outputAxis)
  return floatArray(kernel).map((weight, i) => weight * scale[Math.floor(i / stride) % scale.length])
}
