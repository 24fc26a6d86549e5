/**
 * What every engine must do. The first half compares engines step by step with plain TensorFlow.js, which
 * `pytorch.test.ts` and `gradients.test.ts` hold to account; the second half needs no oracle.
 */
import { describe, expect, it } from 'vitest'
import { augment } from '../../src/engine/augmentation.js'
import type { Engine, StepInputs, Trainer, TrainingState } from '../../src/engine/engine.js'
import { loadTfjsEngine } from '../../src/engine/tfjs/index.js'
import type { Weight } from '../../src/model/architecture.js'
import {
  batchSize,
  layerCases,
  optionCases,
  type Problem,
  problem,
  quantizedCases,
  type TrainingCase,
} from './cases.js'
import { engines } from './engines.js'

const steps = 20
const allCases = [...layerCases, ...optionCases, ...quantizedCases]

async function withTrainer<T>(
  engine: Engine,
  { architecture, data, options, initial, masks }: Problem,
  use: (trainer: Trainer) => Promise<T>,
): Promise<T> {
  const trainer = await engine.createTrainer(architecture, data, options, initial)
  try {
    if (masks.size > 0) await trainer.setMasks(masks)
    return await use(trainer)
  } finally {
    await trainer.dispose()
  }
}

/** Losses and final state of the whole problem. */
const train = (engine: Engine, given: Problem) =>
  withTrainer(engine, given, async trainer => ({
    losses: await trainer.run(given.inputs),
    state: await trainer.state(),
  }))

/** The steps [from, to) of a chunk. */
function slice(inputs: StepInputs, from: number, to: number): StepInputs {
  const rows = [from * batchSize, to * batchSize] as const
  return {
    steps: to - from,
    examples: inputs.examples.slice(...rows),
    learningRates: inputs.learningRates.slice(from, to),
    ...(inputs.shifts && { shifts: inputs.shifts.slice(2 * rows[0], 2 * rows[1]) }),
    ...(inputs.flips && { flips: inputs.flips.slice(...rows) }),
    dropoutSeed: inputs.dropoutSeed,
  }
}

/** Every value within 2e-4 of its own size, or of 1 where it is smaller. */
function expectClose(actual: Float32Array, expected: Float32Array, what: string): void {
  expect(actual.length, what).toBe(expected.length)
  for (let index = 0; index < expected.length; index++) {
    const allowed = 2e-4 * Math.max(1, Math.abs(expected[index]))
    const apart = Math.abs(actual[index] - expected[index])
    if (!(apart <= allowed)) {
      expect.fail(`${what}[${index}] is ${actual[index]}, expected ${expected[index]} ± ${allowed}`)
    }
  }
}

function expectSameWeights(actual: readonly Weight[], expected: readonly Weight[]): void {
  expect(actual.map(({ name, shape }) => ({ name, shape: [...shape] }))).toEqual(
    expected.map(({ name, shape }) => ({ name, shape: [...shape] })),
  )
  for (const [index, weight] of expected.entries()) expectClose(actual[index].data, weight.data, weight.name)
}

function expectSameState(actual: TrainingState, expected: TrainingState): void {
  expectSameWeights(actual.weights, expected.weights)
  expectSameWeights(actual.momenta, expected.momenta)
}

const named = (weights: readonly Weight[], name: string) => weights.find(weight => weight.name === name)!.data

const caseNamed = (name: string): TrainingCase => allCases.find(training => training.name === name)!

describe.each([...engines].filter(([name]) => name !== 'tfjs'))('%s beside tfjs', (_, load) => {
  it.each(allCases)('follows the same loss curve: $name', async training => {
    const given = problem(training, steps)
    const [tested, oracle] = await Promise.all([load(), loadTfjsEngine('tfjs')])
    const actual = await train(tested, given)
    const expected = await train(oracle, given)
    expectClose(actual.losses, expected.losses, 'loss')
    expectSameState(actual.state, expected.state)
  })
})

