/** One member in training, in a worker thread of its own as in a real run: answers each order with its seconds. */
import { parentPort } from 'node:worker_threads'
import type { Trainer } from '../src/engine/engine.js'
import { createOnnxRuntimeEngine } from '../src/engine/onnxruntime/index.js'
import type { InputShape } from '../src/model/architecture.js'
import { buildArchitecture } from '../src/model/architectures/index.js'
import { initialMomenta, initialWeights } from '../src/model/initialize.js'
import { elements, inputShapeOf } from '../src/model/shapes.js'

export interface TrainingOrder {
  readonly model: string
  readonly batchSize: number
  readonly steps: number
}

export interface TrainingAnswer {
  readonly seconds: number
  /** Processor time of the whole process, other members' included. */
  readonly cpuSeconds: number
}

const examples = 4096
const classes = 10

function inputOf(model: string): InputShape {
  return model.startsWith('wrn')
    ? { kind: 'image', height: 32, width: 32, channels: 3 }
    : { kind: 'image', height: 28, width: 28, channels: 1 }
}

async function createTrainer({ model, batchSize }: TrainingOrder): Promise<Trainer> {
  const input = inputOf(model)
  const channels = input.kind === 'image' ? input.channels : 1
  const normalization = {
    mean: new Float32Array(channels).fill(0.5),
    deviation: new Float32Array(channels).fill(0.25),
  }
  const architecture = buildArchitecture(model, normalization, { input, classes, width: 1, dropout: 0 })
  // Pixels and labels from a linear congruential generator: what they hold costs nothing.
  let seed = 1
  const next = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed >>> 16
  }
  const data = {
    inputs: Uint8Array.from({ length: examples * elements(inputShapeOf(input)) }, next),
    examples,
    labels: Int32Array.from({ length: examples }, () => next() % classes),
  }
  const options = {
    batchSize,
    labelSmoothing: 0.1,
    optimizer: { momentum: 0.9, nesterov: true, weightDecay: 5e-4 },
    maxShift: 0,
    flips: false,
    maskedWeights: [],
  }
  return createOnnxRuntimeEngine().createTrainer(architecture, data, options, {
    weights: initialWeights(architecture, [0]),
    momenta: initialMomenta(architecture),
  })
}

async function train(trainer: Trainer, batchSize: number, steps: number): Promise<void> {
  await trainer.run({
    steps,
    examples: Int32Array.from({ length: steps * batchSize }, (_, slot) => (slot * 2711) % examples),
    learningRates: new Float32Array(steps).fill(0.01),
    dropoutSeed: 0,
  })
}

const trainers = new Map<string, Promise<Trainer>>()

parentPort?.on('message', async (order: TrainingOrder) => {
  const key = `${order.model} ${order.batchSize}`
  if (!trainers.has(key)) trainers.set(key, createTrainer(order))
  const trainer = await trainers.get(key)!
  await train(trainer, order.batchSize, 2)
  const [start, cpuStart] = [performance.now(), process.cpuUsage()]
  await train(trainer, order.batchSize, order.steps)
  const { user, system } = process.cpuUsage(cpuStart)
  parentPort?.postMessage({
    seconds: (performance.now() - start) / 1e3,
    cpuSeconds: (user + system) / 1e6,
  } satisfies TrainingAnswer)
})
