/** Runs a training graph: feeds the training set once, carries the weights from call to call. */
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { Architecture, Weight, WeightSpec } from '../../model/architecture.js'
import { elements, inputShapeOf } from '../../model/shapes.js'
import { isActivationRange, weightSpecs } from '../../model/weights.js'
import { fromOihw, toOihw } from '../../onnx/layout.js'
import { dropoutMask } from '../dropout.js'
import type {
  Gradients,
  LabelledExamples,
  StepInputs,
  Trainer,
  TrainerOptions,
  TrainingData,
  TrainingState,
} from '../engine.js'
import { validateExamples, validateMasks, validateSteps, validateTraining } from '../validation.js'
import { augments, placements } from './batch.js'
import { buildGradientGraph, gradientNames } from './gradient-graph.js'
import {
  buildTrainingGraph,
  graphShape,
  isConvolutionKernel,
  type TrainingGraph,
  tensorNames,
} from './training-graph.js'

class OnnxRuntimeTrainer implements Trainer {
  readonly #architecture: Architecture
  readonly #data: TrainingData
  readonly #options: TrainerOptions
  readonly #graph: TrainingGraph
  readonly #session: InferenceSession
  /** Everything that stays the same between calls, and the carried tensors as they are now. */
  readonly #feeds: Record<string, Tensor>
  /** Slow weights and statistics, as in the graph. */
  readonly #slow: ReadonlyMap<string, Float32Array>
  /** Made when somebody first asks for gradients. */
  #gradientSession: InferenceSession | undefined

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
    const slow = options.lookahead ? graph.carried : []
    this.#slow = new Map(
      slow
        .filter(({ kind, spec }) => kind === 'weight' && !isActivationRange(spec.role))
        .map(({ name }) => [name, (feeds[name]!.data as Float32Array).slice()]),
    )
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

  async updateSlowWeights(share: number): Promise<void> {
    for (const [name, slow] of this.#slow) {
      const fast = this.#feeds[name]!.data as Float32Array
      for (let i = 0; i < fast.length; i++) {
        slow[i]! += share * (fast[i]! - slow[i]!)
        fast[i] = slow[i]!
      }
    }
  }

  async setMasks(masks: ReadonlyMap<string, Float32Array>): Promise<void> {
    validateMasks(this.#architecture, this.#options, masks)
    for (const { name, kind, spec } of this.#graph.carried) {
      const mask = kind === 'weight' ? masks.get(name) : undefined
      if (mask !== undefined) this.#feeds[tensorNames.mask(name)] = weightTensor(spec, mask)
    }
  }

  async gradients({ inputs, labels }: LabelledExamples): Promise<Gradients> {
    validateExamples(this.#architecture, this.#options, { inputs, labels })
    this.#gradientSession ??= await createSession(buildGradientGraph(this.#architecture, this.#options))
    const session = this.#gradientSession
    const { maskedWeights, batchSize } = this.#options
    const values = inputs.length / labels.length
    const specs = weightSpecs(this.#architecture).filter(({ name }) => maskedWeights.includes(name))
    const weights = Object.fromEntries(
      session.inputNames.filter(name => name in this.#feeds).map(name => [name, this.#feeds[name]!]),
    )
    const sums = new Map(specs.map(({ name, shape }) => [name, new Float32Array(elements(shape))]))
    let loss = 0
    for (let start = 0; start < labels.length; start += batchSize) {
      const end = Math.min(start + batchSize, labels.length)
      const results = await session.run({
        ...weights,
        ...batchTensors(inputs, labels, start, end, batchSize, values),
      })
      loss += (results[gradientNames.loss]!.data as Float32Array)[0]!
      for (const { name } of specs) {
        const sum = sums.get(name)!
        const part = results[gradientNames.gradient(name)]!.data as Float32Array
        for (let i = 0; i < sum.length; i++) sum[i]! += part[i]!
      }
    }
    const kernels = specs.map(spec => {
      const sum = sums.get(spec.name)!
      return [spec.name, isConvolutionKernel(spec) ? fromOihw(sum, spec.shape) : sum] as const
    })
    return { loss, kernels: new Map(kernels) }
  }

  async state(): Promise<TrainingState> {
    const read = (spec: WeightSpec, tensor: string): Weight => {
      const data = this.#feeds[tensor]!.data as Float32Array
      const canonical = isConvolutionKernel(spec) ? fromOihw(data, spec.shape) : data.slice()
      return { name: spec.name, shape: spec.shape, data: canonical }
    }
    return {
      weights: weightSpecs(this.#architecture).map(spec => read(spec, spec.name)),
      momenta: this.#graph.carried
        .filter(({ kind }) => kind === 'momentum')
        .map(({ name, spec }) => read(spec, name)),
    }
  }

  async dispose(): Promise<void> {
    await this.#session.release()
    await this.#gradientSession?.release()
  }
}

function createSession(model: Uint8Array): Promise<InferenceSession> {
  return InferenceSession.create(model, {
    // Members train side by side, one thread each; one thread also fixes the order of every sum.
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  })
}

/** The examples from `start` up to `end` as a batch, filled up with examples of no weight; all weigh the same. */
function batchTensors(
  inputs: Uint8Array | Float32Array,
  labels: Int32Array,
  start: number,
  end: number,
  batchSize: number,
  values: number,
): Record<string, Tensor> {
  const rows =
    inputs instanceof Uint8Array ? new Uint8Array(batchSize * values) : new Float32Array(batchSize * values)
  rows.set(inputs.subarray(start * values, end * values))
  const classes = new Int32Array(batchSize)
  classes.set(labels.subarray(start, end))
  const weights = new Float32Array(batchSize).fill(batchSize / labels.length, 0, end - start)
  return {
    [tensorNames.inputs]: new Tensor(inputs instanceof Uint8Array ? 'uint8' : 'float32', rows as never, [
      batchSize,
      values,
    ]),
    [tensorNames.labels]: new Tensor('int32', classes, [batchSize]),
    [tensorNames.exampleWeights]: new Tensor('float32', weights, [batchSize]),
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
  const session = await createSession(graph.model)
  const feeds: Record<string, Tensor> = { ...dataTensors(architecture, data, options) }
  const weights = new Map(initial.weights.map(weight => [weight.name, weight]))
  const momenta = new Map(initial.momenta.map(weight => [weight.name, weight]))
  for (const { name, kind, spec } of graph.carried) {
    const values = (kind === 'weight' ? weights : momenta).get(spec.name)?.data
    feeds[name] = weightTensor(spec, values ?? new Float32Array(elements(spec.shape)))
    if (kind === 'weight' && options.maskedWeights.includes(name)) {
      feeds[tensorNames.mask(name)] = weightTensor(spec, new Float32Array(elements(spec.shape)).fill(1))
    }
  }
  for (const spec of graph.frozen) feeds[spec.name] = weightTensor(spec, weights.get(spec.name)!.data)
  return new OnnxRuntimeTrainer(architecture, data, options, graph, session, feeds)
}

/** A weight as the graph keeps it; a copy. */
function weightTensor(spec: WeightSpec, data: Float32Array): Tensor {
  const values = isConvolutionKernel(spec) ? toOihw(data, spec.shape) : data.slice()
  return new Tensor('float32', values, graphShape(spec))
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
    ...(data.softTargets && {
      [tensorNames.softTargets]: new Tensor('float32', data.softTargets, [
        data.examples,
        architecture.classes,
      ]),
    }),
  }
}
