/**
 * Fake quantization: forward the rounded value, backward a straight-through estimator (Bengio et al. 2013,
 * arXiv 1308.3432). See `model/fake-quantization.ts`.
 */
import type { Layer } from '../../../model/architecture.js'
import {
  largestActivationInteger,
  largestKernelInteger,
  smallestScale,
} from '../../../model/fake-quantization.js'
import type { GraphBuilder } from '../../../onnx/graph.js'
import type { Activation, Emitted, StepContext } from './layer.js'

/** The layer's kernel as the forward pass sees it. No weight lies outside its channel's range, so that all gradients pass. */
export function kernelAsSeen(
  { graph, weight }: StepContext,
  layer: Extract<Layer, { kind: 'conv2d' | 'dense' }>,
): string {
  const kernel = weight(`${layer.name}/kernel`)
  if (layer.kernelBits === undefined) return kernel
  // Convolutions are [out, in · taps] here, dense kernels [in, out].
  const axes = [layer.kind === 'conv2d' ? 1 : 0]
  const largest = graph.node('ReduceMax', [graph.node('Abs', [kernel])], { axes, keepdims: 1 })
  const scale = scaleOf(graph, largest, largestKernelInteger(layer.kernelBits))
  return graph.node('Mul', [graph.node('Round', [graph.node('Div', [kernel, scale])]), scale])
}

export function emitFakeQuantize(
  context: StepContext,
  layer: Extract<Layer, { kind: 'fakeQuantize' }>,
  input: Activation,
): Emitted {
  const { graph } = context
  const { low, high } = runningRange(context, layer, input.tensor)
  const scale = scaleOf(graph, graph.node('Sub', [high, low]), largestActivationInteger)
  // Integers less their zero point, so that they need not be shifted to and fro.
  const smallest = graph.node('Round', [graph.node('Div', [low, scale])])
  const largest = graph.node('Add', [smallest, graph.scalar(largestActivationInteger)])
  const integers = graph.node('Round', [graph.node('Div', [input.tensor, scale])])
  const bounded = graph.node('Clip', [integers, graph.reshape(smallest, []), graph.reshape(largest, [])])
  return {
    output: { ...input, tensor: graph.node('Mul', [bounded, scale]) },
    backward(gradient) {
      const inside = graph.node('Equal', [integers, bounded])
      return graph.node('Mul', [gradient, graph.node('Cast', [inside], { to: 1 })])
    },
  }
}

/** The range, in training with this batch taken in, [1] each; it always holds 0, which is so rounded to itself. */
function runningRange(
  context: StepContext,
  layer: Extract<Layer, { kind: 'fakeQuantize' }>,
  tensor: string,
): { low: string; high: string } {
  const { graph } = context
  const names = { low: `${layer.name}/minimum`, high: `${layer.name}/maximum` }
  if (context.mode === 'evaluation') {
    return { low: context.weight(names.low), high: context.weight(names.high) }
  }
  const isNew = graph.node('Equal', [context.weight(names.low), context.weight(names.high)])
  const take = (name: string, reduce: 'ReduceMin' | 'ReduceMax', extreme: 'Min' | 'Max') => {
    const batch = graph.node(extreme, [graph.node(reduce, [tensor], { keepdims: 0 }), graph.scalar(0)])
    const kept = graph.node('Mul', [context.weight(name), graph.scalar(layer.momentum)])
    const added = graph.node('Mul', [batch, graph.scalar(1 - layer.momentum)])
    const running = graph.node('Where', [isNew, batch, graph.node('Add', [kept, added])])
    context.statistic(name, running)
    return running
  }
  return { low: take(names.low, 'ReduceMin', 'Min'), high: take(names.high, 'ReduceMax', 'Max') }
}

/** width / integers, or 1 where that is too small to count. */
function scaleOf(graph: GraphBuilder, width: string, integers: number): string {
  const scale = graph.node('Div', [width, graph.scalar(integers)])
  const tiny = graph.node('Less', [scale, graph.scalar(smallestScale)])
  return graph.node('Where', [tiny, graph.scalar(1), scale])
}
