/** The kernels of an ONNX graph: the weight matrices of its convolutions and dense layers, all that is compressed. */
import { DataError } from '../errors.js'
import { toFloat16 } from '../onnx/float16.js'
import {
  dimsOf,
  elementType,
  floatArray,
  floatAttribute,
  type Graph,
  initializersOf,
  intAttribute,
  type Node,
  producersOf,
  type Tensor,
  tensorArray,
  tensorOf,
} from '../onnx/model.js'

/** A convolution or dense layer whose kernel and bias are constants of the model. */
export interface KernelNode {
  readonly node: Node
  /** [out, in, height, width] for Conv, [in, out] for MatMul, either way round for Gemm. */
  readonly kernel: Tensor
  /** Axis of the kernel that runs over output channels. */
  readonly outputAxis: number
  /** One value for each output channel, where the layer has a bias. */
  readonly bias: Tensor | undefined
}

/** The layers with a constant float kernel, in the order of the graph. A kernel that two layers share comes twice. */
export function kernelNodes(graph: Graph): KernelNode[] {
  const initializers = initializersOf(graph)
  return graph.node.flatMap(node => {
    const kernel = initializers.get(node.input[1])
    const outputAxis = kernel === undefined ? undefined : outputAxisOf(node, dimsOf(kernel).length)
    if (kernel === undefined || outputAxis === undefined) return []
    if (elementType(kernel) !== 'float32' && elementType(kernel) !== 'float16') return []
    const biasName = node.opType === 'MatMul' ? '' : (node.input[2] ?? '')
    const bias = initializers.get(biasName)
    const channels = dimsOf(kernel)[outputAxis]
    const constant = biasName === '' || (bias !== undefined && dimsOf(bias).join() === `${channels}`)
    return constant ? [{ node, kernel, outputAxis, bias }] : []
  })
}

/** The distinct float kernels by name, in the order of the graph, as float32. */
export function kernelsOf(graph: Graph): Map<string, Float32Array> {
  const kernels = new Map<string, Float32Array>()
  for (const { kernel } of kernelNodes(graph)) {
    if (!kernels.has(kernel.name)) kernels.set(kernel.name, floatArray(kernel))
  }
  return kernels
}

/**
 * The kernels of these names, or all where none are named.
 *
 * @throws DataError when the model has no kernel of such a name
 */
export function chosenKernels(
  kernels: Map<string, Float32Array>,
  names: readonly string[] | undefined,
): Map<string, Float32Array> {
  const missing = names?.find(name => !kernels.has(name))
  if (missing !== undefined) throw new DataError(`the model has no kernel "${missing}"`, { key: missing })
  return names === undefined ? kernels : new Map(names.map(name => [name, kernels.get(name)!]))
}

/** Sets the weights where the mask of their kernel is 0 to zero, in the type that the kernel has. */
export function maskKernels(graph: Graph, masks: ReadonlyMap<string, Float32Array>): void {
  const initializers = initializersOf(graph)
  for (const [name, mask] of masks) {
    const tensor = initializers.get(name)!
    const pruned = floatArray(tensor).map((weight, i) => (mask[i] === 0 ? 0 : weight))
    const array = elementType(tensor) === 'float16' ? toFloat16(pruned) : pruned
    graph.initializer[graph.initializer.indexOf(tensor)] = tensorOf(name, dimsOf(tensor), array)
  }
}

/** Undefined for nodes that are no such layer, among them Gemms that scale or transpose their input. */
function outputAxisOf(node: Node, rank: number): number | undefined {
  switch (node.opType) {
    case 'Conv':
      return 0
    case 'Gemm':
      return intAttribute(node, 'transA', 0) !== 0 ||
        floatAttribute(node, 'alpha', 1) !== 1 ||
        floatAttribute(node, 'beta', 1) !== 1
        ? undefined
        : 1 - intAttribute(node, 'transB', 0)
    case 'MatMul':
      return rank === 2 ? 1 : undefined
    default:
      return undefined
  }
}

/** Elements between two neighbours along `axis` of a row-major tensor: channel of element i = ⌊i / stride⌋ mod channels. */
export function channelStride(dims: readonly number[], axis: number): number {
  return dims.slice(axis + 1).reduce((product, dim) => product * dim, 1)
}

/** How many weights all kernels of a model hold, of whatever type, and how many of them are not zero. */
export function countWeights(graph: Graph): { weights: number; nonZeroWeights: number } {
  const initializers = initializersOf(graph)
  const producers = producersOf(graph)
  const layers = new Set(['Conv', 'Gemm', 'MatMul', 'ConvInteger', 'MatMulInteger'])
  /** Kernels, and the zero point of those that hold integers. */
  const kernels = new Map<Tensor, Tensor | undefined>()
  for (const { opType, input } of graph.node) {
    if (!layers.has(opType)) continue
    const reshape = producers.get(input[1])
    const producer = reshape?.opType === 'Reshape' ? producers.get(reshape.input[0]) : reshape
    const dequantize = producer?.opType === 'DequantizeLinear' ? producer : undefined
    const kernel = initializers.get(dequantize?.input[0] ?? input[1])
    const zeroPoint = dequantize?.input[2] ?? (opType.endsWith('Integer') ? input[3] : undefined)
    if (kernel !== undefined) kernels.set(kernel, initializers.get(zeroPoint ?? ''))
  }
  let weights = 0
  let nonZeroWeights = 0
  for (const [kernel, zeroPoint] of kernels) {
    const array = tensorArray(kernel)
    const zero = zeroPoint === undefined ? 0 : tensorArray(zeroPoint)[0]
    // Halves are bits: 0x8000 is −0.
    const negativeZero = array instanceof Uint16Array ? 0x8000 : zero
    weights += array.length
    for (const value of array) if (value !== zero && value !== negativeZero) nonZeroWeights++
  }
  return { weights, nonZeroWeights }
}

/** Tells of layers that a quantization left in float32, because they are no {@link KernelNode}. */
export function floatLayerNotes(graph: Graph): string[] {
  const initializers = initializersOf(graph)
  return graph.node
    .filter(({ opType, input }) =>
      opType === 'Conv' || opType === 'Gemm' || opType === 'MatMul' ? initializers.has(input[1]) : false,
    )
    .map(
      ({ name, opType }) =>
        `${opType} "${name}" stays float32: its bias is no constant, or it scales its input`,
    )
}
