/** Every engine against twenty steps of PyTorch in float64, made by bench/peers/make_training_fixture.py. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { TrainerOptions } from '../../src/engine/engine.js'
import type { Architecture, Weight } from '../../src/model/architecture.js'
import { weightSpecs } from '../../src/model/weights.js'
import { engines } from './engines.js'

interface Arrays {
  readonly [name: string]: { readonly shape: number[]; readonly data: number[] }
}

interface Fixture {
  readonly steps: number
  readonly batchSize: number
  readonly examples: number
  readonly momentum: number
  readonly weightDecay: number
  readonly labelSmoothing: number
  readonly normalization: { readonly mean: number[]; readonly deviation: number[] }
  readonly runs: readonly {
    readonly nesterov: boolean
    readonly inputs: number[]
    readonly labels: number[]
    readonly exampleWeights: number[]
    readonly batches: number[]
    readonly learningRates: number[]
    readonly initial: Arrays
    readonly losses: number[]
    readonly final: Arrays
  }[]
}

const fixture = JSON.parse(
  readFileSync(new URL('./fixtures/training.json', import.meta.url), 'utf8'),
) as Fixture

const architecture: Architecture = {
  name: 'fixture',
  input: { kind: 'image', height: 6, width: 6, channels: 2 },
  normalization: {
    mean: Float32Array.from(fixture.normalization.mean),
    deviation: Float32Array.from(fixture.normalization.deviation),
  },
  classes: 3,
  layers: [
    { kind: 'conv2d', name: 'conv1', filters: 4, kernel: 3, stride: 1, padding: 'same', bias: false },
    { kind: 'batchNorm', name: 'norm1', momentum: 0.8, epsilon: 1e-3, scale: true },
    { kind: 'activation', function: 'relu' },
    {
      kind: 'residual',
      body: [
        { kind: 'conv2d', name: 'conv2', filters: 5, kernel: 3, stride: 2, padding: 1, bias: true },
        { kind: 'batchNorm', name: 'norm2', momentum: 0.8, epsilon: 1e-3, scale: false },
        { kind: 'activation', function: 'gelu' },
      ],
      shortcut: [
        { kind: 'conv2d', name: 'project', filters: 5, kernel: 1, stride: 2, padding: 'same', bias: false },
      ],
    },
    { kind: 'maxPool', size: 2, stride: 2, padding: 1 },
    { kind: 'flatten' },
    { kind: 'dense', name: 'dense', units: 3, bias: true },
  ],
}

const weights = (arrays: Arrays): Weight[] =>
  weightSpecs(architecture).map(({ name }) => ({
    name,
    shape: arrays[name].shape,
    data: Float32Array.from(arrays[name].data),
  }))

describe.each([...engines])('%s', (_, load) => {
  it.each(fixture.runs)('follows PyTorch, nesterov $nesterov', async run => {
    const engine = await load()
    const options: TrainerOptions = {
      batchSize: fixture.batchSize,
      labelSmoothing: fixture.labelSmoothing,
      optimizer: {
        momentum: fixture.momentum,
        nesterov: run.nesterov,
        weightDecay: fixture.weightDecay,
      },
      maxShift: 0,
      flips: false,
      maskedWeights: [],
    }
    const data = {
      inputs: Uint8Array.from(run.inputs),
      examples: fixture.examples,
      labels: Int32Array.from(run.labels),
      exampleWeights: Float32Array.from(run.exampleWeights),
    }
    const trainer = await engine.createTrainer(architecture, data, options, {
      weights: weights(run.initial),
      momenta: [],
    })
    const losses = await trainer.run({
      steps: fixture.steps,
      examples: Int32Array.from(run.batches),
      learningRates: Float32Array.from(run.learningRates),
      dropoutSeed: 0,
    })
    const { weights: final } = await trainer.state()
    await trainer.dispose()

    for (const [step, loss] of run.losses.entries()) expect(losses[step]).toBeCloseTo(loss, 4)
    for (const { name, data: trained } of final) {
      for (const [index, value] of run.final[name].data.entries()) {
        expect(trained[index], `${name}[${index}]`).toBeCloseTo(value, 4)
      }
    }
  })
})
