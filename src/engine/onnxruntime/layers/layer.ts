/**
 * How a layer writes itself into a training graph: its forward nodes at once, its backward nodes when the
 * gradient of its output is known. Inside the graph every activation is a matrix, [batch · height · width,
 * channels] or [batch, features], so that convolutions are matrix products and nothing is ever transposed.
 */
import type { ActivationShape } from '../../../model/shapes.js'
import type { GraphBuilder } from '../../../onnx/graph.js'

export interface Activation {
  readonly tensor: string
  readonly shape: ActivationShape
  /** Whether anything trainable lies below; if not, nobody needs this activation's gradient. */
  readonly differentiable: boolean
}

export interface Emitted {
  readonly output: Activation
  /** Writes the backward nodes: gradient of the loss by the output in, by the input out; called only if the output is differentiable. */
  backward(gradient: string): string | undefined
}

/** What a layer needs of the step's graph around it. */
export interface StepContext {
  readonly graph: GraphBuilder
  readonly batch: number
  /** The tensor of a weight as the forward pass sees it (masked, if it has a mask). */
  weight(name: string): string
  /** Whether the weight is trained. */
  trainable(name: string): boolean
  /** Hands in the gradient of a weight as the forward pass saw it. */
  gradient(name: string, tensor: string): void
  /** Hands in the new value of a running statistic. */
  statistic(name: string, tensor: string): void
  /** The mask of the next dropout layer, [batch, elements]. */
  dropoutMask(rate: number, elements: number): string
}

/** Rows of an activation's matrix. */
export function rows(batch: number, shape: ActivationShape): number {
  return shape.length === 1 ? batch : batch * shape[0] * shape[1]
}
