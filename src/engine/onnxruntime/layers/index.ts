/** Every layer kind's way into the training graph. */
import type { Layer } from '../../../model/architecture.js'
import { type ActivationShape, elements } from '../../../model/shapes.js'
import { emitActivation } from './activation.js'
import { emitBatchNorm } from './batch-norm.js'
import { emitConv2d } from './conv2d.js'
import { emitDense } from './dense.js'
import { emitFakeQuantize } from './fake-quantize.js'
import type { Activation, Emitted, StepContext } from './layer.js'
import { emitGlobalAveragePool, emitGlobalMaxPool, emitMaxPool } from './pooling.js'

function emitLayer(context: StepContext, layer: Layer, input: Activation): Emitted {
  const { graph } = context
  switch (layer.kind) {
    case 'conv2d':
      return emitConv2d(context, layer, input)
    case 'dense':
      return emitDense(context, layer, input)
    case 'batchNorm':
      return emitBatchNorm(context, layer, input)
    case 'activation':
      return emitActivation(context, layer, input)
    case 'maxPool':
      return emitMaxPool(context, layer, input)
    case 'globalMaxPool':
      return emitGlobalMaxPool(context, input)
    case 'globalAveragePool':
      return emitGlobalAveragePool(context, input)
    case 'flatten':
      return input.shape.length === 1
        ? { output: input, backward: gradient => gradient }
        : {
            output: {
              ...input,
              tensor: pixelsLast(context, input.tensor, input.shape),
              shape: [elements(input.shape)],
            },
            backward: gradient => pixelsFirst(context, gradient, input.shape),
          }
    case 'dropout': {
      if (context.mode === 'evaluation') return { output: input, backward: gradient => gradient }
      const drawn = context.dropoutMask()
      const mask = input.shape.length === 1 ? drawn : pixelsFirst(context, drawn, input.shape)
      return {
        output: { ...input, tensor: graph.node('Mul', [input.tensor, mask]) },
        backward: gradient => graph.node('Mul', [gradient, mask]),
      }
    }
    case 'multiply': {
      const times = (tensor: string) => graph.node('Mul', [tensor, graph.scalar(layer.factor)])
      return { output: { ...input, tensor: times(input.tensor) }, backward: times }
    }
    case 'fakeQuantize':
      return emitFakeQuantize(context, layer, input)
    case 'residual': {
      const body = emitLayers(context, layer.body, input)
      const shortcut = emitLayers(context, layer.shortcut, input)
      return {
        output: {
          tensor: graph.node('Add', [body.output.tensor, shortcut.output.tensor]),
          shape: body.output.shape,
          differentiable: body.output.differentiable || shortcut.output.differentiable,
        },
        backward(gradient) {
          const parts = [body.backward(gradient), shortcut.backward(gradient)].filter(
            part => part !== undefined,
          )
          return parts.length === 2 ? graph.node('Add', parts) : parts[0]
        },
      }
    }
  }
}

/** [channels, pixels · batch] → [batch, rows · columns · channels], the order in which dense kernels read pictures. */
function pixelsLast({ graph, batch }: StepContext, tensor: string, shape: ActivationShape): string {
  const [height, width, channels] = shape as readonly [number, number, number]
  const pictures = graph.reshape(tensor, [channels, height * width, batch])
  return graph.reshape(graph.node('Transpose', [pictures], { perm: [2, 1, 0] }), [batch, elements(shape)])
}

/** The inverse of {@link pixelsLast}. */
function pixelsFirst({ graph, batch }: StepContext, tensor: string, shape: ActivationShape): string {
  const [height, width, channels] = shape as readonly [number, number, number]
  const rows = graph.reshape(tensor, [batch, height * width, channels])
  const pictures = graph.node('Transpose', [rows], { perm: [2, 1, 0] })
  return graph.reshape(pictures, [channels, height * width * batch])
}

/** Writes the layers one after the other; the backward pass goes only as far down as anything is trained. */
export function emitLayers(context: StepContext, layers: readonly Layer[], input: Activation): Emitted {
  const emitted: Emitted[] = []
  let current = input
  for (const layer of layers) {
    const next = emitLayer(context, layer, current)
    emitted.push(next)
    current = next.output
  }
  return {
    output: current,
    backward(gradient) {
      let flowing: string | undefined = gradient
      for (const layer of emitted.toReversed()) {
        if (flowing === undefined || !layer.output.differentiable) return undefined
        flowing = layer.backward(flowing)
      }
      return input.differentiable ? flowing : undefined
    },
  }
}
