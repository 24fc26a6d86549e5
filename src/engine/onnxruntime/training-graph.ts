/**
 * Training as one ONNX graph: a Scan whose body is an optimizer step (forward, backward, update) and whose loop
 * carries the weights, so that one call trains for as many steps as it is given and nothing crosses the
 * language's border in between. The training set is read from the graph around the body.
 */
import type { Architecture, WeightSpec } from '../../model/architecture.js'
import { elements, inputShapeOf } from '../../model/shapes.js'
import { isRunningStatistic, walkLayers, weightSpecs } from '../../model/weights.js'
import { GraphBuilder } from '../../onnx/graph.js'
import type { TrainerOptions } from '../engine.js'
import { augments, emitBatch } from './batch.js'
import { emitLayers } from './layers/index.js'
import type { StepContext } from './layers/layer.js'
import { emitCrossEntropy, emitDistillation } from './loss.js'
import { emitUpdate } from './optimizer.js'

/** A tensor that training carries from step to step: a trained weight, a running statistic or a momentum buffer. */
export interface CarriedTensor {
  /** Name of the graph's input; its output is called `${name}:next`. */
  readonly name: string
  readonly kind: 'weight' | 'momentum'
  readonly spec: WeightSpec
}

export interface TrainingGraph {
  readonly model: Uint8Array
  readonly carried: readonly CarriedTensor[]
  /** Weights that never change: inputs of the graph, carried nowhere. */
  readonly frozen: readonly WeightSpec[]
  /** Dropout layers in forward order. */
  readonly dropouts: readonly { readonly rate: number; readonly elements: number }[]
}

/** A weight's shape inside the graph: convolution kernels are [out, in · taps] there, all others as they are. */
export function graphShape(spec: WeightSpec): readonly number[] {
  if (!isConvolutionKernel(spec)) return spec.shape
  const [height, width, inputs, outputs] = spec.shape as [number, number, number, number]
  return [outputs, inputs * height * width]
}

export function isConvolutionKernel(spec: WeightSpec): boolean {
  return spec.role === 'kernel' && spec.shape.length === 4
}

const momentumName = (weight: string) => `${weight}:momentum`

export const tensorNames = {
  inputs: 'inputs',
  labels: 'labels',
  exampleWeights: 'example_weights',
  softTargets: 'soft_targets',
  examples: 'examples',
  placements: 'placements',
  learningRates: 'learning_rates',
  losses: 'losses',
  mask: (weight: string) => `${weight}:mask`,
  dropout: (index: number) => `dropout${index}`,
  next: (name: string) => `${name}:next`,
} as const

function dropoutsOf(architecture: Architecture): { rate: number; elements: number }[] {
  const dropouts: { rate: number; elements: number }[] = []
  walkLayers(architecture.layers, inputShapeOf(architecture.input), (layer, shape) => {
    if (layer.kind === 'dropout') dropouts.push({ rate: layer.rate, elements: elements(shape) })
  })
  return dropouts
}

/**
 * The training graph. Inputs: the training set (`inputs`, `labels`, `example_weights` if asked for, `soft_targets`
 * if there are teachers), every weight, mask and momentum buffer, and for each step `examples` [steps, batch], `learning_rates` [steps],
 * `placements` [steps, batch] (see `batch.ts`) and dropout masks. Outputs: the carried tensors after the last
 * step, and `losses` [steps].
 */
