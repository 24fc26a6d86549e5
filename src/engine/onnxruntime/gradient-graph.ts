/** The slope of the loss by the kernels that may be masked, at weights that do not change, as an ONNX graph. */
import type { Architecture } from '../../model/architecture.js'
import { elements, inputShapeOf } from '../../model/shapes.js'
import { weightSpecs } from '../../model/weights.js'
import { GraphBuilder } from '../../onnx/graph.js'
import type { TrainerOptions } from '../engine.js'
import { emitBatch } from './batch.js'
import { emitLayers } from './layers/index.js'
import { emitCrossEntropy } from './loss.js'
import { graphShape, tensorNames } from './training-graph.js'

export const gradientNames = {
  loss: 'loss',
  gradient: (weight: string) => `${weight}:gradient`,
} as const

/**
 * Inputs: one batch of examples (`inputs` [batch, values], `labels` [batch], `example_weights` [batch]), every weight
 * and the masks, under the names that they have in the training graph. Outputs: the mean loss, Σ weight × loss /
 * batch, and its gradient by each masked kernel as the forward pass sees it.
 */
export function buildGradientGraph(architecture: Architecture, options: TrainerOptions): Uint8Array {
  const { input, classes, layers } = architecture
  const { batchSize: batch, maskedWeights } = options
  const graph = new GraphBuilder()
  const type = input.kind === 'image' ? 'uint8' : 'float32'
  graph.input(tensorNames.inputs, type, [batch, elements(inputShapeOf(input))])
  graph.input(tensorNames.labels, 'int32', [batch])
  graph.input(tensorNames.exampleWeights, 'float32', [batch])
  const specs = weightSpecs(architecture)
  const seen = new Map<string, string>()
  for (const spec of specs) {
    const weight = graph.input(spec.name, 'float32', graphShape(spec))
    const mask = maskedWeights.includes(spec.name)
      ? [graph.input(tensorNames.mask(spec.name), 'float32', graphShape(spec))]
      : []
    seen.set(spec.name, mask.length > 0 ? graph.node('Mul', [weight, ...mask]) : weight)
  }
  const gradients = new Map<string, string>()
  const trainable = new Set(specs.filter(spec => spec.trainable).map(({ name }) => name))
  const first = emitBatch(
    graph,
    architecture,
    { ...options, maxShift: 0, flips: false },
    {
      inputs: tensorNames.inputs,
      examples: graph.int32('examples', () => Int32Array.from({ length: batch }, (_, slot) => slot)),
      placements: undefined,
    },
  )
  const network = emitLayers(
    {
      graph,
      batch,
      mode: 'evaluation',
      weight: name => seen.get(name)!,
      trainable: name => trainable.has(name),
      gradient: (name, tensor) => gradients.set(name, tensor),
      statistic: () => {},
      dropoutMask: () => '',
    },
    layers,
    first,
  )
  const { loss, gradient } = emitCrossEntropy(
    graph,
    network.output.tensor,
    tensorNames.labels,
    graph.reshape(tensorNames.exampleWeights, [batch, 1]),
    { batch, classes, labelSmoothing: 0 },
  )
  network.backward(gradient)
  graph.output(gradientNames.loss, 'float32', [], loss)
  for (const name of maskedWeights) {
    const spec = specs.find(candidate => candidate.name === name)!
    graph.output(gradientNames.gradient(name), 'float32', graphShape(spec), gradients.get(name)!)
  }
  return graph.encode(`${architecture.name}:gradients`)
}
