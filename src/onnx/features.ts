/** What a network knows of an example before it names a class: the input of its last dense layer. */
import onnxProto from 'onnx-proto'
import {
  dataTypeOf,
  dimsOf,
  type Graph,
  initializersOf,
  intAttribute,
  type Model,
  type Node,
  nodeOf,
  removeUnused,
  topologicalOrder,
} from './model.js'

const { ValueInfoProto } = onnxProto.onnx

/** Name of the one output of a model that {@link featureModel} has cut. */
const featuresOutput = 'features'

/**
 * Cuts a model off before its last dense layer (`Gemm` or `MatMul` with stored weights), so that it gives features
 * [N, size] in place of logits. Changes the model.
 * @returns the number of features, or undefined where the model has no dense layer and stays as it is
 */
export function cutToFeatures({ graph }: Model): number | undefined {
  const initializers = initializersOf(graph)
  const dense = topologicalOrder(graph).findLast(
    ({ opType, input }) =>
      (opType === 'Gemm' || opType === 'MatMul') && initializers.has(input[1]) && !initializers.has(input[0]),
  )
  if (dense === undefined) return undefined
  const size = inputsOf(dense, dimsOf(initializers.get(dense.input[1])!))
  graph.node.push(nodeOf('Identity', [dense.input[0]], [featuresOutput]))
  setOutput(graph, size)
  removeUnused(graph)
  return size
}

/** Length of a dense layer's input, from the shape of its weights. */
function inputsOf(dense: Node, weights: readonly number[]): number {
  return dense.opType === 'Gemm' && intAttribute(dense, 'transB', 0) === 1 ? weights[1] : weights[0]
}

function setOutput(graph: Graph, size: number): void {
  const shape = { dim: [{ dimParam: 'N' }, { dimValue: size }] }
  const type = { tensorType: { elemType: dataTypeOf('float32'), shape } }
  graph.output = [ValueInfoProto.fromObject({ name: featuresOutput, type })]
}
