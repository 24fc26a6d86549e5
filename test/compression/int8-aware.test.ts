/** The integer network against the fake-quantized one that training saw, computed by TensorFlow.js. */
import * as tf from '@tensorflow/tfjs'
import { describe, expect, test } from 'vitest'
import { foldBatchNorm } from '../../src/compression/fold-batch-norm.js'
import { quantizationSources } from '../../src/compression/int8-static.js'
import { compress } from '../../src/compression/methods.js'
import type { TrainingState } from '../../src/engine/engine.js'
import { createOnnxRuntimeEngine } from '../../src/engine/onnxruntime/index.js'
import { createPredictor } from '../../src/engine/onnxruntime/predictor.js'
import { forward, normalize } from '../../src/engine/tfjs/network.js'
import { DataError } from '../../src/errors.js'
import type { Architecture } from '../../src/model/architecture.js'
import { buildArchitecture } from '../../src/model/architectures/index.js'
import { withFakeQuantization } from '../../src/model/fake-quantization.js'
import { initialMomenta, initialWeights } from '../../src/model/initialize.js'
import { weightSpecs } from '../../src/model/weights.js'
import { exportOnnx, rangesProperty } from '../../src/onnx/export.js'
import { decodeModel } from '../../src/onnx/model.js'
import { randomStream } from '../../src/random.js'
import { network, picture, pictures, relativeError } from './networks.js'

const examples = 32
const pixels = pictures(examples)
const architectures = ['mlp', 'cnn-small', 'cnn-fast', 'wrn-10-1', 'resnet-18-small']
const normalization = { mean: new Float32Array(3).fill(0.45), deviation: new Float32Array(3).fill(0.25) }

function architectureOf(name: string): Architecture {
  const width = name === 'resnet-18-small' ? 0.05 : 0.25
  const options = { input: picture, classes: 7, width, dropout: 0 }
  return withFakeQuantization(buildArchitecture(name, normalization, options), 8)
}

/** A few steps, after which ranges and statistics are those of the examples. */
async function trained(architecture: Architecture): Promise<TrainingState> {
  const random = randomStream('int8-aware')
  const labels = Int32Array.from({ length: examples }, () => random.integer(7))
  const options = {
    batchSize: 16,
    labelSmoothing: 0,
    optimizer: { momentum: 0.9, nesterov: true, weightDecay: 0 },
    maxShift: 0,
    flips: false,
    maskedWeights: [],
  }
  const steps = 20
  const trainer = await createOnnxRuntimeEngine().createTrainer(
    architecture,
    { inputs: pixels, examples, labels },
    options,
    {
      weights: initialWeights(architecture, [1], { pixels, examples }),
      momenta: initialMomenta(architecture),
    },
  )
  await trainer.run({
    steps,
    examples: Int32Array.from({ length: 16 * steps }, () => random.integer(examples)),
    learningRates: new Float32Array(steps).fill(0.02),
    dropoutSeed: 0,
  })
  const state = await trainer.state()
  await trainer.dispose()
  return state
}

/** Logits of the fake-quantized network as it predicts. */
function fakeQuantized(architecture: Architecture, { weights }: TrainingState): Float32Array {
  const specs = weightSpecs(architecture)
  return tf.tidy(() => {
    const tensors = specs.map(({ shape }, at) => tf.tensor(weights[at].data, [...shape]))
    const weight = (layer: object, role: string) =>
      tensors[specs.findIndex(spec => spec.layer === layer && spec.role === role)]
    const input = tf.tensor(Float32Array.from(pixels), [examples, 12, 12, 3])
    const logits = forward(tf, architecture.layers, normalize(tf, input, picture, normalization), {
      mode: 'evaluation',
      weight,
      observe: () => {},
      observeRange: layer => ({
        low: weight(layer, 'runningMinimum'),
        high: weight(layer, 'runningMaximum'),
      }),
      dropoutMask: length => new Float32Array(length).fill(1),
    })
    return logits.dataSync() as Float32Array
  })
}

async function predict(model: Uint8Array): Promise<Float32Array> {
  const predictor = await createPredictor(model, { threads: 1 })
  try {
    return await predictor.predict(pixels)
  } finally {
    await predictor.dispose()
  }
}

describe.each(architectures)('%s', name => {
  test('gives the logits that training saw', async () => {
    const architecture = architectureOf(name)
    const state = await trained(architecture)
    const float = exportOnnx(architecture, state.weights)
    const { bytes, notes } = await compress(float, 'int8-aware', {})
    expect(notes).toEqual([])
    const seen = fakeQuantized(architecture, state)
    const rounding = relativeError(await predict(float), seen)
    expect(relativeError(await predict(bytes), seen)).toBeLessThan(0.2 * rounding)
  })

  test('quantizes what int8-static does', () => {
    const architecture = architectureOf(name)
    const weights = initialWeights(architecture, [1], { pixels, examples })
    const model = decodeModel(exportOnnx(architecture, weights))
    const ranges = model.metadataProps.find(({ key }) => key === rangesProperty)!.value!
    foldBatchNorm(model.graph)
    const sources = (tensors?: string[]) =>
      [...new Set(quantizationSources(model.graph, tensors).values())].sort()
    expect(sources(Object.keys(JSON.parse(ranges)))).toEqual(sources())
  })
})

test('refuses a model that was not trained for it', async () => {
  await expect(compress(network('mlp'), 'int8-aware', {})).rejects.toThrow(DataError)
})
