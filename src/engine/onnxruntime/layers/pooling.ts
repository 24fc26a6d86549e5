import type { Layer } from '../../../model/architecture.js'
import { sumReaders } from './conv2d.js'
import {
  type Activation,
  asMatrix,
  byPixel,
  type Emitted,
  type StepContext,
  withExtraPixel,
} from './layer.js'
import { windowsOf } from './windows.js'

/**
 * Maximum over windows as a knock-out tournament between the taps, so that the gradient flows to exactly one
 * pixel a window: the first among equals, in row order.
 */
export function emitMaxPool(
  context: StepContext,
  layer: Extract<Layer, { kind: 'maxPool' }>,
  input: Activation,
): Emitted {
  const { graph } = context
  const [height, width, channels] = input.shape as readonly [number, number, number]
  const { size, stride, padding } = layer
  const windows = windowsOf({ height, width, kernel: size, stride, padding })
  const inputPixels = height * width
  const outputPixels = windows.outputPixels
  const source = windows.padded
    ? withExtraPixel(context, input.tensor, channels, inputPixels, Number.NEGATIVE_INFINITY)
    : byPixel(context, input.tensor, channels, inputPixels)
  const entrants = Array.from({ length: size * size }, (_, tap) => {
    const indices = graph.int32(`tap${tap}:${windows.key}`, () => windows.gatherTap(tap))
    return graph.node('Gather', [source, indices], { axis: 1 })
  })
  const winner = play(context, entrants)
  return {
    output: {
      tensor: asMatrix(context, winner.tensor, channels, outputPixels),
      shape: [windows.outputHeight, windows.outputWidth, channels],
      differentiable: input.differentiable,
    },
    backward(gradient) {
      const shares = winner.share(byPixel(context, gradient, channels, outputPixels))
      const nothing = graph.zeros([channels, 1, context.batch])
      const joined = graph.node('Concat', [...shares, nothing], { axis: 1 })
      const indices = graph.int32(`pool:${windows.key}`, () =>
        windows.scatter(outputPixels, outputPixels * size * size),
      )
      const gathered = graph.node('Gather', [joined, indices], { axis: 1 })
      return windows.readers === 1
        ? asMatrix(context, gathered, channels, inputPixels)
        : sumReaders(context, gathered, windows.readers, channels, inputPixels)
    },
  }
}

interface Match {
  readonly tensor: string
  /** Splits the gradient of the maximum among the entrants. */
  share(gradient: string): string[]
}

function play(context: StepContext, entrants: readonly string[]): Match {
  const { graph } = context
  if (entrants.length === 1) return { tensor: entrants[0]!, share: gradient => [gradient] }
  const half = Math.ceil(entrants.length / 2)
  const first = play(context, entrants.slice(0, half))
  const second = play(context, entrants.slice(half))
  return {
    tensor: graph.node('Max', [first.tensor, second.tensor]),
    share(gradient) {
      const won = graph.node('GreaterOrEqual', [first.tensor, second.tensor])
      const firstShare = graph.node('Mul', [gradient, graph.node('Cast', [won], { to: 1 })])
      return [...first.share(firstShare), ...second.share(graph.node('Sub', [gradient, firstShare]))]
    },
  }
}

export function emitGlobalMaxPool(context: StepContext, input: Activation): Emitted {
  const { graph } = context
  const [height, width, channels] = input.shape as readonly [number, number, number]
  const pixels = height * width
  const pictures = byPixel(context, input.tensor, channels, pixels)
  const winner = play(context, graph.nodes('Split', [pictures], { axis: 1 }, pixels))
  return {
    output: {
      tensor: toFeatures(context, winner.tensor, channels),
      shape: [channels],
      differentiable: input.differentiable,
    },
    backward(gradient) {
      const shares = winner.share(fromFeatures(context, gradient, channels))
      return asMatrix(context, graph.node('Concat', shares, { axis: 1 }), channels, pixels)
    },
  }
}

export function emitGlobalAveragePool(context: StepContext, input: Activation): Emitted {
  const { graph, batch } = context
  const [height, width, channels] = input.shape as readonly [number, number, number]
  const pixels = height * width
  const pictures = byPixel(context, input.tensor, channels, pixels)
  const average = graph.node('ReduceMean', [pictures], { axes: [1], keepdims: 0 })
  return {
    output: {
      tensor: toFeatures(context, average, channels),
      shape: [channels],
      differentiable: input.differentiable,
    },
    backward(gradient) {
      const share = graph.node('Mul', [gradient, graph.scalar(1 / pixels)])
      const spread = graph.node('Expand', [
        fromFeatures(context, share, channels),
        graph.int64([channels, pixels, batch]),
      ])
      return asMatrix(context, spread, channels, pixels)
    },
  }
}

/** [channels, batch] → [batch, channels] */
function toFeatures({ graph, batch }: StepContext, pooled: string, channels: number): string {
  return graph.node('Transpose', [graph.reshape(pooled, [channels, batch])], { perm: [1, 0] })
}

/** [batch, channels] → [channels, 1, batch] */
function fromFeatures({ graph, batch }: StepContext, features: string, channels: number): string {
  return graph.reshape(graph.node('Transpose', [features], { perm: [1, 0] }), [channels, 1, batch])
}
