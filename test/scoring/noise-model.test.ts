import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomStream } from '../../src/random.js'
import { anchoredTransition } from '../../src/scoring/anchor-points.js'
import { calibrationError, reliability } from '../../src/scoring/known-truth.js'
import { LabelQuality } from '../../src/scoring/label-quality.js'
import { type LeadingClasses, takeProbabilities, unknownClasses } from '../../src/scoring/leading-classes.js'
import {
  emptyJudgement,
  fitNoiseModel,
  judgeLabels,
  type NoiseModel,
  noCounts,
} from '../../src/scoring/noise-model.js'

const classes = 4

/** Examples of certain or uncertain class, with labels of a noise matrix that the networks have learned. */
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
    const powers = Array.from({ length: classes }, () => Math.exp(5 * random.normal()))
    const total = powers.reduce((sum, value) => sum + value)
    const blurred = powers.map((_, y) => {
      const mixed = powers.reduce((sum, power, t) => sum + (power / total) * transition[t][y], 0)
      return mixed ** (1 / sharpness)
    })
    const sum = blurred.reduce((all, value) => all + value)
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

function judged({ probabilities, labels }: Pick<ReturnType<typeof drawn>, 'probabilities' | 'labels'>) {
  const quality = new LabelQuality({ labels, classes })
  quality.add(probabilities)
  quality.judge()
  return quality
}

function leadingOf(probabilities: Float32Array, labels: Int32Array): LeadingClasses {
  const leading = unknownClasses(labels, probabilities.length / labels.length)
  takeProbabilities(leading, 0, probabilities)
  return leading
}

/** What one model says of some examples. */
function judgedBy(model: NoiseModel, probabilities: Float32Array, labels: Int32Array) {
  const judgement = emptyJudgement(labels.length)
  const [joint] = noCounts(1, model.classes)
  judgeLabels([model], leadingOf(probabilities, labels), undefined, [0, labels.length], judgement, [joint])
  return { judgement, joint }
}

describe('fitNoiseModel', () => {
  it('tells how many labels are wrong, which, and how surely, where networks have learned the noise', () => {
    const { probabilities, labels, truth } = drawn(10_000, 2, noise)
    const quality = judged({ probabilities, labels })
    const counts = new Float64Array(classes ** 2)
    for (const [i, label] of labels.entries()) counts[label * classes + truth[i]]++
    for (const [at, count] of counts.entries())
      expect(Math.abs(quality.joint[0][at] - count)).toBeLessThan(200)
    const wrong = labels.filter((label, i) => label !== truth[i]).length
    expect(Math.abs(quality.wrongLabels() / wrong - 1)).toBeLessThan(0.15)

    // What it calls probable is as probable as it says.
    expect(calibrationError(reliability({ labels, truth }, quality.judgement.quality))).toBeLessThan(0.05)
  })

  it('finds next to no noise where there is none', () => {
    const clean = [0, 1, 2, 3].map(t => [0, 1, 2, 3].map(y => Number(t === y)))
    expect(judged(drawn(5000, 2, clean)).wrongLabels() / 5000).toBeLessThan(0.01)
  })

  it('raises the odds of wrong labels until as many are expected as the anchors tell', () => {
    const { probabilities, labels } = drawn(5000, 2, noise)
    const transition = anchoredTransition(new Float64Array(classes ** 2), classes)
    const leading = leadingOf(probabilities, labels)
    const model = fitNoiseModel(leading, Int32Array.from(labels.keys()), transition, 0.3)
    const { joint } = judgedBy(model, probabilities, labels)
    const right = joint.filter((_, at) => at % (classes + 1) === 0).reduce((sum, count) => sum + count)
    expect(right / 5000).toBeCloseTo(0.7, 4)
    expect(fitNoiseModel(leading, Int32Array.from(labels.keys()), transition, 0).doubt).toBe(1)
  })

  it('stays at its prior where there are no examples', () => {
    const { sharpness, doubt } = fitNoiseModel(
      unknownClasses(new Int32Array(0), classes),
      new Int32Array(0),
      anchoredTransition(new Float64Array(classes ** 2), classes),
      0,
    )
    expect(sharpness).toBeGreaterThan(0.8)
    expect(sharpness).toBeLessThan(1.25)
    expect(doubt).toBe(1)
  })
})

