import type { Layer } from '../../../model/architecture.js'
import { withExtraRow } from './extra-row.js'
import type { Activation, Emitted, StepContext } from './layer.js'
import { type WindowGeometry, windowsOf } from './windows.js'

/**
 * Maximum over windows as a knock-out tournament between the taps, so that the gradient flows to exactly one
 * pixel a window: the first among equals, in row order.
 */
export function emitMaxPool(context: StepContext, geometry: WindowGeometry, input: Activation): Emitted {
  const { graph, batch } = context
  const channels = input.shape.at(-1)!
  const { height, width, kernel } = geometry
  const windows = windowsOf(geometry)
  const pixels = windows.outputHeight * windows.outputWidth
  const taps = kernel * kernel
  const source = windows.padded
    ? withExtraRow(graph, input.tensor, batch, height * width, channels, Number.NEGATIVE_INFINITY)
    : graph.reshape(input.tensor, [batch, height * width, channels])
  const entrants = Array.from({ length: taps }, (_, tap) => {
    const indices = graph.int32(`tap${tap}:${windows.key}`, () => windows.gatherTap(tap))
    return graph.node('Gather', [source, indices], { axis: 1 })
  })
  const winner = play(context, entrants)
  return {
    output: {
      tensor: graph.reshape(winner.tensor, [batch * pixels, channels]),
      shape: [windows.outputHeight, windows.outputWidth, channels],
      differentiable: input.differentiable,
    },
    backward(gradient) {
      const shares = winner.share(graph.reshape(gradient, [batch, pixels, channels]))
      const joined = graph.node('Concat', [...shares, graph.zeros([batch, 1, channels])], { axis: 1 })
      // Rows of `joined` go tap by tap; the windows' own count goes pixel by pixel.
      const indices = graph.int32(`pool-scatter:${windows.key}`, () =>
        windows
          .scatter(pixels * taps)
          .map(reader =>
            reader === pixels * taps ? reader : (reader % taps) * pixels + Math.floor(reader / taps),
          ),
      )
      const gathered = graph.node('Gather', [joined, indices], { axis: 1 })
      if (windows.readers === 1) return graph.reshape(gathered, [batch * height * width, channels])
      const grouped = graph.reshape(gathered, [batch * height * width, windows.readers, channels])
      return graph.node('ReduceSum', [grouped, graph.int64([1])], { keepdims: 0 })
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
  const { graph, batch } = context
  const [height, width, channels] = input.shape as readonly [number, number, number]
  const pictures = graph.reshape(input.tensor, [batch, height * width, channels])
  const entrants = graph.nodes('Split', [pictures], { axis: 1 }, height * width)
  const winner = play(context, entrants)
  return {
    output: {
      tensor: graph.reshape(winner.tensor, [batch, channels]),
      shape: [channels],
      differentiable: input.differentiable,
    },
    backward(gradient) {
      const shares = winner.share(graph.reshape(gradient, [batch, 1, channels]))
      return graph.reshape(graph.node('Concat', shares, { axis: 1 }), [batch * height * width, channels])
    },
  }
}

export function emitGlobalAveragePool(context: StepContext, input: Activation): Emitted {
  const { graph, batch } = context
  const [height, width, channels] = input.shape as readonly [number, number, number]
  const pixels = height * width
  const pictures = graph.reshape(input.tensor, [batch, pixels, channels])
  return {
    output: {
      tensor: graph.node('ReduceMean', [pictures], { axes: [1], keepdims: 0 }),
      shape: [channels],
      differentiable: input.differentiable,
    },
    backward(gradient) {
      const share = graph.reshape(graph.node('Mul', [gradient, graph.scalar(1 / pixels)]), [
        batch,
        1,
        channels,
      ])
      const spread = graph.node('Expand', [share, graph.int64([batch, pixels, channels])])
      return graph.reshape(spread, [batch * pixels, channels])
    },
  }
}

export function maxPoolGeometry(
  layer: Extract<Layer, { kind: 'maxPool' }>,
  input: Activation,
): WindowGeometry {
  const [height, width] = input.shape as readonly [number, number, number]
  return { height, width, kernel: layer.size, stride: layer.stride, padding: layer.padding }
}
