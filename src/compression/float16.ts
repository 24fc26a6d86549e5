/**
 * Half precision: weights and activations become float16, the model's inputs and outputs stay float32. What
 * comes before the first layer with a kernel (the normalisation of the input) stays float32 as well, since raw
 * features may exceed the range of halves.
 *
 * ONNX Runtime's CPU provider has no half-precision kernels on x86: there it widens the weights when they are used
 * and keeps activations between operators in float32, so that what one measures is the rounding of the weights.
 */
import { DataError } from '../errors.js'
import { float16Max, toFloat16 } from '../onnx/float16.js'
import {
  dataTypeOf,
  dimsOf,
  elementType,
  floatArray,
  freshNames,
  type Graph,
  initializersOf,
  intAttribute,
  type Node,
  nodeOf,
  removeUnused,
  type Tensor,
  tensorOf,
  topologicalOrder,
} from '../onnx/model.js'
import { foldBatchNorm } from './fold-batch-norm.js'
import { kernelNodes } from './kernels.js'
import type { CompressionMethod } from './method.js'

/** Operators whose ONNX definition takes halves wherever it takes floats, and that keep no floats in attributes. */
const halfOperators = new Set(
  `Abs Add AveragePool BatchNormalization Cast Clip Concat Conv ConvTranspose Div Dropout Elu Erf Exp Expand Flatten
   Gather Gelu Gemm GlobalAveragePool GlobalMaxPool HardSigmoid HardSwish Identity InstanceNormalization
   LayerNormalization LeakyRelu Log LogSoftmax MatMul Max MaxPool Min Mul Neg Pad Pow PRelu Reciprocal ReduceMax
   ReduceMean ReduceMin ReduceSum Relu Reshape Selu Shape Sigmoid Slice Softmax Softplus Split Sqrt Squeeze Sub
   Tanh Transpose Unsqueeze Where`.split(/\s+/),
)

export const float16: CompressionMethod<object> = {
  async compress({ graph }) {
    foldBatchNorm(graph)
    graph.node = topologicalOrder(graph)
    const fresh = freshNames(graph)
    const initializers = initializersOf(graph)
    const floats = floatTensors(graph)
    const nodes = fromFirstKernelOn(graph)
    const made = new Set([...nodes].flatMap(({ output }) => output))
    const notes: string[] = []

    const halves = new Map<string, string>()
    const casts: Node[] = []
    const halfOf = (tensor: string): string => {
      if (!floats.has(tensor) || made.has(tensor)) return tensor
      let name = halves.get(tensor)
      if (name === undefined) {
        name = fresh(`${tensor}_float16`)
        halves.set(tensor, name)
        const weight = initializers.get(tensor)
        if (weight === undefined) casts.push(nodeOf('Cast', [tensor], [name], { to: dataTypeOf('float16') }))
        else graph.initializer.push(halfTensor(name, weight, notes))
      }
      return name
    }
    for (const node of nodes) {
      if (!halfOperators.has(node.opType) || (node.domain !== '' && node.domain !== 'ai.onnx')) {
        throw new DataError(`float16 does not know the operator ${node.opType} of node "${node.name}"`, {
          key: node.name,
          mend: 'Leave the level float16 out of `compress` for this model.',
        })
      }
      node.input = node.input.map(halfOf)
      const to = node.attribute.find(({ name }) => name === 'to')
      if (to !== undefined && Number(to.i) === dataTypeOf('float32')) to.i = dataTypeOf('float16')
    }
    for (const output of graph.output) {
      const name = output.name ?? ''
      if (!made.has(name) || !floats.has(name)) continue
      const half = fresh(`${name}_float16`)
      for (const node of nodes) {
        node.input = node.input.map(tensor => (tensor === name ? half : tensor))
        node.output = node.output.map(tensor => (tensor === name ? half : tensor))
      }
      casts.push(nodeOf('Cast', [half], [name], { to: dataTypeOf('float32') }))
    }
    graph.node.push(...casts)
    graph.node = topologicalOrder(graph)
    removeUnused(graph)
    return notes
  },
}

/** A weight rounded to halves; what lies beyond their range is clamped to its ends, and noted. */
function halfTensor(name: string, weight: Tensor, notes: string[]): Tensor {
  const values = floatArray(weight)
  const beyond = values.reduce((count, value) => count + (Math.abs(value) > float16Max ? 1 : 0), 0)
  if (beyond > 0) {
    notes.push(`${beyond} of ${values.length} values of "${weight.name}" clamped to ±${float16Max}`)
  }
  const clamped = values.map(value => Math.min(float16Max, Math.max(-float16Max, value)))
  return tensorOf(name, dimsOf(weight), toFloat16(clamped))
}

/** The nodes that have a kernel or depend on one that has, in the order of the graph. */
function fromFirstKernelOn(graph: Graph): Set<Node> {
  const kernels = new Set(kernelNodes(graph).map(({ node }) => node))
  const nodes = new Set<Node>()
  const made = new Set<string>()
  for (const node of graph.node) {
    if (!kernels.has(node) && !node.input.some(tensor => made.has(tensor))) continue
    nodes.add(node)
    for (const tensor of node.output) made.add(tensor)
  }
  return nodes
}

/** The tensors that hold float32, found from the inputs on; a node's outputs are of its data input's type. */
function floatTensors(graph: Graph): Set<string> {
  const float32 = dataTypeOf('float32')
  const floats = new Set<string>()
  for (const { name, type } of graph.input) if (type?.tensorType?.elemType === float32) floats.add(name ?? '')
  for (const tensor of graph.initializer) if (elementType(tensor) === 'float32') floats.add(tensor.name)
  for (const node of graph.node) {
    const isFloat =
      node.opType === 'Cast'
        ? intAttribute(node, 'to', float32) === float32
        : node.opType !== 'Shape' && floats.has(node.input[node.opType === 'Where' ? 1 : 0])
    if (isFloat) for (const tensor of node.output) floats.add(tensor)
  }
  return floats
}
