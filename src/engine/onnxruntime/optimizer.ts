/** Stochastic gradient descent with momentum as nodes of the step's graph. */
import type { WeightSpec } from '../../model/architecture.js'
import type { GraphBuilder } from '../../onnx/graph.js'
import type { OptimizerOptions } from '../engine.js'

/**
 * One update as `OptimizerOptions` words it: m ← μm + g, then w ← w − ηm, or w ← w − η(g + μm) with Nesterov.
 * @param tensors names of the weight, its momentum buffer, its gradient, the learning rate (a scalar) and,
 *   where the weight has one, its mask.
 * @param outputs what to call the new weight and the new momentum buffer.
 */
export function emitUpdate(
  graph: GraphBuilder,
  spec: WeightSpec,
  options: OptimizerOptions,
  tensors: {
    weight: string
    momentum: string
    gradient: string
    learningRate: string
    mask: string | undefined
  },
  outputs: { weight: string; momentum: string },
): void {
  let gradient = tensors.gradient
  if (spec.role === 'kernel' && options.weightDecay > 0) {
    const decay = graph.node('Mul', [tensors.weight, graph.scalar(options.weightDecay)])
    gradient = graph.node('Add', [gradient, decay])
  }
  if (tensors.mask !== undefined) gradient = graph.node('Mul', [gradient, tensors.mask])
  const factor = graph.scalar(options.momentum)
  const kept = graph.node('Mul', [tensors.momentum, factor])
  const momentum = graph.node('Add', [kept, gradient], {}, outputs.momentum)
  const direction = options.nesterov
    ? graph.node('Add', [gradient, graph.node('Mul', [momentum, factor])])
    : momentum
  const shiftRate = spec.layer.kind === 'batchNorm' && spec.role === 'shift' ? (spec.layer.shiftRate ?? 1) : 1
  const rate =
    shiftRate === 1
      ? tensors.learningRate
      : graph.node('Mul', [tensors.learningRate, graph.scalar(shiftRate)])
  const change = graph.node('Mul', [direction, rate])
  graph.node('Sub', [tensors.weight, change], {}, outputs.weight)
}
