/** A step's batch: its examples gathered from the training set, moved and mirrored, normalised. */
import type { Architecture, InputShape } from '../../model/architecture.js'
import { inputShapeOf } from '../../model/shapes.js'
import type { GraphBuilder } from '../../onnx/graph.js'
import { reflect } from '../augmentation.js'
import type { StepInputs, TrainerOptions } from '../engine.js'
import type { Activation } from './layers/layer.js'

/** Whether pictures are ever moved or mirrored; if not, a batch is whole rows of the training set. */
export function augments(architecture: Architecture, options: TrainerOptions): boolean {
  return architecture.input.kind === 'image' && (options.maxShift > 0 || options.flips)
}

/** Names of the tensors that hold the training set and what the step draws from it. */
export interface BatchTensors {
  /** uint8 [examples · pixels, channels] where pictures are augmented, else [examples, values]. */
  readonly inputs: string
  /** int32 [batch] */
  readonly examples: string
  /** int32 [batch], see {@link placements}; only where pictures are augmented. */
  readonly placements: string | undefined
}

/**
 * The number of each picture's way to lie, [steps · batch]: one for each shift down, shift right and flip, in
 * the order of {@link placementTable}.
 */
export function placements(inputs: StepInputs, options: TrainerOptions, slots: number): Int32Array {
  const { maxShift } = options
  const side = 2 * maxShift + 1
  return Int32Array.from({ length: slots }, (_, slot) => {
    const down = inputs.shifts?.[2 * slot] ?? 0
    const right = inputs.shifts?.[2 * slot + 1] ?? 0
    const flip = inputs.flips?.[slot] ?? 0
    return (flip * side + down + maxShift) * side + right + maxShift
  })
}

/** For each placement the pixel that each pixel is taken from, [placements, height · width]; as `augment` defines it. */
function placementTable(height: number, width: number, options: TrainerOptions): Int32Array {
  const { maxShift } = options
  const side = 2 * maxShift + 1
  const table = new Int32Array((options.flips ? 2 : 1) * side * side * height * width)
  let to = 0
  for (let flip = 0; flip < (options.flips ? 2 : 1); flip++) {
    for (let down = -maxShift; down <= maxShift; down++) {
      for (let right = -maxShift; right <= maxShift; right++) {
        for (let y = 0; y < height; y++) {
          const row = reflect(y - down, height) * width
          for (let x = 0; x < width; x++) {
            const column = reflect(x - right, width)
            table[to++] = row + (flip === 1 ? width - 1 - column : column)
          }
        }
      }
    }
  }
  return table
}

/** The batch as the first layer sees it, normalised floats. */
export function emitBatch(
  graph: GraphBuilder,
  architecture: Architecture,
  options: TrainerOptions,
  tensors: BatchTensors,
): Activation {
  const { input, normalization } = architecture
  const batch = options.batchSize
  const shape = inputShapeOf(input)
  if (input.kind === 'features') {
    const gathered = graph.node('Gather', [tensors.inputs, tensors.examples], { axis: 0 })
    const centred = graph.node('Sub', [gathered, graph.floats(normalization.mean)])
    const tensor = graph.node('Div', [centred, graph.floats(normalization.deviation)])
    return { tensor, shape, differentiable: false }
  }
  const { height, width, channels } = input
  const pixels = height * width
  const bytes = gatherPictures(graph, input, options, tensors)
  const factor = normalization.deviation.map(deviation => 1 / (255 * deviation))
  const offset = normalization.mean.map((mean, c) => -mean / normalization.deviation[c]!)
  const normalize = (values: string, scale: string, shift: string) =>
    graph.node('Add', [graph.node('Mul', [values, scale]), shift])
  if (architecture.layers[0]?.kind === 'flatten') {
    // Dense layers read pictures row by row, as they come: nothing to transpose here and back. Factors for every
    // value, since ONNX Runtime is slow where the innermost axis is a few channels long.
    const values = graph.reshape(graph.node('Cast', [bytes], { to: 1 }), [batch, pixels * channels])
    const spread = (vector: Float32Array) =>
      graph.floats(Float32Array.from({ length: pixels * channels }, (_, i) => vector[i % channels]!))
    return {
      tensor: normalize(values, spread(factor), spread(offset)),
      shape: [pixels * channels],
      differentiable: false,
    }
  }
  const planes = graph.node('Transpose', [graph.reshape(bytes, [batch, pixels, channels])], {
    perm: [2, 1, 0],
  })
  const values = graph.reshape(graph.node('Cast', [planes], { to: 1 }), [channels, pixels * batch])
  const column = (vector: Float32Array) => graph.floats(vector, [channels, 1])
  return { tensor: normalize(values, column(factor), column(offset)), shape, differentiable: false }
}

/** The batch's bytes, batch · pixels · channels in this order. */
function gatherPictures(
  graph: GraphBuilder,
  input: Extract<InputShape, { kind: 'image' }>,
  options: TrainerOptions,
  tensors: BatchTensors,
): string {
  if (tensors.placements === undefined) {
    return graph.node('Gather', [tensors.inputs, tensors.examples], { axis: 0 })
  }
  const { height, width } = input
  const pixels = height * width
  const table = placementTable(height, width, options)
  const tableTensor = graph.initializer('placement_table', 'int32', [table.length / pixels, pixels], table)
  const within = graph.node('Gather', [tableTensor, tensors.placements], { axis: 0 })
  const pixelsPerExample = graph.int32('pixels', () => Int32Array.of(pixels))
  const first = graph.node('Mul', [tensors.examples, pixelsPerExample])
  const source = graph.node('Add', [within, graph.reshape(first, [options.batchSize, 1])])
  return graph.node('Gather', [tensors.inputs, source], { axis: 0 })
}
