/** Every layer kind's way into the training graph. */
import type { Layer } from '../../../model/architecture.js'
import { elements } from '../../../model/shapes.js'
import { emitActivation } from './activation.js'
import { emitBatchNorm } from './batch-norm.js'
import { emitConv2d } from './conv2d.js'
import { emitDense } from './dense.js'
import { type Activation, type Emitted, rows, type StepContext } from './layer.js'
import { emitGlobalAveragePool, emitGlobalMaxPool, emitMaxPool, maxPoolGeometry } from './pooling.js'

function emitLayer(context: StepContext, layer: Layer, input: Activation): Emitted {
  const { graph, batch } = context
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
      return emitMaxPool(context, maxPoolGeometry(layer, input), input)
    case 'globalMaxPool':
      return emitGlobalMaxPool(context, input)
    case 'globalAveragePool':
      return emitGlobalAveragePool(context, input)
    case 'flatten': {
      const length = elements(input.shape)
      return {
        output: { ...input, tensor: graph.reshape(input.tensor, [batch, length]), shape: [length] },
        backward: gradient => graph.reshape(gradient, [rows(batch, input.shape), input.shape.at(-1)!]),
      }
    }
    case 'dropout': {
      const mask = graph.reshape(context.dropoutMask(layer.rate, elements(input.shape)), [
        rows(batch, input.shape),
        input.shape.at(-1)!,
      ])
      return {
        output: { ...input, tensor: graph.node('Mul', [input.tensor, mask]) },
        backward: gradient => graph.node('Mul', [gradient, mask]),
      }
    }
    case 'multiply': {
      const times = (tensor: string) => graph.node('Mul', [tensor, graph.scalar(layer.factor)])
      return { output: { ...input, tensor: times(input.tensor) }, backward: times }
    }
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
