import fc from 'fast-check'
import { expect, test } from 'vitest'
import { randomStream } from '../../src/random.js'
import { LabelQuality } from '../../src/scoring/label-quality.js'

const classes = 3
const examples = 600

/** Confident predictions; of the first group's labels a third is wrong, of the second's none. */
const random = randomStream('label quality')
const truth = Int32Array.from({ length: examples }, () => random.integer(classes))
const group = Uint8Array.from(truth, (_, i) => (i < 400 ? 0 : 1))
const labels = truth.map((label, i) => (i < 400 && i % 3 === 0 ? (label + 1) % classes : label))
const probabilities = Float32Array.from({ length: examples * classes }, (_, at) =>
  at % classes === truth[Math.floor(at / classes)] ? 0.9 : 0.05,
)

function judged(cuts: readonly number[], options = { group }) {
  const quality = new LabelQuality({ labels, classes, ...options })
  const bounds = [0, ...cuts, examples]
  const portions = bounds.slice(1).map((end, k) => probabilities.subarray(bounds[k] * classes, end * classes))
  for (const portion of portions) quality.add(portion)
  quality.judge()
  return quality
}

test('each group has its noise, and its number of wrong labels', () => {
  const quality = judged([])
  const wrong = quality.joint.map(joint =>
    joint.filter((_, at) => at % (classes + 1) !== 0).reduce((sum, count) => sum + count),
  )
  expect(Math.abs(wrong[0] - 134)).toBeLessThan(10)
  expect(wrong[1]).toBeLessThan(6)
  expect(quality.wrongLabels()).toBeCloseTo(wrong[0] + wrong[1], 9)
  for (const [i, value] of quality.judgement.quality.entries())
    expect(value < 0.5).toBe(labels[i] !== truth[i])
})

test('portions of any size give the same', () => {
  const whole = judged([])
  const cut = fc.integer({ min: 0, max: examples })
  fc.assert(
    fc.property(cut, cut, (a, b) => {
      const parts = judged([Math.min(a, b), Math.max(a, b)])
      expect(parts.judgement).toEqual(whole.judgement)
      expect(parts.joint).toEqual(whole.joint)
    }),
    { numRuns: 10 },
  )
})

test('one evidence counts the wrong labels, another ranks them', () => {
  // Out of sample every fifth example is taken for another class; members that know them are right, and too sure of all.
  const blurred = probabilities.slice()
  const sure = new Float32Array(probabilities.length)
  for (let i = 0; i < examples; i++) {
    const taken = i % 5 === 0 ? (truth[i] + 2) % classes : truth[i]
    for (let c = 0; c < classes; c++) {
      blurred[i * classes + c] = c === taken ? 0.8 : 0.1
      const learned = c === labels[i] ? 0.6 : 0
      sure[i * classes + c] = learned + 0.4 * probabilities[i * classes + c]
    }
  }
  const judgedBy = (ranking?: Float32Array) => {
    const quality = new LabelQuality({ labels, classes })
    quality.add(blurred, ranking)
    quality.judge()
    return quality
  }
  const counting = judgedBy()
  const both = judgedBy(sure)
  expect(both.joint).toEqual(counting.joint)
  const confused = ({ judgement }: LabelQuality) => {
    const wrong = judgement.quality.filter((_, i) => labels[i] !== truth[i])
    const right = judgement.quality.filter((_, i) => labels[i] === truth[i])
    return wrong.reduce((sum, low) => sum + right.filter(value => value <= low).length, 0)
  }
  expect(confused(counting)).toBeGreaterThan(1000)
  expect(confused(both)).toBe(0)
})
