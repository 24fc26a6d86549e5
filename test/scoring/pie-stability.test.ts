import { describe, expect, it } from 'vitest'
import { randomStream } from '../../src/random.js'
import { modalLabels, pieFlags } from '../../src/scoring/modal-labels.js'
import { PieStability, stabilitySizes } from '../../src/scoring/pie-stability.js'
import fixture from './fixtures/pie-stability.json' with { type: 'json' }

const { classes, members, truth } = fixture
const votesOf = (digits: string) => Int32Array.from(digits, Number)
const [dense, sparse] = [votesOf(fixture.dense), votesOf(fixture.sparse)]

const independent = (ties: 'probability' | 'reference' = 'probability', examples = dense.length / members) =>
  new PieStability({
    levels: [
      { members, paired: false },
      { members, paired: false },
    ],
    classes,
    ties,
    examples,
  })

describe('PieStability', () => {
  it('foretells what a second pair of populations finds again', () => {
    const stability = independent()
    stability.add([{ predicted: dense }, { predicted: sparse }])
    const rows = stability.rows()
    expect(rows.map(row => row.members)).toEqual([5, 10, 20])
    for (const [size, expected] of Object.entries(truth)) {
      const row = rows.find(row => row.members === Number(size))!
      expect(Math.abs(row.recurrence.mean - expected.recurrence)).toBeLessThan(0.03)
      expect(Math.abs(row.pies.mean / expected.pies - 1)).toBeLessThan(0.1)
      expect(row.recurrence.low).toBeLessThanOrEqual(row.recurrence.mean)
      expect(row.recurrence.high).toBeGreaterThanOrEqual(row.recurrence.mean)
      expect(row.jaccard.mean).toBeCloseTo(row.recurrence.mean / (2 - row.recurrence.mean), 2)
    }
    expect(rows[2].pies.mean).toBeLessThan(rows[0].pies.mean)
  })

  it('looks at every second one of twice as many examples as it takes, and counts it twice', () => {
    const half = independent('probability', 2 ** 18)
    const votes = [{ predicted: dense }, { predicted: sparse }]
    half.add(votes)
    const every = independent()
    const ofEvenExamples = (predicted: Int32Array) =>
      predicted.filter((_, k) => Math.floor(k / members) % 2 === 0)
    every.add(votes.map(({ predicted }) => ({ predicted: ofEvenExamples(predicted) })))
    for (const [s, row] of half.rows().entries()) {
      const { pies, ...shares } = every.rows()[s]
      expect(row).toMatchObject(shares)
      expect(row.pies.mean).toBeCloseTo(2 * pies.mean, 6)
    }
  })

  it.each([1, 2 ** 18])('gives the same whatever the portions, of %i examples', examples => {
    const [whole, parts] = [independent('probability', examples), independent('probability', examples)]
    whole.add([{ predicted: dense }, { predicted: sparse }])
    for (let begin = 0; begin < dense.length; begin += 700 * members) {
      const end = begin + 700 * members
      parts.add([{ predicted: dense.subarray(begin, end) }, { predicted: sparse.subarray(begin, end) }])
    }
    expect(parts.rows()).toEqual(whole.rows())
  })

  it.each(['probability', 'reference'] as const)('elects as modal labels do, ties by %s', ties => {
    // A population of equal members votes as one of them, whoever is drawn.
    const random = randomStream('unanimous')
    const examples = 400
    const label = Int32Array.from({ length: 2 * examples }, () => random.integer(classes))
    const same = (of: number) =>
      Int32Array.from({ length: examples * 4 }, (_, k) => label[of * examples + Math.floor(k / 4)])
    const levels = [same(0), same(1)]
    const stability = new PieStability({
      levels: levels.map(() => ({ members: 4, paired: false })),
      classes,
      ties,
      examples,
    })
    stability.add(levels.map(predicted => ({ predicted })))
    const [a, b] = levels.map(predicted => modalLabels({ predicted, members: 4, classes }, ties).modal)
    const pies = pieFlags(a, b).reduce((sum, flag) => sum + flag, 0)
    const whole = { mean: 1, low: 1, high: 1 }
    const row = { level: 1, pies: { mean: pies, low: pies, high: pies }, recurrence: whole, jaccard: whole }
    expect(stability.rows()).toEqual([
      { members: 2, ...row },
      { members: 4, ...row },
    ])
  })

  it('draws paired members together: copies of the dense members never make a PIE', () => {
    const levels = [true, false].map(paired => {
      const stability = new PieStability({
        levels: [
          { members, paired: false },
          { members, paired },
        ],
        classes,
        ties: 'probability',
        examples: dense.length / members,
      })
      stability.add([{ predicted: dense }, { predicted: dense }])
      return stability.rows()[1].pies.mean
    })
    expect(levels[0]).toBe(0)
    expect(levels[1]).toBeGreaterThan(0)
  })

  it('takes ties by the probabilities of the population', () => {
    // Two members, two classes: half of the populations of two are split, and go as the probabilities say.
    const shareOfPies = (probabilities: Float32Array) => {
      const stability = new PieStability({
        levels: [
          { members: 2, paired: false },
          { members: 2, paired: false },
        ],
        classes: 2,
        ties: 'probability',
        examples: 1,
      })
      stability.add([{ predicted: [0, 0] }, { predicted: [0, 1], probabilities }])
      return stability.rows()[1].pies.mean
    }
    expect(Math.abs(shareOfPies(Float32Array.of(0.6, 0.4)) - 0.25)).toBeLessThan(0.1)
    expect(Math.abs(shareOfPies(Float32Array.of(0.4, 0.6)) - 0.75)).toBeLessThan(0.1)
  })

  it('says nothing of single members', () => {
    const stability = new PieStability({
      levels: [
        { members: 1, paired: false },
        { members: 1, paired: false },
      ],
      classes,
      ties: 'probability',
      examples: 1,
    })
    stability.add([{ predicted: [0] }, { predicted: [1] }])
    expect(stability.rows()).toEqual([])
  })
})

describe('stabilitySizes', () => {
  it('goes by fives to half of the members, and by larger steps where there are many', () => {
    expect(stabilitySizes(2)).toEqual([1])
    expect(stabilitySizes(5)).toEqual([2])
    expect(stabilitySizes(12)).toEqual([5, 6])
    expect(stabilitySizes(30)).toEqual([5, 10, 15])
    expect(stabilitySizes(200)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100])
  })
})
