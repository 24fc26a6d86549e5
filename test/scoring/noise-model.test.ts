import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomStream } from '../../src/random.js'
import { emptyJudgement, fitNoiseModel, judgeLabels, type NoiseModel } from '../../src/scoring/noise-model.js'

const classes = 4

/** Examples drawn from the model itself: classes of known probabilities, labels of a known noise matrix. */
function drawn(examples: number, sharpness: number, transition: readonly (readonly number[])[]) {
  const random = randomStream('noise model')
  const pick = (weights: ArrayLike<number>) => {
    let left = random.uniform() * Array.from(weights).reduce((sum, weight) => sum + weight, 0)
    let at = -1
    while (left >= 0 && at < weights.length - 1) left -= weights[++at]
    return at
  }
  const probabilities = new Float32Array(examples * classes)
  const labels = new Int32Array(examples)
  const truth = new Int32Array(examples)
  for (let i = 0; i < examples; i++) {
    const logits = Array.from({ length: classes }, () => 2 * random.normal())
    const powers = logits.map(Math.exp)
    const blurred = logits.map(logit => Math.exp(logit / sharpness))
    const sum = blurred.reduce((total, value) => total + value)
    probabilities.set(
      blurred.map(value => value / sum),
      i * classes,
    )
    truth[i] = pick(powers)
    labels[i] = pick(transition[truth[i]])
  }
  return { probabilities, labels, truth }
}

const noise = [
  [0.7, 0.3, 0, 0],
  [0, 1, 0, 0],
  [0.05, 0.05, 0.85, 0.05],
  [0, 0, 0.1, 0.9],
]

describe('fitNoiseModel', () => {
  it('finds the sharpness and the noise that the labels were drawn by, and so how many are wrong', () => {
    const { probabilities, labels, truth } = drawn(20_000, 2, noise)
    const model = fitNoiseModel({ probabilities, labels }, classes)
    expect(Math.abs(Math.log(model.sharpness / 2))).toBeLessThan(0.15)
    for (const [at, share] of noise.flat().entries()) {
      expect(Math.abs(model.transition[at] - share)).toBeLessThan(0.04)
    }
    const judgement = emptyJudgement(labels.length)
    const joint = new Float64Array(classes ** 2)
    judgeLabels(model, probabilities, labels, judgement, 0, joint)
    const counts = new Float64Array(classes ** 2)
    for (const [i, label] of labels.entries()) counts[label * classes + truth[i]]++
    for (const [at, count] of counts.entries()) expect(Math.abs(joint[at] - count)).toBeLessThan(200)

    // What it calls probable is as probable as it says.
    for (const [low, high] of [
      [0, 0.3],
      [0.3, 0.7],
      [0.7, 0.95],
      [0.95, 1],
    ]) {
      const bin = Array.from(labels.keys()).filter(
        i => judgement.quality[i] >= low && judgement.quality[i] < high,
      )
      const mean = bin.reduce((sum, i) => sum + judgement.quality[i], 0) / bin.length
      const right = bin.filter(i => labels[i] === truth[i]).length / bin.length
      // The hypothesis of no class, which is never right here, takes its part.
      expect(Math.abs(mean - right)).toBeLessThan(0.1)
    }
  })

  it('finds next to no noise where there is none', () => {
    const { probabilities, labels } = drawn(
      5000,
      1,
      [0, 1, 2, 3].map(t => [0, 1, 2, 3].map(y => Number(t === y))),
    )
    const joint = new Float64Array(classes ** 2)
    const model = fitNoiseModel({ probabilities, labels }, classes)
    judgeLabels(model, probabilities, labels, emptyJudgement(labels.length), 0, joint)
    const right = joint.filter((_, at) => at % (classes + 1) === 0).reduce((sum, count) => sum + count)
    expect(right / labels.length).toBeGreaterThan(0.99)
  })

  it('stays near its prior where there are no examples', () => {
    const { sharpness, transition } = fitNoiseModel(
      { probabilities: new Float32Array(0), labels: new Int32Array(0) },
      classes,
    )
    expect(sharpness).toBeGreaterThan(0.8)
    expect(sharpness).toBeLessThan(1.25)
    expect(transition[0]).toBeCloseTo(0.95, 12)
    expect(transition[1]).toBeCloseTo(0.05 / 3, 12)
  })
})

describe('judgeLabels', () => {
  const rows = fc.array(fc.float({ min: Math.fround(0.001), max: 1, noNaN: true }), {
    minLength: classes,
    maxLength: classes,
  })
  const model = { classes, sharpness: 1.5, transition: Float64Array.from(noise.flat(), p => 0.9 * p + 0.025) }

  it('is the posterior of the model, with a hypothesis of no class', () => {
    fc.assert(
      fc.property(rows, fc.nat(classes - 1), (row, given) => {
        const sum = row.reduce((total, value) => total + value)
        const p = Float32Array.from(row, value => value / sum)
        const judgement = emptyJudgement(1)
        const joint = new Float64Array(classes ** 2)
        judgeLabels(model, p, Int32Array.of(given), judgement, 0, joint)
        const posterior = Array.from(p, (value, t) => value ** 1.5 * model.transition[t * classes + given])
        const total = posterior.reduce((sum, value) => sum + value)
        expect(judgement.quality[0]).toBeCloseTo(posterior[given] / (total + 0.02 / classes), 6)
        expect(judgement.rival[0]).not.toBe(given)
        const others = posterior.filter((_, t) => t !== given)
        expect(judgement.rivalP[0]).toBeCloseTo(Math.max(...others) / (total + 0.02 / classes), 6)
        expect(joint.reduce((sum, count) => sum + count)).toBeCloseTo(1, 9)
        expect(judgement.agrees[0]).toBe(p[given] === Math.max(...p) ? 1 : 0)
      }),
    )
  })

  it('tells clear, split and blank answers apart', () => {
    const even: NoiseModel = { ...model, sharpness: 1 }
    const judgement = emptyJudgement(3)
    const p = Float32Array.of(0.9, 0.1, 0, 0, 0.45, 0.45, 0.05, 0.05, 0.25, 0.25, 0.25, 0.25)
    judgeLabels(even, p, Int32Array.of(2, 2, 2), judgement, 0, new Float64Array(classes ** 2))
    expect([...judgement.kind]).toEqual([0, 1, 2])
  })

  it('knows nothing without probabilities', () => {
    const judgement = emptyJudgement(1)
    const joint = new Float64Array(classes ** 2)
    judgeLabels(model, new Float32Array(classes).fill(Number.NaN), Int32Array.of(1), judgement, 0, joint)
    expect(judgement.quality[0]).toBeNaN()
    expect(joint.every(count => count === 0)).toBe(true)
  })
})
