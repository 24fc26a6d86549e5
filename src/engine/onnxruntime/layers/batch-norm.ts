/**
 * Batch normalisation (Ioffe and Szegedy 2015, arXiv 1502.03167): statistics over all rows of the matrix. The
 * running variance takes the biased variance of the batch, as ONNX's BatchNormalization in training mode does.
 */
import type { Layer } from '../../../model/architecture.js'
import { sumRows } from './conv2d.js'
import { type Activation, type Emitted, rows, type StepContext } from './layer.js'

export function emitBatchNorm(
  context: StepContext,
  layer: Extract<Layer, { kind: 'batchNorm' }>,
  input: Activation,
): Emitted {
  const { graph, batch } = context
  const count = rows(batch, input.shape)
  const mean = (matrix: string) => graph.node('Mul', [sumRows(graph, matrix, count), graph.scalar(1 / count)])
  const weight = (name: string) => context.weight(`${layer.name}/${name}`)

  const batchMean = mean(input.tensor)
  const centred = graph.node('Sub', [input.tensor, batchMean])
  const batchVariance = mean(graph.node('Mul', [centred, centred]))
  const deviation = graph.node('Sqrt', [graph.node('Add', [batchVariance, graph.scalar(layer.epsilon)])])
  const inverse = graph.node('Div', [graph.scalar(1), deviation])
  const factor = layer.scale ? graph.node('Mul', [weight('scale'), inverse]) : inverse
  const tensor = graph.node('Add', [graph.node('Mul', [centred, factor]), weight('shift')])

  const running = (name: string, value: string) => {
    const kept = graph.node('Mul', [weight(name), graph.scalar(layer.momentum)])
    const added = graph.node('Mul', [value, graph.scalar(1 - layer.momentum)])
    context.statistic(`${layer.name}/${name}`, graph.node('Add', [kept, added]))
  }
  running('mean', batchMean)
  running('variance', batchVariance)

  return {
    output: { tensor, shape: input.shape, differentiable: true },
    backward(gradient) {
      const total = sumRows(graph, gradient, count)
      context.gradient(`${layer.name}/shift`, total)
      const correlation = sumRows(graph, graph.node('Mul', [gradient, centred]), count)
      if (layer.scale) {
        context.gradient(`${layer.name}/scale`, graph.node('Mul', [correlation, inverse]))
      }
      if (!input.differentiable) return undefined
      // dx = factor · (dy − mean(dy) − x̂ · mean(dy · x̂)), with the vectors multiplied out first.
      const share = graph.node('Mul', [factor, graph.scalar(1 / count)])
      const slope = graph.node('Mul', [
        graph.node('Mul', [correlation, graph.node('Mul', [inverse, inverse])]),
        share,
      ])
      const level = graph.node('Mul', [total, share])
      const scaled = graph.node('Mul', [gradient, factor])
      const projected = graph.node('Sub', [scaled, graph.node('Mul', [centred, slope])])
      return graph.node('Sub', [projected, level])
    },
  }
}
