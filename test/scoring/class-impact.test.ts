import { describe, expect, it } from 'vitest'
import { classImpact } from '../../src/scoring/class-impact.js'
import { expectClose } from './close.js'
import fixture from './fixtures/class-impact.json' with { type: 'json' }

const recallsOf = ({ recalls, accuracy }: { recalls: number[][]; accuracy: number }) => ({
  recalls: recalls.map(members => Float64Array.from(members)),
  accuracy,
})

describe('classImpact', () => {
  const dense = recallsOf(fixture.dense)
  const level = recallsOf(fixture.level)
  const impacts = classImpact(dense, level, fixture.alpha)

  it('agrees with scipy and statsmodels', () => {
    for (const key of ['relativeChange', 'denseRecallSd', 'recallSd', 't', 'df', 'p', 'q'] as const) {
      expectClose(
        impacts.map(impact => impact[key]),
        fixture[key],
      )
    }
    expect(impacts.map(impact => impact.significant)).toEqual(fixture.significant)
  })

  it('names the direction of significant changes alone', () => {
    for (const { significant, relativeChange, direction } of impacts) {
      expect(direction).toBe(significant ? (relativeChange < 0 ? 'worse' : 'better') : 'none')
    }
    expect(new Set(impacts.map(impact => impact.direction))).toEqual(new Set(['worse', 'better', 'none']))
  })

  it('finds nothing when all classes lose alike', () => {
    const lower = {
      recalls: dense.recalls.map(recalls => recalls.map(recall => recall - 0.25)),
      accuracy: dense.accuracy - 0.25,
    }
    for (const { relativeChange, significant } of classImpact(dense, lower, 0.05)) {
      expect(relativeChange).toBeCloseTo(0, 12)
      expect(significant).toBe(false)
    }
  })

  it('leaves a class without examples undefined', () => {
    const none = { ...level, recalls: [new Float64Array(0), ...level.recalls.slice(1)] }
    const [first, ...others] = classImpact(dense, none, 0.05)
    expect(first.recallMean).toBeNaN()
    expect(first.q).toBeNaN()
    expect(first.direction).toBe('none')
    expect(others.every(impact => !Number.isNaN(impact.q))).toBe(true)
  })
})