describe.each([...engines])('%s', (_, load) => {
  it('names itself and its version', async () => {
    const engine = await load()
    expect(engine.version).toMatch(/^\d+\.\d+/)
  })

  it.each(allCases)('learns: $name', async training => {
    const given = problem(training, steps)
    const once = { ...given.inputs, examples: given.inputs.examples.slice(0, batchSize) }
    const repeated: Problem = {
      ...given,
      inputs: {
        ...given.inputs,
        examples: Int32Array.from(
          { length: steps * batchSize },
          (_, slot) => once.examples[slot % batchSize],
        ),
        ...(given.inputs.shifts && { shifts: new Int32Array(2 * steps * batchSize) }),
        ...(given.inputs.flips && { flips: new Uint8Array(steps * batchSize) }),
      },
    }
    const { losses } = await train(await load(), repeated)
    const [early, late] = [losses.slice(0, 5), losses.slice(-5)].map(part => part.reduce((a, b) => a + b) / 5)
    expect(late).toBeLessThan(early)
  })

  it('gives the same bytes twice', async () => {
    const engine = await load()
    const given = problem(caseNamed('masks on convolutions with everything'), steps)
    expect(await train(engine, given)).toEqual(await train(engine, given))
  })

  it('goes on from its state as if it had never stopped', async () => {
    const engine = await load()
    const given = problem(
      { ...caseNamed('Nesterov with weight decay'), maxShift: 2, flips: true, exampleWeights: true },
      steps,
    )
    const whole = await train(engine, given)
    const [first, second] = [slice(given.inputs, 0, 7), slice(given.inputs, 7, steps)]
    const stopped = await train(engine, { ...given, inputs: first })
    const resumed = await train(engine, { ...given, inputs: second, initial: stopped.state })
    expectClose(Float32Array.of(...stopped.losses, ...resumed.losses), whole.losses, 'loss')
    expectSameState(resumed.state, whole.state)
  })

  it('runs chunks of any length, and none', async () => {
    const given = problem(caseNamed('momentum'), steps)
    const engine = await load()
    const whole = await train(engine, given)
    await withTrainer(engine, given, async trainer => {
      const losses: number[] = []
      for (const [from, to] of [
        [0, 1],
        [1, 1],
        [1, 12],
        [12, 20],
      ]) {
        losses.push(...(await trainer.run(slice(given.inputs, from, to))))
      }
      expectClose(Float32Array.from(losses), whole.losses, 'loss')
    })
  })

  it('leaves the caller’s arrays and its own handed-out state alone', async () => {
    const given = problem(caseNamed('masks'), steps)
    const untouched = problem(caseNamed('masks'), steps)
    await withTrainer(await load(), given, async trainer => {
      const before = await trainer.state()
      expect(before.weights).toEqual(given.initial.weights)
      await trainer.run(given.inputs)
      expect(before.weights).toEqual(untouched.initial.weights)
    })
    expect(given).toEqual(untouched)
  })

  it('keeps a frozen layer and everything at a rate of zero', async () => {
    const engine = await load()
    const frozen = problem(
      { ...caseNamed('frozen conv2d'), optimizer: { momentum: 0.9, weightDecay: 0.1 } },
      steps,
    )
    const { state } = await train(engine, frozen)
    for (const role of ['kernel', 'bias']) {
      const name = `whitening/${role}`
      expect(named(state.weights, name)).toEqual(named(frozen.initial.weights, name))
    }
    expect(state.momenta.map(({ name }) => name)).toEqual([
      'second/kernel',
      'second/bias',
      'output/kernel',
      'output/bias',
    ])

    const still = problem({ ...caseNamed('conv2d same'), learningRate: 0 }, steps)
    expect((await train(engine, still)).state.weights).toEqual(still.initial.weights)
  })

  it('averages statistics of the batch, with its population variance', async () => {
    const given = problem(caseNamed('batchNorm as the first layer'), 1)
    const { data, inputs, architecture } = given
    const { state } = await train(await load(), given)
    for (let channel = 0; channel < 2; channel++) {
      const values = [...inputs.examples.slice(0, batchSize)].flatMap(example =>
        Array.from({ length: 42 }, (_, pixel) => {
          const byte = data.inputs[(example * 42 + pixel) * 2 + channel]
          const { mean, deviation } = architecture.normalization
          return (byte / 255 - mean[channel]) / deviation[channel]
        }),
      )
      const mean = values.reduce((a, b) => a + b) / values.length
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
      const { weights } = given.initial
      const expected = {
        mean: 0.9 * named(weights, 'norm/mean')[channel] + 0.1 * mean,
        variance: 0.9 * named(weights, 'norm/variance')[channel] + 0.1 * variance,
      }
      expect(named(state.weights, 'norm/mean')[channel]).toBeCloseTo(expected.mean, 5)
      expect(named(state.weights, 'norm/variance')[channel]).toBeCloseTo(expected.variance, 5)
    }
  })

  it.each(['shifts', 'flips', 'shifts and flips', 'shifts of one channel'])(
    'sees the pictures that the reference makes: %s',
    async name => {
      const engine = await load()
      const given = problem(caseNamed(name), steps)
      const { data, inputs, architecture } = given
      const { input } = architecture
      if (input.kind !== 'image') throw new Error('these cases have pictures')
      const { height, width, channels } = input
      const size = height * width * channels
      const pictures = new Uint8Array(inputs.examples.length * size)
      for (const [slot, example] of inputs.examples.entries()) {
        augment(
          (data.inputs as Uint8Array).subarray(example * size, (example + 1) * size),
          height,
          width,
          channels,
          inputs.shifts?.[2 * slot] ?? 0,
          inputs.shifts?.[2 * slot + 1] ?? 0,
          inputs.flips?.[slot] === 1,
          pictures.subarray(slot * size, (slot + 1) * size),
        )
      }
      const augmented: Problem = {
        ...given,
        data: {
          inputs: pictures,
          examples: inputs.examples.length,
          labels: inputs.examples.map(example => data.labels[example]),
        },
        options: { ...given.options, maxShift: 0, flips: false },
        inputs: {
          steps,
          examples: inputs.examples.map((_, slot) => slot),
          learningRates: inputs.learningRates,
          dropoutSeed: inputs.dropoutSeed,
        },
      }
      const [actual, expected] = [await train(engine, given), await train(engine, augmented)]
      expectClose(actual.losses, expected.losses, 'loss')
      expectSameState(actual.state, expected.state)
    },
  )

  it('weighs examples: 2 counts twice, 0 not at all', async () => {
    const engine = await load()
    const given = problem({ ...caseNamed('conv2d same'), learningRate: 0 }, 1)
    const examples = Int32Array.of(0, 1, 2, 3)
    const loss = async (...weights: number[]) => {
      const exampleWeights = new Float32Array(given.data.examples)
      exampleWeights.set(weights)
      const data = { ...given.data, exampleWeights }
      return (await train(engine, { ...given, data, inputs: { ...given.inputs, examples } })).losses[0]
    }
    const each = [await loss(1), await loss(0, 1), await loss(0, 0, 1), await loss(0, 0, 0, 1)]
    expect(await loss(1, 1, 1, 1)).toBeCloseTo(
      each.reduce((a, b) => a + b),
      5,
    )
    expect(await loss(2, 0, 0, 0.5)).toBeCloseTo(2 * each[0] + 0.5 * each[3], 5)
  })

  it('smooths labels towards the even distribution', async () => {
    const engine = await load()
    const loss = async (labelSmoothing: number, label?: number) => {
      const given = problem({ ...caseNamed('conv2d same'), learningRate: 0, labelSmoothing }, 1)
      const labels = label === undefined ? given.data.labels : given.data.labels.map(() => label)
      return (await train(engine, { ...given, data: { ...given.data, labels } })).losses[0]
    }
    const even = (await loss(0, 0)) / 3 + (await loss(0, 1)) / 3 + (await loss(0, 2)) / 3
    expect(await loss(1)).toBeCloseTo(even, 5)
    expect(await loss(0.3)).toBeCloseTo(0.7 * (await loss(0)) + 0.3 * even, 5)
  })

  it('sees masked weights as zero and gives them no gradient', async () => {
    const engine = await load()
    const given = problem({ ...caseNamed('masks'), optimizer: { weightDecay: 0.1 } }, steps)
    const { losses, state } = await train(engine, given)
    const zeroed: Problem = {
      ...given,
      initial: {
        ...given.initial,
        weights: given.initial.weights.map(weight => {
          const mask = given.masks.get(weight.name)
          return { ...weight, data: weight.data.map((value, index) => value * (mask?.[index] ?? 1)) }
        }),
      },
    }
    expectClose((await train(engine, zeroed)).losses, losses, 'loss')
    for (const [name, mask] of given.masks) {
      const [trained, momentum] = [named(state.weights, name), named(state.momenta, name)]
      const started = named(given.initial.weights, name)
      for (const [index, kept] of mask.entries()) {
        if (kept === 0) expect(momentum[index]).toBe(0)
        else expect(trained[index]).not.toBe(started[index])
      }
    }
  })

  it('changes masks between steps, and drops them', async () => {
    const engine = await load()
    const given = problem({ ...caseNamed('masks'), learningRate: 0 }, 1)
    const ones = new Map([...given.masks].map(([name, mask]) => [name, mask.map(() => 1)]))
    const dense = (await train(engine, { ...given, masks: new Map() })).losses[0]
    await withTrainer(engine, given, async trainer => {
      const masked = (await trainer.run(given.inputs))[0]
      expect(masked).not.toBeCloseTo(dense, 3)
      await trainer.setMasks(ones)
      expect((await trainer.run(given.inputs))[0]).toBeCloseTo(dense, 5)
    })
  })

  it('draws weights and statistics back to the slow ones, and leaves momenta and ranges', async () => {
    const engine = await load()
    const layers = { ...caseNamed('batchNorm'), optimizer: { momentum: 0.9 } }
    for (const training of [layers, quantizedCases[0]!]) {
      const given = problem(training, 6)
      const options = { ...given.options, lookahead: true as const }
      const [first, second] = [slice(given.inputs, 0, 3), slice(given.inputs, 3, 6)]
      const isRange = (name: string) => /minimum|maximum/.test(name)
      const drawn = (fast: readonly Weight[], slow: readonly Weight[], share: number) =>
        fast.map(({ name, shape, data }, w) => ({
          name,
          shape,
          data: isRange(name)
            ? data
            : data.map((value, i) => slow[w].data[i] + share * (value - slow[w].data[i])),
        }))
      const fast = (await train(engine, { ...given, inputs: first })).state
      const once = drawn(fast.weights, given.initial.weights, 0.25)
      const goneOn = await train(engine, { ...given, inputs: second, initial: { ...fast, weights: once } })
      const twice = drawn(goneOn.state.weights, once, 0.5)
      await withTrainer(engine, { ...given, options }, async trainer => {
        await trainer.run(first)
        await trainer.updateSlowWeights(0.25)
        expectSameState(await trainer.state(), { ...fast, weights: once })
        await trainer.run(second)
        await trainer.updateSlowWeights(0.5)
        expectSameState(await trainer.state(), { ...goneOn.state, weights: twice })
      })
    }
  })

  it('drops other units at each step and seed', async () => {
    const engine = await load()
    const given = problem({ ...caseNamed('dropout'), learningRate: 0 }, 3)
    const examples = Int32Array.from({ length: 3 * batchSize }, (_, slot) => slot % batchSize)
    const losses = async (dropoutSeed: number) => [
      ...(await train(engine, { ...given, inputs: { ...given.inputs, examples, dropoutSeed } })).losses,
    ]
    const drawn = [...(await losses(1)), ...(await losses(2))]
    expect(new Set(drawn).size).toBe(6)
  })

  const refused: [string, (given: Problem) => Problem][] = [
    [
      'a label that is no class',
      given => ({ ...given, data: { ...given.data, labels: given.data.labels.map(() => 3) } }),
    ],
    [
      'an example that is not there',
      given => ({ ...given, inputs: { ...given.inputs, examples: given.inputs.examples.map(() => 10) } }),
    ],
    [
      'a shift beyond the announced one',
      given => ({ ...given, inputs: { ...given.inputs, shifts: new Int32Array(2 * batchSize).fill(3) } }),
    ],
    [
      'flips that were not announced',
      given => ({ ...given, inputs: { ...given.inputs, flips: new Uint8Array(batchSize).fill(1) } }),
    ],
    [
      'inputs of another size',
      given => ({ ...given, data: { ...given.data, inputs: given.data.inputs.slice(1) } }),
    ],
    [
      'weights that are not numbers',
      given => ({
        ...given,
        data: { ...given.data, exampleWeights: new Float32Array(given.data.examples).fill(Number.NaN) },
      }),
    ],
    [
      'a missing initial weight',
      given => ({ ...given, initial: { ...given.initial, weights: given.initial.weights.slice(1) } }),
    ],
    [
      'a mask that was not announced',
      given => ({ ...given, masks: new Map([['first/kernel', new Float32Array(72)]]) }),
    ],
  ]
  it.each(refused)('refuses %s', async (_, spoil) => {
    const engine = await load()
    await expect(train(engine, spoil(problem(caseNamed('conv2d same'), 1)))).rejects.toThrow(
      expect.objectContaining({ name: 'RunError' }),
    )
  })
})