describe('judgeLabels', () => {
  const rows = fc.array(fc.float({ min: Math.fround(0.001), max: 1, noNaN: true }), {
    minLength: classes,
    maxLength: classes,
  })
  const clean = Float64Array.from({ length: classes ** 2 }, (_, at) => Number(at % (classes + 1) === 0))
  const model = {
    classes,
    sharpness: 1.5,
    transition: Float64Array.from(noise.flat(), p => 0.9 * p + 0.025),
    doubt: 2,
  }

  it('shares out the whole label between the given class, its rivals and no class', () => {
    fc.assert(
      fc.property(rows, fc.nat(classes - 1), (row, given) => {
        const sum = row.reduce((total, value) => total + value)
        const p = Float32Array.from(row, value => value / sum)
        const { judgement, joint } = judgedBy(model, p, Int32Array.of(given))
        const [quality, rivalP] = [judgement.quality[0], judgement.rivalP[0]]
        expect(quality + rivalP).toBeLessThanOrEqual(1 + 1e-6)
        expect(judgement.rival[0]).not.toBe(given)
        expect(joint.reduce((sum, count) => sum + count)).toBeCloseTo(1, 7)
        expect(quality).toBeLessThanOrEqual(joint[given * (classes + 1)] + 1e-6)
        expect(judgement.agrees[0]).toBe(p[given] === Math.max(...p) ? 1 : 0)
      }),
    )
  })

  it('is the posterior of the model, with a hypothesis of no class, where networks have learned nothing', () => {
    // No noise to take out: q is p^β, and the given label is right for certain, but for no class.
    fc.assert(
      fc.property(rows, fc.nat(classes - 1), (row, given) => {
        const sum = row.reduce((total, value) => total + value)
        const p = Float32Array.from(row, value => value / sum)
        const { judgement } = judgedBy({ ...model, transition: clean }, p, Int32Array.of(given))
        expect(judgement.quality[0]).toBeCloseTo(p[given] ** 1.5 / (p[given] ** 1.5 + 0.02 / classes), 5)
        expect(judgement.rivalP[0]).toBe(0)
      }),
    )
  })

  it('is sure of a clear rival however rare such a mislabeling is, and unsure of one among blank answers', () => {
    const many = 26
    const transition = Float64Array.from({ length: many ** 2 }, (_, at) =>
      at % (many + 1) === 0 ? 0.99 : 0.01 / (many - 1),
    )
    const rare: NoiseModel = { classes: many, sharpness: 2, transition, doubt: 1 }
    const p = new Float32Array(2 * many).fill(1e-6)
    p[3] = 0.9
    p[4] = 0.0005
    p.fill(1 / many, many)
    const { judgement } = judgedBy(rare, p, Int32Array.of(5, 5))
    expect(judgement.rival[0]).toBe(3)
    expect(judgement.quality[0]).toBeLessThan(0.05)
    expect(judgement.rivalP[0]).toBeGreaterThan(0.9)
    expect(judgement.rivalP[1]).toBeLessThan(0.05)
  })

  it('lumps the classes that do not lead, without losing what they count', () => {
    const many = 200
    const wrong = 0.2 / (many - 1)
    const transition = Float64Array.from({ length: many ** 2 }, (_, at) =>
      at % (many + 1) === 0 ? 0.8 : wrong,
    )
    const lumped: NoiseModel = { classes: many, sharpness: 1, transition, doubt: 1 }
    // Alike in all, nothing can be told from x, and the label is right as often as labels are.
    const { joint } = judgedBy(lumped, new Float32Array(many).fill(1 / many), Int32Array.of(7))
    expect(joint[7 * (many + 1)]).toBeCloseTo(0.8, 6)
    expect(joint.reduce((sum, count) => sum + count)).toBeCloseTo(1, 7)
  })

  it('tells clear, split and blank answers apart', () => {
    const even: NoiseModel = { ...model, sharpness: 1, transition: clean }
    const p = Float32Array.of(0.9, 0.1, 0, 0, 0.45, 0.45, 0.05, 0.05, 0.25, 0.25, 0.25, 0.25)
    const { judgement } = judgedBy(even, p, Int32Array.of(2, 2, 2))
    expect([...judgement.kind]).toEqual([0, 1, 2])
  })

  it('knows nothing without probabilities', () => {
    const { judgement, joint } = judgedBy(model, new Float32Array(classes).fill(Number.NaN), Int32Array.of(1))
    expect(judgement.quality[0]).toBeNaN()
    expect(joint.every(count => count === 0)).toBe(true)
  })
})
