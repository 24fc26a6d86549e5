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

/** Operators with a kernel: its input, and that of its zero point where it holds integers. */
const layers: Readonly<Record<string, { readonly kernel: number; readonly zeroPoint?: number }>> = {
  Conv: { kernel: 1 },
  ConvTranspose: { kernel: 1 },
  Gemm: { kernel: 1 },
  MatMul: { kernel: 1 },
  ConvInteger: { kernel: 1, zeroPoint: 3 },
  MatMulInteger: { kernel: 1, zeroPoint: 3 },
  QLinearConv: { kernel: 3, zeroPoint: 5 },
  QLinearMatMul: { kernel: 3, zeroPoint: 5 },
  QGemm: { kernel: 3, zeroPoint: 5 },
}

/** Nodes through which a kernel passes without a weight of it becoming, or ceasing to be, zero. */
const passing = new Set(['Reshape', 'Transpose', 'Identity', 'Cast', 'Squeeze', 'Unsqueeze'])

/** The kernels of a model, of whatever type, and the zero point of those that hold integers. */
function storedKernels(graph: Graph): Map<Tensor, Tensor | undefined> {
  const initializers = initializersOf(graph)
  const producers = producersOf(graph)
  const kernels = new Map<Tensor, Tensor | undefined>()
  for (const { opType, input } of graph.node) {
    const layer = layers[opType]
    if (layer === undefined) continue
    let name = input[layer.kernel] ?? ''
    let zeroPoint = layer.zeroPoint === undefined ? '' : (input[layer.zeroPoint] ?? '')
    for (let node = producers.get(name); node !== undefined; node = producers.get(name)) {
      if (node.opType === 'DequantizeLinear') zeroPoint = node.input[2] ?? ''
      else if (!passing.has(node.opType)) break
      name = node.input[0] ?? ''
    }
    const kernel = initializers.get(name)
    if (kernel !== undefined) kernels.set(kernel, initializers.get(zeroPoint))
  }
  return kernels
}

/** How many weights all kernels of a model hold, of whatever type, and how many of them are not zero. */
export function countWeights(graph: Graph): { weights: number; nonZeroWeights: number } {
  let weights = 0
  let nonZeroWeights = 0
  for (const [kernel, zeroPoint] of storedKernels(graph)) {
    const array = tensorArray(kernel)
    const zero = zeroPoint === undefined ? 0 : tensorArray(zeroPoint)[0]
    // Halves are bits: 0x8000 is −0.
    const negativeZero = array instanceof Uint16Array ? 0x8000 : zero
    weights += array.length
    for (const value of array) if (value !== zero && value !== negativeZero) nonZeroWeights++
  }
  return { weights, nonZeroWeights }
}

/** Bits that most weights of the model's kernels take; undefined where it has none that are read. */
export function weightBits(graph: Graph): number | undefined {
  const weightsOf = new Map<number, number>()
  for (const kernel of storedKernels(graph).keys()) {
    const bits = bitsOf[elementType(kernel) ?? '']
    const weights = dimsOf(kernel).reduce((product, dim) => product * dim, 1)
    if (bits !== undefined) weightsOf.set(bits, (weightsOf.get(bits) ?? 0) + weights)
  }
  return [...weightsOf].sort(([, a], [, b]) => b - a)[0]?.[0]
}

const bitsOf: Readonly<Record<string, number>> = {
  float32: 32,
  float16: 16,
  uint8: 8,
  int8: 8,
  int4: 4,
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
