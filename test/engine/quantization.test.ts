/** Quantization-aware training: against PyTorch's fake quantization, and its gradients against those they stand for. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Engine } from '../../src/engine/engine.js'
import type { Architecture, Layer, Weight } from '../../src/model/architecture.js'
import { withFakeQuantization } from '../../src/model/fake-quantization.js'
import { weightSpecs } from '../../src/model/weights.js'
import { layerCases, problem, quantizedCases } from './cases.js'
import { engines } from './engines.js'

interface Arrays {
  readonly [name: string]: { readonly shape: number[]; readonly data: number[] }
}

/** Made by bench/peers/make_quantization_fixture.py. */
const fixture = JSON.parse(
  readFileSync(new URL('./fixtures/quantization.json', import.meta.url), 'utf8'),
) as {
  readonly steps: number
  readonly batchSize: number
  readonly examples: number
  readonly rate: number
  readonly normalization: { readonly mean: number[]; readonly deviation: number[] }
  readonly inputs: number[]
  readonly labels: number[]
  readonly batches: number[]
  readonly initial: Arrays
  readonly losses: number[]
  readonly final: Arrays
}

const conv = (name: string, filters: number, stride: number, bias: boolean): Layer => ({
  kind: 'conv2d',
  name,
  filters,
  kernel: 3,
  stride,
  padding: 1,
  bias,
})

const network: Architecture = withFakeQuantization(
  {
    name: 'fixture',
    input: { kind: 'image', height: 6, width: 6, channels: 2 },
    normalization: {
      mean: Float32Array.from(fixture.normalization.mean),
      deviation: Float32Array.from(fixture.normalization.deviation),
    },
    classes: 3,
    layers: [
      conv('conv1', 4, 1, false),
      { kind: 'batchNorm', name: 'norm1', momentum: 0.8, epsilon: 1e-3, scale: true },
      { kind: 'activation', function: 'relu' },
      { kind: 'maxPool', size: 2, stride: 2, padding: 0 },
      conv('conv2', 5, 2, true),
      { kind: 'activation', function: 'gelu' },
      { kind: 'flatten' },
      { kind: 'dense', name: 'dense', units: 3, bias: true },
    ],
  },
  8,
)

const weightsOf = (arrays: Arrays): Weight[] =>
  weightSpecs(network).map(({ name }) => ({
    name,
    shape: arrays[name].shape,
    data: Float32Array.from(arrays[name].data),
  }))

/** Gradient of the first step's loss by each trained weight. */
async function gradients(engine: Engine, given: ReturnType<typeof problem>): Promise<Weight[]> {
  const { architecture, data, options, initial, inputs } = given
  const trainer = await engine.createTrainer(architecture, data, options, initial)
  await trainer.run({ ...inputs, learningRates: Float32Array.of(0) })
  const { momenta } = await trainer.state()
  await trainer.dispose()
  return [...momenta]
}

/** Each output channel, the last axis, on 255 levels around 0. */
function rounded({ name, shape, data }: Weight): Weight {
  const channels = shape.at(-1)!
  const largest = new Float64Array(channels)
  for (const [index, value] of data.entries()) {
    largest[index % channels] = Math.max(largest[index % channels], Math.abs(value))
  }
  const step = (index: number) => largest[index % channels] / 127
  return { name, shape, data: data.map((value, index) => Math.round(value / step(index)) * step(index)) }
}

describe.each([...engines])('%s', (_, load) => {
  it('follows PyTorch', async () => {
    const engine = await load()
    const { steps, batchSize, examples } = fixture
    const trainer = await engine.createTrainer(
      network,
      { inputs: Uint8Array.from(fixture.inputs), examples, labels: Int32Array.from(fixture.labels) },
      {
        batchSize,
        labelSmoothing: 0,
        optimizer: { momentum: 0.9, nesterov: false, weightDecay: 0 },
        maxShift: 0,
        flips: false,
        maskedWeights: [],
      },
      { weights: weightsOf(fixture.initial), momenta: [] },
    )
    const losses = await trainer.run({
      steps,
      examples: Int32Array.from(fixture.batches),
      learningRates: new Float32Array(steps).fill(fixture.rate),
      dropoutSeed: 0,
    })
    const { weights } = await trainer.state()
    await trainer.dispose()
    for (const [step, loss] of fixture.losses.entries()) expect(losses[step]).toBeCloseTo(loss, 3)
    for (const { name, data } of weights) {
      for (const [index, value] of fixture.final[name].data.entries()) {
        expect(Math.abs(data[index] - value), `${name}[${index}]`).toBeLessThan(1e-3 * Math.max(1, value))
      }
    }
  })

  it.each(['dense on features', 'conv2d of one channel', 'residual with projection'])(
    'gives kernels the gradient at their rounded values: %s',
    async name => {
      const engine = await load()
      const plain = problem(layerCases.find(training => training.name === name)!, 1)
      const { weights } = plain.initial
      const layers = onlyKernels(withFakeQuantization(plain.architecture, 8).layers)
      const aware = { ...plain, architecture: { ...plain.architecture, layers } }
      const atRounded = {
        ...plain,
        initial: {
          ...plain.initial,
          weights: weights.map(weight => (weight.name.endsWith('/kernel') ? rounded(weight) : weight)),
        },
      }
      const [actual, expected] = [await gradients(engine, aware), await gradients(engine, atRounded)]
      for (const [at, { name: weight, data }] of expected.entries()) {
        for (const [index, value] of data.entries()) {
          expect(actual[at].data[index], `${weight}[${index}]`).toBeCloseTo(value, 4)
        }
      }
    },
  )

  it('takes the first batch’s range whole, and then a part of each', async () => {
    const engine = await load()
    const given = problem(quantizedCases[0], 2)
    const { inputs, architecture, data, options, initial } = given
    const trainer = await engine.createTrainer(architecture, data, options, initial)
    await trainer.run(inputs)
    const { weights } = await trainer.state()
    await trainer.dispose()
    const { mean, deviation } = architecture.normalization
    const features = mean.length
    const ends = [0, 1].map(step => {
      const rows = [...inputs.examples.subarray(step * options.batchSize, (step + 1) * options.batchSize)]
      const values = rows.flatMap(row =>
        Array.from(mean, (m, f) => (data.inputs[row * features + f] - m) / deviation[f]),
      )
      return { minimum: Math.min(0, ...values), maximum: Math.max(0, ...values) }
    })
    for (const end of ['minimum', 'maximum'] as const) {
      const range = weights.find(({ name }) => name === `range1/${end}`)!
      expect(range.data[0]).toBeCloseTo(0.9 * ends[0][end] + 0.1 * ends[1][end], 5)
    }
  })
})

/** The layers without the rounding of activations. */
function onlyKernels(layers: readonly Layer[]): Layer[] {
  return layers
    .filter(({ kind }) => kind !== 'fakeQuantize')
    .map(layer =>
      layer.kind === 'residual'
        ? { ...layer, body: onlyKernels(layer.body), shortcut: onlyKernels(layer.shortcut) }
        : layer,
    )
}
