import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomStream } from '../../src/random.js'
import { Outcome, reviewProgress } from '../../src/review/estimate.js'

interface Case {
  readonly quality: number[]
  readonly outcomes: number[]
  readonly left: { mean: number; low: number; high: number }
  readonly next: { mean: number; low: number; high: number }
}

const cases: Case[] = JSON.parse(
  readFileSync(new URL('./fixtures/review-progress.json', import.meta.url), 'utf8'),
)

test.each(cases)('the most likely shifts and their intervals are those of SciPy’s optimizer (%#)', own => {
  const { left, next } = reviewProgress(Float32Array.from(own.quality), Uint8Array.from(own.outcomes))
  for (const end of ['mean', 'low', 'high'] as const) {
    expect(left[end]).toBeCloseTo(own.left[end], 2)
    expect(next[end]).toBeCloseTo(own.next[end], 2)
  }
})

test('counts what is decided, and the bounds hold, whatever was decided', () => {
  const anyReview = fc.array(fc.tuple(fc.float({ min: 0, max: 1, noNaN: true }), fc.nat(3)), {
    maxLength: 400,
  })
  fc.assert(
    fc.property(anyReview, rows => {
      const outcomes = Uint8Array.from(rows, ([, outcome]) => outcome)
      const progress = reviewProgress(
        Float32Array.from(rows, ([quality]) => quality),
        outcomes,
      )
      const of = (outcome: number) => outcomes.filter(own => own === outcome).length
      expect(progress).toMatchObject({
        suspects: rows.length,
        decided: rows.length - of(Outcome.open),
        right: of(Outcome.right),
        wrong: of(Outcome.wrong),
        unsure: of(Outcome.unsure),
      })
      const { left, next } = progress
      expect(next.count).toBe(Math.min(100, of(Outcome.open)))
      for (const { low, mean, high, most } of [
        { ...left, most: of(Outcome.open) },
        { ...next, most: next.count },
      ]) {
        expect(low).toBeGreaterThanOrEqual(0)
        expect(mean).toBeGreaterThanOrEqual(low)
        expect(high).toBeGreaterThanOrEqual(mean)
        expect(most).toBeGreaterThanOrEqual(high - 1e-9)
      }
    }),
  )
})

/** A review of suspects whose labels are wrong with the given probability, decided up to a rank. */
function simulate(
  seed: number,
  wrongAt: (x: number) => number,
  claimedAt: (x: number) => number,
  upTo: number,
) {
  const suspects = 3000
  const random = randomStream(seed, 'review')
  const wrong = Array.from({ length: suspects }, (_, row) => random.uniform() < wrongAt(row / suspects))
  const outcomes = Uint8Array.from(wrong, (is, row) =>
    row >= upTo ? Outcome.open : is ? Outcome.wrong : Outcome.right,
  )
  const quality = Float32Array.from(wrong, (_, row) => 1 - claimedAt(row / suspects))
  const count = (begin: number, end: number) => wrong.slice(begin, end).filter(Boolean).length
  return {
    progress: reviewProgress(quality, outcomes),
    left: count(upTo, suspects),
    next: count(upTo, upTo + 100),
  }
}

describe('of simulated reviews', () => {
  const wrongAt = (x: number) => 0.95 * (1 - x) ** 2

  test.each([0, 50, 400, 1000])('the intervals hold at least 9 of 10 times after %i decisions', upTo => {
    const runs = Array.from({ length: 200 }, (_, seed) => simulate(seed, wrongAt, wrongAt, upTo))
    const within = runs.filter(
      ({ progress, left }) => progress.left.low <= left && left <= progress.left.high,
    )
    const next = runs.filter(({ progress, next }) => progress.next.low <= next && next <= progress.next.high)
    expect(within.length).toBeGreaterThanOrEqual(180)
    expect(next.length).toBeGreaterThanOrEqual(180)
  })

  test('a run that claims too much is corrected by what people find', () => {
    const claimed = () => 0.9
    const before = simulate(1, () => 0.1, claimed, 0)
    const after = simulate(1, () => 0.1, claimed, 1500)
    const off = ({ progress, left }: typeof before) => Math.abs(progress.left.mean - left) / left
    expect(off(before)).toBeGreaterThan(5)
    expect(off(after)).toBeLessThan(off(before) / 3)
  })

  test('one is told to stop where the rest is right, and not before', () => {
    const step = (x: number) => (x < 0.3 ? 0.9 : 0.005)
    expect(simulate(2, step, step, 300).progress.canStop).toBe(false)
    expect(simulate(2, step, step, 1500).progress.canStop).toBe(true)
    expect(simulate(2, step, step, 0).progress.canStop).toBe(false)
  })
})
