import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { auroc, averagePrecision, precisionAt } from '../../src/scoring/detection-metrics.js'
import { expectClose } from './close.js'
import fixture from './fixtures/detection.json' with { type: 'json' }

/** Scores with many ties and at least one example of each kind. */
const scored = fc
  .array(fc.record({ score: fc.integer({ min: -4, max: 4 }), positive: fc.boolean() }), {
    minLength: 2,
    maxLength: 60,
  })
  .filter(rows => rows.some(row => row.positive) && rows.some(row => !row.positive))
  .map(rows => ({
    score: Float64Array.from(rows, row => row.score),
    positive: Uint8Array.from(rows, row => (row.positive ? 1 : 0)),
  }))

describe('detection metrics', () => {
  it('agree with scikit-learn, ties included', () => {
    for (const { score, positive, ...expected } of fixture.cases) {
      const scores = Float64Array.from(score)
      expectClose(
        [auroc(scores, positive), averagePrecision(scores, positive)],
        [expected.auroc, expected.averagePrecision],
      )
    }
    const [{ score, positive }] = fixture.cases
    for (const [k, expected] of Object.entries(fixture.precisionAt)) {
      expectClose([precisionAt(Float64Array.from(score), positive, Number(k))], [expected])
    }
  })

  it('turn over with the score', () => {
    fc.assert(
      fc.property(scored, ({ score, positive }) => {
        expect(
          auroc(
            score.map(value => -value),
            positive,
          ),
        ).toBeCloseTo(1 - auroc(score, positive), 12)
      }),
    )
  })

  it('ignore the order of the examples and lie between 0 and 1', () => {
    fc.assert(
      fc.property(scored, fc.integer({ min: 1, max: 60 }), ({ score, positive }, place) => {
        const k = Math.min(place, score.length)
        const figures = (s: Float64Array, p: Uint8Array) => [
          auroc(s, p),
          averagePrecision(s, p),
          precisionAt(s, p, k),
        ]
        const forth = figures(score, positive)
        expect(figures(score.toReversed(), positive.toReversed())).toEqual(forth)
        for (const figure of forth) {
          expect(figure).toBeGreaterThanOrEqual(0)
          expect(figure).toBeLessThanOrEqual(1)
        }
      }),
    )
  })

  it('are undefined where there is nothing to find', () => {
    expect(auroc(Float64Array.of(1, 2), [0, 0])).toBeNaN()
    expect(auroc(Float64Array.of(1, 2), [1, 1])).toBeNaN()
    expect(averagePrecision(Float64Array.of(1, 2), [0, 0])).toBeNaN()
    expect(() => precisionAt(Float64Array.of(1, 2), [0, 1], 3)).toThrow(RangeError)
  })
})
