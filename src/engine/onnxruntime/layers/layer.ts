/**
 * How a layer writes itself into a training graph: its forward nodes at once, its backward nodes when the
 * gradient of its output is known.
 *
 * Inside the graph pictures lie channel by channel with the batch innermost: a matrix [channels, pixels · batch].
 * Convolutions are then products of a small matrix with a wide one, forward and backward, which is where ONNX
 * Runtime's matrix product is fastest, and a gathered pixel is a run of as many floats as the batch is large.
 * Features lie as [batch, features].
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
  /** As a layer behaves in training, or as it predicts: normalised by running statistics, nothing dropped. */
  readonly mode: 'training' | 'evaluation'
  /** The tensor of a weight as the forward pass sees it (masked, if it has a mask); convolution kernels as [out, in · taps]. */
  weight(name: string): string
  /** Whether the weight is trained. */
  trainable(name: string): boolean
  /** Hands in the gradient of a weight as the forward pass saw it. */
  gradient(name: string, tensor: string): void
  /** Hands in the new value of a running statistic. */
  statistic(name: string, tensor: string): void
  /** The mask of the next dropout layer, [batch, elements], elements in the order of rows, columns, channels. */
  dropoutMask(): string
}

/** Views a picture matrix pixel by pixel: [channels, pixels · batch] → [channels, pixels, batch]. */
export function byPixel(context: StepContext, tensor: string, channels: number, pixels: number): string {
  return context.graph.reshape(tensor, [channels, pixels, context.batch])
}

/** The inverse of {@link byPixel}. */
export function asMatrix(context: StepContext, tensor: string, channels: number, pixels: number): string {
  return context.graph.reshape(tensor, [channels, pixels * context.batch])
}

/**
 * Puts one more pixel of a constant value behind each channel, for windows that read outside the picture:
 * [channels, pixels · batch] → [channels, pixels + 1, batch].
 */
export function withExtraPixel(
  context: StepContext,
  tensor: string,
  channels: number,
  pixels: number,
  value: number,
): string {
  const extra = context.graph.filled(value, [channels, 1, context.batch])
  return context.graph.node('Concat', [byPixel(context, tensor, channels, pixels), extra], { axis: 1 })
}

/** Σ over pixels and batch: [channels, pixels · batch] → [channels, 1]. */
export function sumPixels(context: StepContext, tensor: string): string {
  const { graph } = context
  return graph.node('ReduceSum', [tensor, graph.int64([1])], { keepdims: 1 })
}
