/**
 * Batch normalisation (Ioffe and Szegedy 2015, arXiv 1502.03167): statistics over batch and pixels. The running
 * variance takes the biased variance of the batch, as ONNX's BatchNormalization in training mode does.
 */
import type { Layer } from '../../../model/architecture.js'
import { type Activation, type Emitted, type StepContext, sumPixels } from './layer.js'

export function emitBatchNorm(
  context: StepContext,
  layer: Extract<Layer, { kind: 'batchNorm' }>,
  input: Activation,
): Emitted {
  const { graph, batch } = context
  const channels = input.shape.at(-1)!
  const pictures = input.shape.length === 3
  const count = pictures ? batch * input.shape[0] * input.shape[1] : batch
  // Features lie as [batch, features] and are summed down, pictures as [channels, pixels · batch] and across.
  const vector = pictures ? [channels, 1] : [1, channels]
  const sum = (tensor: string) =>
    pictures
      ? sumPixels(context, tensor)
      : graph.node('ReduceSum', [tensor, graph.int64([0])], { keepdims: 1 })
  const multiply = (a: string, b: string) => graph.node('Mul', [a, b])
  const mean = (tensor: string) => multiply(sum(tensor), graph.scalar(1 / count))
  const weight = (name: string) => graph.reshape(context.weight(`${layer.name}/${name}`), vector)
  const flat = (tensor: string) => graph.reshape(tensor, [channels])

  if (context.mode === 'evaluation') {
    const variance = graph.node('Add', [weight('variance'), graph.scalar(layer.epsilon)])
    const inverse = graph.node('Div', [graph.scalar(1), graph.node('Sqrt', [variance])])
    const factor = layer.scale ? multiply(weight('scale'), inverse) : inverse
    const centred = graph.node('Sub', [input.tensor, weight('mean')])
    return {
      output: { ...input, tensor: graph.node('Add', [multiply(centred, factor), weight('shift')]) },
      // Nobody asks for the gradients of scale and shift.
      backward: gradient => (input.differentiable ? multiply(gradient, factor) : undefined),
    }
  }

  const batchMean = mean(input.tensor)
  const centred = graph.node('Sub', [input.tensor, batchMean])
  const batchVariance = mean(multiply(centred, centred))
  const deviation = graph.node('Sqrt', [graph.node('Add', [batchVariance, graph.scalar(layer.epsilon)])])
  const inverse = graph.node('Div', [graph.scalar(1), deviation])
  const factor = layer.scale ? multiply(weight('scale'), inverse) : inverse
  const tensor = graph.node('Add', [multiply(centred, factor), weight('shift')])

  const running = (name: string, value: string) => {
    const kept = multiply(weight(name), graph.scalar(layer.momentum))
    const added = multiply(value, graph.scalar(1 - layer.momentum))
    context.statistic(`${layer.name}/${name}`, flat(graph.node('Add', [kept, added])))
  }
  running('mean', batchMean)
  running('variance', batchVariance)

  return {
    output: { tensor, shape: input.shape, differentiable: true },
    backward(gradient) {
      const total = sum(gradient)
      context.gradient(`${layer.name}/shift`, flat(total))
      if (!layer.scale && !input.differentiable) return undefined
      const correlation = sum(multiply(gradient, centred))
      if (layer.scale) context.gradient(`${layer.name}/scale`, flat(multiply(correlation, inverse)))
      if (!input.differentiable) return undefined
      // dx = factor · (dy − mean(dy) − x̂ · mean(dy · x̂)), with the vectors multiplied out first.
      const share = multiply(factor, graph.scalar(1 / count))
      const slope = multiply(multiply(correlation, multiply(inverse, inverse)), share)
      const projected = graph.node('Sub', [multiply(gradient, factor), multiply(centred, slope)])
      return graph.node('Sub', [projected, multiply(total, share)])
    },
  }
}
