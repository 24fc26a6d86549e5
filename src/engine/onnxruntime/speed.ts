/** How fast a core of this machine multiplies matrices, and how fast it trains a network and predicts with it. */
import { InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node'
import type { Architecture, InputShape } from '../../model/architecture.js'
import { elements, inputShapeOf } from '../../model/shapes.js'
import { weightSpecs } from '../../model/weights.js'
import { exportOnnx } from '../../onnx/export.js'
import { GraphBuilder } from '../../onnx/graph.js'
import { createPredictor } from './predictor.js'
import { createOnnxRuntimeTrainer } from './trainer.js'

/** Large enough to run at the peak, small enough for the second-level cache. */
const side = 256
const products = 8
/** Seconds of measuring. */
const enough = 0.3

/** Billions of floating-point operations a second in float32 on one core, the best of repeated runs. */
export async function gigaflops(): Promise<number> {
  const graph = new GraphBuilder()
  const shape = [side, side]
  const factor = graph.input('factor', 'float32', shape)
  let product = factor
  for (let i = 0; i < products; i++) product = graph.node('MatMul', [product, factor])
  graph.output('product', 'float32', shape, product)
  const session = await InferenceSession.create(graph.encode('speed'), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  })
  try {
    // Powers of the identity neither overflow nor become denormal.
    const feeds = { factor: new Tensor('float32', identity(side), shape) }
    let best = Number.POSITIVE_INFINITY
    for (const start = performance.now(); performance.now() - start < enough * 1000; ) {
      const before = performance.now()
      await session.run(feeds)
      best = Math.min(best, performance.now() - before)
    }
    return (products * 2 * side ** 3) / (best * 1e6)
  } finally {
    await session.release()
  }
}

/** What an example costs one core. */
export interface ExampleSeconds {
  /** Forward, backward and its share of the update. */
  readonly trained: number
  readonly predicted: number
}

/**
 * Processor time of a step of training and of a batch of predictions, one thread: the faster of two each, since the
 * first call of a session prepares what later ones find. Weights are zeros, which take as long as any others.
 */
export async function exampleSeconds(architecture: Architecture, batchSize: number): Promise<ExampleSeconds> {
  const { input } = architecture
  const weights = weightSpecs(architecture).map(({ name, shape }) => ({
    name,
    shape,
    data: new Float32Array(elements(shape)),
  }))
  const trainer = await createOnnxRuntimeTrainer(
    architecture,
    { inputs: zeros(input, batchSize), examples: batchSize, labels: new Int32Array(batchSize) },
    {
      batchSize,
      labelSmoothing: 0.1,
      optimizer: { momentum: 0.9, nesterov: true, weightDecay: 1e-4 },
      maxShift: 0,
      flips: false,
      maskedWeights: [],
    },
    { weights, momenta: [] },
  )
  const step = {
    steps: 1,
    examples: Int32Array.from({ length: batchSize }, (_, slot) => slot),
    learningRates: new Float32Array(1),
    dropoutSeed: 0,
  }
  try {
    return {
      trained: (await fasterOfTwo(() => trainer.run(step))) / batchSize,
      predicted: await predictedSeconds(exportOnnx(architecture, weights), input),
    }
  } finally {
    await trainer.dispose()
  }
}

/**
 * Processor time of an example's prediction, one thread, measured as in {@link exampleSeconds}.
 * @param bytes of a model that takes such inputs
 */
export async function predictedSeconds(bytes: Uint8Array, input: InputShape): Promise<number> {
  const predictor = await createPredictor(bytes, { threads: 1 })
  const whole = zeros(input, predictor.batchSize)
  try {
    return (await fasterOfTwo(() => predictor.predict(whole))) / predictor.batchSize
  } finally {
    await predictor.dispose()
  }
}

function zeros(input: InputShape, examples: number): Uint8Array | Float32Array {
  const length = examples * elements(inputShapeOf(input))
  return input.kind === 'image' ? new Uint8Array(length) : new Float32Array(length)
}

async function fasterOfTwo(work: () => Promise<unknown>): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let turn = 0; turn < 2; turn++) {
    const before = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, user + system)
  }
  return best / 1e6
}

function identity(size: number): Float32Array {
  const matrix = new Float32Array(size * size)
  for (let i = 0; i < size; i++) matrix[i * size + i] = 1
  return matrix
}

/** Execution providers that the installed library brings along, such as `cpu` and `webgpu`. */
export function executionProviders(): string[] {
  return listSupportedBackends()
    .filter(({ bundled }) => bundled)
    .map(({ name }) => name)
}
