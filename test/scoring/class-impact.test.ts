import { describe, expect, it } from 'vitest'
import { classImpact, classTests } from '../../src/scoring/class-impact.js'
import { expectClose } from './close.js'
import fixture from './fixtures/class-impact.json' with { type: 'json' }

const recallsOf = ({ recalls, accuracy }: { recalls: number[][]; accuracy: number }) => ({
  recalls: recalls.map(members => Float64Array.from(members)),
  accuracy,
})

describe('classImpact', () => {
  const dense = recallsOf(fixture.dense)
  const level = recallsOf(fixture.level)
  const impacts = classImpact(dense, level, { alpha: fixture.alpha, test: 'welch' })

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

  it.each(classTests)('finds nothing when all classes lose alike, by %s', test => {
    const lower = {
      recalls: dense.recalls.map(recalls => recalls.map(recall => recall - 0.25)),
      accuracy: dense.accuracy - 0.25,
    }
    for (const { relativeChange, significant } of classImpact(dense, lower, { alpha: 0.05, test })) {
      expect(relativeChange).toBeCloseTo(0, 12)
      expect(significant).toBe(false)
    }
  })

  it('finds by pairs what the spread between seeds hides, and says what it could not have found', () => {
    const sd = fixture.dense.recalls[0].map((_, m) => m * 0.02)
    const [one, other] = [-0.02, 0.01].map(shift => sd.map(value => 0.7 + value + shift))
    const spread = recallsOf({
      recalls: [sd.map(value => 0.7 + value), sd.map(value => 0.7 + value)],
      accuracy: 0.75,
    })
    const changed = recallsOf({ recalls: [one.map((r, m) => r + 0.001 * (m % 3)), other], accuracy: 0.745 })
    const [welch] = classImpact(spread, changed, { alpha: 0.05, test: 'welch' })
    const [paired, constant] = classImpact(spread, changed, { alpha: 0.05, test: 'paired' })
    expect(welch.relativeChange).toBe(paired.relativeChange)
    expect(welch.significant).toBe(false)
    expect(welch.detectable).toBeGreaterThan(Math.abs(welch.relativeChange))
    expect(paired.direction).toBe('worse')
    expect(paired.detectable).toBeLessThan(Math.abs(paired.relativeChange))
    expect(paired.high).toBeLessThan(0)
    // Every member changes by the same amount: no variance, no test.
    expect([constant.p, constant.q, constant.low]).toEqual([Number.NaN, Number.NaN, Number.NaN])
    expect(constant.significant).toBe(false)
  })

  it('leaves a class without examples undefined', () => {
    const none = { ...level, recalls: [new Float64Array(0), ...level.recalls.slice(1)] }
    const [first, ...others] = classImpact(dense, none, { alpha: 0.05, test: 'welch' })
    expect(first.recallMean).toBeNaN()
    expect(first.q).toBeNaN()
    expect(first.direction).toBe('none')
    expect(others.every(impact => !Number.isNaN(impact.q))).toBe(true)
  })
})
