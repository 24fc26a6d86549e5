/** Softmax cross-entropy with smoothed targets, distillation, and their gradients by the logits. */
import type { GraphBuilder } from '../../onnx/graph.js'
import type { Distillation } from '../engine.js'

/** Smoothed targets as a table, [classes, classes]: row c is (1 − ε) one-hot(c) + ε / classes (Szegedy et al. 2016, section 7). */
function smoothedTargets(classes: number, labelSmoothing: number): Float32Array {
  const table = new Float32Array(classes * classes).fill(labelSmoothing / classes)
  for (let c = 0; c < classes; c++) table[c * classes + c]! += 1 - labelSmoothing
  return table
}

/**
 * @param logits [batch, classes]
 * @param labels int32 [batch]
 * @param weights float32 [batch, 1], or undefined where every example weighs 1.
 * @returns the mean loss, a scalar, and the gradient by the logits, [batch, classes].
 */
export function emitCrossEntropy(
  graph: GraphBuilder,
  logits: string,
  labels: string,
  weights: string | undefined,
  options: { readonly batch: number; readonly classes: number; readonly labelSmoothing: number },
): { loss: string; gradient: string } {
  const { batch, classes, labelSmoothing } = options
  const table = graph.floats(smoothedTargets(classes, labelSmoothing), [classes, classes])
  const oneTarget = graph.node('Gather', [table, labels], { axis: 0 })
  const share = graph.scalar(1 / batch)
  const scale = weights === undefined ? share : graph.node('Mul', [weights, share])
  const logProbabilities = graph.node('LogSoftmax', [logits], { axis: 1 })
  const targets = graph.node('Mul', [oneTarget, scale])
  const crossed = graph.node('ReduceSum', [graph.node('Mul', [logProbabilities, targets])], { keepdims: 0 })
  const probabilities = graph.node('Exp', [logProbabilities])
  const error = graph.node('Sub', [probabilities, oneTarget])
  return { loss: graph.node('Neg', [crossed]), gradient: graph.node('Mul', [error, scale]) }
}

/** Below it no float32 probability is told from 0, and its logarithm is that of this. */
const smallestProbability = 2 ** -126

/**
 * {@link emitCrossEntropy} mixed with the divergence from teachers, as {@link Distillation} words it.
 *
 * @param crossEntropy the loss by the labels and its gradient
 * @param softTargets float32 [batch, classes]
 * @param weights as for the cross-entropy
 */
export function emitDistillation(
  graph: GraphBuilder,
  logits: string,
  crossEntropy: { readonly loss: string; readonly gradient: string },
  softTargets: string,
  weights: string | undefined,
  { temperature, weight, batch }: Distillation & { readonly batch: number },
): { loss: string; gradient: string } {
  const times = (tensor: string, factor: number) => graph.node('Mul', [tensor, graph.scalar(factor)])
  const scaled = (tensor: string) => (weights === undefined ? tensor : graph.node('Mul', [tensor, weights]))
  const student = graph.node('LogSoftmax', [times(logits, 1 / temperature)], { axis: 1 })
  const teacher = graph.node('Log', [graph.node('Max', [softTargets, graph.scalar(smallestProbability)])])
  const divergences = graph.node('Mul', [softTargets, graph.node('Sub', [teacher, student])])
  const divergence = graph.node('ReduceSum', [scaled(divergences)], { keepdims: 0 })
  // d KL(q ‖ softmax(z / T)) / dz = (softmax(z / T) − q) / T
  const error = scaled(graph.node('Sub', [graph.node('Exp', [student]), softTargets]))
  const mixed = (hard: string, soft: string, factor: number) =>
    graph.node('Add', [times(hard, 1 - weight), times(soft, (weight * factor) / batch)])
  return {
    loss: mixed(crossEntropy.loss, divergence, temperature ** 2),
    gradient: mixed(crossEntropy.gradient, error, temperature),
  }
}
