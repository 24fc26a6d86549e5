import type { Layer } from '../../../model/architecture.js'
import { kernelAsSeen } from './fake-quantize.js'
import type { Activation, Emitted, StepContext } from './layer.js'

export function emitDense(
  context: StepContext,
  layer: Extract<Layer, { kind: 'dense' }>,
  input: Activation,
): Emitted {
  const { graph } = context
  const kernel = kernelAsSeen(context, layer)
  const bias = layer.bias ? [context.weight(`${layer.name}/bias`)] : []
  return {
    output: {
      tensor: graph.node('Gemm', [input.tensor, kernel, ...bias]),
      shape: [layer.units],
      differentiable: true,
    },
    backward(gradient) {
      context.gradient(`${layer.name}/kernel`, graph.node('Gemm', [input.tensor, gradient], { transA: 1 }))
      if (layer.bias) {
        const sum = graph.node('ReduceSum', [gradient, graph.int64([0])], { keepdims: 0 })
        context.gradient(`${layer.name}/bias`, sum)
      }
      return input.differentiable ? graph.node('Gemm', [gradient, kernel], { transB: 1 }) : undefined
    },
  }
}
