/** Gradients of every engine against central finite differences of its own loss. */
import { describe, expect, it } from 'vitest'
import type { Engine } from '../../src/engine/engine.js'
import type { Weight } from '../../src/model/architecture.js'
import { weightSpecs } from '../../src/model/weights.js'
import { layerCases, optionCases, type Problem, problem, seededDraws } from './cases.js'
import { engines } from './engines.js'

/**
 * Differences are taken at these distances until one agrees: a step over the kink of a ReLU or to another
 * maximum spoils the larger ones, rounding in float32 the smaller ones, and a wrong gradient all of them.
 */
const distances = [1e-3, 4e-3, 2.5e-4, 6e-5]

/** Loss of the first step, and the weights after it. */
async function step(engine: Engine, given: Problem, weights: readonly Weight[], rate: number) {
  const initial = { ...given.initial, weights }
  const trainer = await engine.createTrainer(given.architecture, given.data, given.options, initial)
  if (given.masks.size > 0) await trainer.setMasks(given.masks)
  const [loss] = await trainer.run({ ...given.inputs, learningRates: Float32Array.of(rate) })
  const after = (await trainer.state()).weights
  await trainer.dispose()
  return { loss, after }
}

const moved = (weights: readonly Weight[], name: string, direction: Float32Array, by: number): Weight[] =>
  weights.map(weight =>
    weight.name === name
      ? { ...weight, data: weight.data.map((value, index) => value + by * direction[index]) }
      : weight,
  )

const cases = [
  ...layerCases,
  ...optionCases.filter(
    ({ masked, labelSmoothing, exampleWeights, distillation }) =>
      masked || labelSmoothing || exampleWeights || distillation,
  ),
].map(training => ({ ...training, optimizer: {} }))

describe.each([...engines])('%s', (_, load) => {
  it.each(cases)('gradient of $name', async training => {
    const engine = await load()
    const given = problem(training, 1, 3)
    const { weights } = given.initial
    const rate = 0.5
    const { loss, after } = await step(engine, given, weights, rate)
    const { below } = seededDraws(17)
    for (const [at, { name, role, layer, trainable }] of weightSpecs(given.architecture).entries()) {
      if (!trainable) continue
      const start = weights[at].data
      const factor = layer.kind === 'batchNorm' && role === 'shift' ? (layer.shiftRate ?? 1) : 1
      const gradient = start.map((value, index) => (value - after[at].data[index]) / (factor * rate))
      const direction = start.map(() => 2 * below(2) - 1)
      const slope = gradient.reduce((sum, value, index) => sum + value * direction[index], 0)
      const allowed = 2e-4 * Math.max(1, loss) + 2e-3 * Math.hypot(...gradient)
      const tried: number[] = []
      for (const distance of distances) {
        const ahead = await step(engine, given, moved(weights, name, direction, distance), 0)
        const behind = await step(engine, given, moved(weights, name, direction, -distance), 0)
        tried.push((ahead.loss - behind.loss) / (2 * distance))
        if (Math.abs(slope - tried.at(-1)!) <= allowed) break
      }
      const nearest = Math.min(...tried.map(difference => Math.abs(slope - difference)))
      expect(nearest, `${name}: ${slope} beside ${tried}`).toBeLessThanOrEqual(allowed)
    }
  })
})

/** What differs between training and prediction: normalisation, dropout, shapes. With more examples than a batch holds. */
const evaluated = [
  'dense on features',
  'frozen conv2d',
  'batchNorm on features',
  'residual with projection',
  'dropout',
  'maxPool with padding',
].map(name => layerCases.find(training => training.name === name)!)

async function slopes(engine: Engine, given: Problem, weights: readonly Weight[] = given.initial.weights) {
  const { architecture, data, options, initial, masks } = given
  const trainer = await engine.createTrainer(architecture, data, options, { ...initial, weights })
  await trainer.setMasks(masks)
  const size = data.inputs.length / data.examples
  const found = await trainer.gradients({
    inputs: data.inputs.slice(size, 8 * size),
    labels: data.labels.slice(1, 8),
  })
  const after = (await trainer.state()).weights
  await trainer.dispose()
  return { ...found, after }
}

const withMasks = (training: (typeof evaluated)[number]): Problem => {
  const kernels = weightSpecs(problem(training, 1).architecture).filter(
    ({ role, trainable }) => role === 'kernel' && trainable,
  )
  const masked = Object.fromEntries(kernels.map(({ name }) => [name, 0.3]))
  return problem({ ...training, masked, maxShift: 1, labelSmoothing: 0.2 }, 1, 5)
}

describe('gradients of the network as it predicts', () => {
  it.each(evaluated)('are the slopes of the loss, in every engine: $name', async training => {
    const given = withMasks(training)
    const found = await Promise.all([...engines.values()].map(async load => slopes(await load(), given)))
    const [expected, ...others] = found
    for (const { loss, kernels } of others) {
      expect(loss).toBeCloseTo(expected.loss, 5)
      expect([...kernels.keys()]).toEqual([...expected.kernels.keys()])
      for (const [name, kernel] of kernels) {
        const apart = kernel.map((value, index) => value - expected.kernels.get(name)![index])
        expect(Math.hypot(...apart)).toBeLessThan(1e-4 * Math.max(1, Math.hypot(...kernel)))
      }
    }
    const engine = await engines.get('onnxruntime')!()
    const { below } = seededDraws(23)
    expect(found[1].after).toEqual(given.initial.weights)
    for (const [name, kernel] of found[1].kernels) {
      const mask = given.masks.get(name)!
      const direction = kernel.map((_, index) => mask[index] * (2 * below(2) - 1))
      const slope = kernel.reduce((sum, value, index) => sum + value * direction[index], 0)
      const allowed = 2e-4 * Math.max(1, expected.loss) + 2e-3 * Math.hypot(...kernel)
      const tried: number[] = []
      for (const distance of distances) {
        const at = (by: number) => slopes(engine, given, moved(given.initial.weights, name, direction, by))
        tried.push(((await at(distance)).loss - (await at(-distance)).loss) / (2 * distance))
        if (Math.abs(slope - tried.at(-1)!) <= allowed) break
      }
      const nearest = Math.min(...tried.map(difference => Math.abs(slope - difference)))
      expect(nearest, `${name}: ${slope} beside ${tried}`).toBeLessThanOrEqual(allowed)
    }
  })

  it('reach what a mask has taken away', async () => {
    const given = withMasks(evaluated[0])
    for (const load of engines.values()) {
      const { kernels } = await slopes(await load(), given)
      const mask = given.masks.get('output/kernel')!
      expect(kernels.get('output/kernel')!.some((slope, at) => mask[at] === 0 && slope !== 0)).toBe(true)
    }
  })
})
