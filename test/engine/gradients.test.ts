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
    ({ masked, labelSmoothing, exampleWeights }) => masked || labelSmoothing || exampleWeights,
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