export function buildTrainingGraph(
  architecture: Architecture,
  options: TrainerOptions,
  data: { readonly weighted: boolean },
): TrainingGraph {
  const specs = weightSpecs(architecture)
  const isFrozen = (spec: WeightSpec) => !spec.trainable && !isRunningStatistic(spec.role)
  const frozen = specs.filter(isFrozen)
  const carried: CarriedTensor[] = [
    ...specs
      .filter(spec => !isFrozen(spec))
      .map(spec => ({ name: spec.name, kind: 'weight' as const, spec })),
    ...specs
      .filter(spec => spec.trainable)
      .map(spec => ({ name: momentumName(spec.name), kind: 'momentum' as const, spec })),
  ]
  const dropouts = dropoutsOf(architecture)
  const augmented = augments(architecture, options)
  const batch = options.batchSize

  const outer = new GraphBuilder()
  const body = new GraphBuilder('step/')
  const inside = (name: string) => `step/${name}`

  // The body's inputs: carried tensors first, then what each step is given.
  for (const { name, spec } of carried) body.input(inside(name), 'float32', graphShape(spec))
  body.input(inside(tensorNames.examples), 'int32', [batch])
  body.input(inside(tensorNames.learningRates), 'float32', [])
  if (augmented) body.input(inside(tensorNames.placements), 'int32', [batch])
  dropouts.forEach(({ elements: length }, index) => {
    body.input(inside(tensorNames.dropout(index)), 'float32', [batch, length])
  })

  const seen = new Map<string, string>(frozen.map(spec => [spec.name, spec.name]))
  for (const { name, kind } of carried) {
    if (kind !== 'weight') continue
    seen.set(
      name,
      options.maskedWeights.includes(name)
        ? body.node('Mul', [inside(name), tensorNames.mask(name)])
        : inside(name),
    )
  }
  const gradients = new Map<string, string>()
  const statistics = new Map<string, string>()
  let nextDropout = 0
  const trainable = new Set(specs.filter(spec => spec.trainable).map(spec => spec.name))
  const context: StepContext = {
    graph: body,
    batch,
    mode: 'training',
    weight: name => seen.get(name)!,
    trainable: name => trainable.has(name),
    gradient: (name, tensor) => gradients.set(name, tensor),
    statistic: (name, tensor) => statistics.set(name, tensor),
    dropoutMask: () => inside(tensorNames.dropout(nextDropout++)),
  }

  const first = emitBatch(body, architecture, options, {
    inputs: tensorNames.inputs,
    examples: inside(tensorNames.examples),
    placements: augmented ? inside(tensorNames.placements) : undefined,
  })
  const network = emitLayers(context, architecture.layers, first)
  const gathered = (tensor: string) =>
    body.node('Gather', [tensor, inside(tensorNames.examples)], { axis: 0 })
  const labels = gathered(tensorNames.labels)
  const logits = network.output.tensor
  const weights = data.weighted ? body.reshape(gathered(tensorNames.exampleWeights), [batch, 1]) : undefined
  const crossEntropy = emitCrossEntropy(body, logits, labels, weights, {
    batch,
    classes: architecture.classes,
    labelSmoothing: options.labelSmoothing,
  })
  const { distillation } = options
  const { loss, gradient } =
    distillation === undefined
      ? crossEntropy
      : emitDistillation(body, logits, crossEntropy, gathered(tensorNames.softTargets), weights, {
          ...distillation,
          batch,
        })
  network.backward(gradient)

  const next = (name: string) => tensorNames.next(inside(name))
  for (const { name, kind, spec } of carried) {
    if (kind === 'momentum') continue
    if (spec.trainable) {
      emitUpdate(
        body,
        spec,
        options.optimizer,
        {
          weight: inside(name),
          momentum: inside(momentumName(name)),
          gradient: gradients.get(name)!,
          learningRate: inside(tensorNames.learningRates),
          mask: options.maskedWeights.includes(name) ? tensorNames.mask(name) : undefined,
        },
        { weight: next(name), momentum: next(momentumName(name)) },
      )
    } else {
      body.node('Identity', [statistics.get(name)!], {}, next(name))
    }
  }
  for (const { name, spec } of carried) body.output(next(name), 'float32', graphShape(spec))
  body.output('step/loss', 'float32', [], loss)

  declareInputs(outer, architecture, options, {
    carried,
    frozen,
    dropouts,
    augmented,
    weighted: data.weighted,
  })
  const scanned = [
    tensorNames.examples,
    tensorNames.learningRates,
    ...(augmented ? [tensorNames.placements] : []),
    ...dropouts.map((_, index) => tensorNames.dropout(index)),
  ]
  outer.nodes(
    'Scan',
    [...carried.map(({ name }) => name), ...scanned],
    { body: { graph: body }, num_scan_inputs: scanned.length },
    [...carried.map(({ name }) => tensorNames.next(name)), tensorNames.losses],
  )
  for (const { name, spec } of carried) outer.output(tensorNames.next(name), 'float32', graphShape(spec))
  outer.output(tensorNames.losses, 'float32', ['steps'])
  return { model: outer.encode(`${architecture.name}:training`), carried, frozen, dropouts }
}

function declareInputs(
  graph: GraphBuilder,
  architecture: Architecture,
  options: TrainerOptions,
  parts: Pick<TrainingGraph, 'carried' | 'frozen' | 'dropouts'> & { augmented: boolean; weighted: boolean },
): void {
  const { input } = architecture
  const batch = options.batchSize
  if (input.kind === 'features') graph.input(tensorNames.inputs, 'float32', ['examples', input.features])
  else if (parts.augmented) graph.input(tensorNames.inputs, 'uint8', ['pixels', input.channels])
  else graph.input(tensorNames.inputs, 'uint8', ['examples', elements(inputShapeOf(input))])
  graph.input(tensorNames.labels, 'int32', ['examples'])
  if (parts.weighted) graph.input(tensorNames.exampleWeights, 'float32', ['examples'])
  if (options.distillation) {
    graph.input(tensorNames.softTargets, 'float32', ['examples', architecture.classes])
  }
  for (const { name, spec } of parts.carried) graph.input(name, 'float32', graphShape(spec))
  for (const spec of parts.frozen) graph.input(spec.name, 'float32', graphShape(spec))
  for (const name of options.maskedWeights) {
    const spec = parts.carried.find(tensor => tensor.kind === 'weight' && tensor.name === name)!.spec
    graph.input(tensorNames.mask(name), 'float32', graphShape(spec))
  }
  graph.input(tensorNames.examples, 'int32', ['steps', batch])
  graph.input(tensorNames.learningRates, 'float32', ['steps'])
  if (parts.augmented) graph.input(tensorNames.placements, 'int32', ['steps', batch])
  parts.dropouts.forEach(({ elements: length }, index) => {
    graph.input(tensorNames.dropout(index), 'float32', ['steps', batch, length])
  })
}
