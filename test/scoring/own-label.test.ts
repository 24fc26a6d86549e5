import fc from 'fast-check'
import { expect, test } from 'vitest'
import { randomStream } from '../../src/random.js'
import { takeProbabilities, unknownClasses } from '../../src/scoring/leading-classes.js'
import { ownLabelInfluence, removeOwnLabels, withoutOwnLabel } from '../../src/scoring/own-label.js'

const classes = 6
const p = fc.float({ min: Math.fround(0.001), max: Math.fround(0.998), noNaN: true })

test('the given label’s logit loses d (1 − p)², the other classes keep their proportions', () => {
  fc.assert(
    fc.property(p, p, fc.float({ min: 0, max: 8, noNaN: true }), (given, share, influence) => {
      const row = Float32Array.of(given, (1 - given) * share, (1 - given) * (1 - share), 0, 0, 0)
      const leading = unknownClasses(Int32Array.of(0), classes)
      takeProbabilities(leading, 0, row)
      const [before, others] = [leading.givenP[0], leading.rivalP.slice()]
      removeOwnLabels(leading, Uint8Array.of(1), influence)
      const [own, [first, second]] = [leading.givenP[0], leading.rivalP]
      const logit = (q: number) => Math.log(q / (1 - q))
      expect(logit(before) - logit(withoutOwnLabel(before, influence))).toBeCloseTo(
        influence * (1 - before) ** 2,
        3,
      )
      expect(own).toBeCloseTo(withoutOwnLabel(before, influence), 6)
      expect(own + first + second).toBeCloseTo(1, 5)
      expect(first * others[1]).toBeCloseTo(second * others[0], 5)
    }),
  )
})

/** Pairs of examples with the same answer, but that the first one's own label has raised its logit. */
function pairs(count: number, influence: number) {
  const random = randomStream('own label')
  const labels = new Int32Array(2 * count)
  const rows = new Float32Array(2 * count * classes)
  for (let i = 0; i < count; i++) {
    const powers = Array.from({ length: classes }, () => Math.exp(2 * random.normal()))
    const sum = powers.reduce((all, power) => all + power)
    const row = powers.map(power => power / sum)
    // Members are less sure than they could be, as under label smoothing.
    const squares = row.map(p => p ** 2)
    const draw = random.uniform() * squares.reduce((all, square) => all + square)
    let label = 0
    for (let below = squares[0]; below < draw && label < classes - 1; below += squares[label]) label++
    labels.fill(label, 2 * i, 2 * i + 2)
    rows.set(row, (2 * i + 1) * classes)
    // The p that what is taken off goes by is the raised one: a fixed point.
    let raised = row[label]
    for (let step = 0; step < 200; step++) {
      const odds = (row[label] / (1 - row[label])) * Math.exp(influence * (1 - raised) ** 2)
      raised = (raised + odds / (1 + odds)) / 2
    }
    const own = row.map((p, t) => (t === label ? raised : (p * (1 - raised)) / (1 - row[label])))
    rows.set(own, 2 * i * classes)
  }
  const leading = unknownClasses(labels, classes)
  takeProbabilities(leading, 0, rows)
  return leading
}

const everyOther = (count: number) => Uint8Array.from({ length: 2 * count }, (_, i) => 1 - (i % 2))

test('what members owe to their own labels is found from how sure they are', () => {
  expect(ownLabelInfluence(pairs(2000, 1), everyOther(2000))).toBeCloseTo(1, 1)
  expect(ownLabelInfluence(pairs(2000, 0), everyOther(2000))).toBeCloseTo(0, 1)
})

test('nothing is taken off where there is nothing to compare with', () => {
  const leading = pairs(500, 1)
  expect(ownLabelInfluence(leading, new Uint8Array(1000).fill(1))).toBe(0)
  expect(ownLabelInfluence(leading, new Uint8Array(1000))).toBe(0)
})
