/** Softmax cross-entropy with smoothed targets, and its gradient by the logits. */
import type { GraphBuilder } from '../../onnx/graph.js'

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
