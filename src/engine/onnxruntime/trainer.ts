/** Runs a training graph: feeds the training set once, carries the weights from call to call. */
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { Architecture, Weight } from '../../model/architecture.js'
import { elements, inputShapeOf } from '../../model/shapes.js'
import { weightSpecs } from '../../model/weights.js'
import { dropoutMask } from '../dropout.js'
import type { StepInputs, Trainer, TrainerOptions, TrainingData, TrainingState } from '../engine.js'
import { validateMasks, validateSteps, validateTraining } from '../validation.js'
import { augments, placements } from './batch.js'
import { buildTrainingGraph, type TrainingGraph, tensorNames } from './training-graph.js'

class OnnxRuntimeTrainer implements Trainer {
  readonly #architecture: Architecture
  readonly #data: TrainingData
  readonly #options: TrainerOptions
  readonly #graph: TrainingGraph
  readonly #session: InferenceSession
  /** Everything that stays the same between calls, and the carried tensors as they are now. */
  readonly #feeds: Record<string, Tensor>

  constructor(
    architecture: Architecture,
    data: TrainingData,
    options: TrainerOptions,
    graph: TrainingGraph,
    session: InferenceSession,
    feeds: Record<string, Tensor>,
  ) {
    this.#architecture = architecture
    this.#data = data
    this.#options = options
    this.#graph = graph
    this.#session = session
    this.#feeds = feeds
  }

  async run(inputs: StepInputs): Promise<Float32Array> {
    validateSteps(this.#data, this.#options, inputs)
    const { steps } = inputs
    if (steps === 0) return new Float32Array()
    const { batchSize } = this.#options
    const feeds: Record<string, Tensor> = {
      ...this.#feeds,
      [tensorNames.examples]: new Tensor('int32', inputs.examples, [steps, batchSize]),
      [tensorNames.learningRates]: new Tensor('float32', inputs.learningRates, [steps]),
    }
    if (augments(this.#architecture, this.#options)) {
      const lies = placements(inputs, this.#options, steps * batchSize)
      feeds[tensorNames.placements] = new Tensor('int32', lies, [steps, batchSize])
    }
    this.#graph.dropouts.forEach(({ rate, elements: length }, index) => {
      const masks = new Float32Array(steps * batchSize * length)
      for (let step = 0; step < steps; step++) {
        const mask = dropoutMask(inputs.dropoutSeed, step, index, batchSize * length, rate)
        masks.set(mask, step * batchSize * length)
      }
      feeds[tensorNames.dropout(index)] = new Tensor('float32', masks, [steps, batchSize, length])
    })
    const results = await this.#session.run(feeds)
    for (const { name } of this.#graph.carried) {
      this.#feeds[name]?.dispose()
      this.#feeds[name] = results[tensorNames.next(name)] as Tensor
    }
    return results[tensorNames.losses]!.data as Float32Array
  }

  async setMasks(masks: ReadonlyMap<string, Float32Array>): Promise<void> {
    validateMasks(this.#architecture, this.#options, masks)
    for (const [name, mask] of masks) {
      const { dims } = this.#feeds[name]!
      this.#feeds[tensorNames.mask(name)] = new Tensor('float32', mask.slice(), dims)
    }
  }

  async state(): Promise<TrainingState> {
    const copy = (name: string, tensor: string, shape: readonly number[]): Weight => ({
      name,
      shape,
      data: (this.#feeds[tensor]!.data as Float32Array).slice(),
    })
    const { carried, frozen } = this.#graph
    const weights = new Map(
      [...carried.filter(({ kind }) => kind === 'weight').map(({ spec }) => spec), ...frozen].map(spec => [
        spec.name,
        copy(spec.name, spec.name, spec.shape),
      ]),
    )
    return {
      weights: this.#order.map(name => weights.get(name)!),
      momenta: carried
        .filter(({ kind }) => kind === 'momentum')
        .map(({ name, spec }) => copy(spec.name, name, spec.shape)),
    }
  }

  async dispose(): Promise<void> {
    await this.#session.release()
  }

  get #order(): string[] {
    return weightSpecs(this.#architecture).map(spec => spec.name)
  }
}

/** @throws RunError if arrays do not fit the architecture. */
export async function createOnnxRuntimeTrainer(
  architecture: Architecture,
  data: TrainingData,
  options: TrainerOptions,
  initial: TrainingState,
): Promise<Trainer> {
  validateTraining(architecture, data, options, initial)
  const weighted = data.exampleWeights !== undefined
  const graph = buildTrainingGraph(architecture, options, { weighted })
  const session = await InferenceSession.create(graph.model, {
    // Members train side by side, one thread each; one thread also fixes the order of every sum.
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  })
  const feeds: Record<string, Tensor> = { ...dataTensors(architecture, data, options) }
  const weights = new Map(initial.weights.map(weight => [weight.name, weight]))
  const momenta = new Map(initial.momenta.map(weight => [weight.name, weight]))
  const tensor = (shape: readonly number[], values: Float32Array | undefined) =>
    new Tensor('float32', values?.slice() ?? new Float32Array(elements(shape)), shape)
  for (const { name, kind, spec } of graph.carried) {
    feeds[name] = tensor(spec.shape, (kind === 'weight' ? weights : momenta).get(spec.name)?.data)
  }
  for (const { name, shape } of graph.frozen) feeds[name] = tensor(shape, weights.get(name)!.data)
  for (const name of options.maskedWeights) {
    const { dims, size } = feeds[name]!
    feeds[tensorNames.mask(name)] = new Tensor('float32', new Float32Array(size).fill(1), dims)
  }
  return new OnnxRuntimeTrainer(architecture, data, options, graph, session, feeds)
}

function dataTensors(
  architecture: Architecture,
  data: TrainingData,
  options: TrainerOptions,
): Record<string, Tensor> {
  const { input } = architecture
  const values = elements(inputShapeOf(input))
  const type = input.kind === 'image' ? 'uint8' : 'float32'
  const shape =
    input.kind === 'image' && augments(architecture, options)
      ? [data.examples * input.height * input.width, input.channels]
      : [data.examples, values]
  return {
    [tensorNames.inputs]: new Tensor(type, data.inputs as never, shape),
    [tensorNames.labels]: new Tensor('int32', data.labels, [data.examples]),
    ...(data.exampleWeights && {
      [tensorNames.exampleWeights]: new Tensor('float32', data.exampleWeights, [data.examples]),
    }),
  }
}
