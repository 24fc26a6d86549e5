import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { labelIssues, mostSuspiciousFirst } from '../../src/scoring/decision.js'

const quality = Float64Array.of(0.9, 0.2, Number.NaN, 0.5, 0.2)

describe('labelIssues', () => {
  it('marks what lies under the threshold', () => {
    expect([...labelIssues(quality, { rule: 'threshold', threshold: 0.5 }, 2)]).toEqual([0, 1, 0, 0, 1])
  })

  it('marks as many as the budget allows, equal ones in their order, unknown ones never', () => {
    expect([...labelIssues(quality, { rule: 'budget', count: 1 }, 2)]).toEqual([0, 1, 0, 0, 0])
    expect([...labelIssues(quality, { rule: 'budget', count: 3 }, 2)]).toEqual([0, 1, 0, 1, 1])
    expect([...labelIssues(quality, { rule: 'budget', count: 9 }, 2)]).toEqual([1, 1, 0, 1, 1])
  })

  it('marks as many as are estimated to be wrong', () => {
    expect([...labelIssues(quality, { rule: 'estimate' }, 2.4)]).toEqual([0, 1, 0, 0, 1])
    expect([...labelIssues(quality, { rule: 'estimate' }, 0.3)]).toEqual([0, 0, 0, 0, 0])
    expect([...labelIssues(quality, { rule: 'estimate' }, 80)]).toEqual([1, 1, 0, 1, 1])
  })

  it('marks as many as keep the expected precision', () => {
    // Wrong by expectation: 0.8, 0.8, 0.5, 0.1; their running means are 0.8, 0.8, 0.7 and 0.55.
    const precision = (precision: number) => [...labelIssues(quality, { rule: 'precision', precision }, 0)]
    expect(precision(0.75)).toEqual([0, 1, 0, 0, 1])
    expect(precision(0.7 - 1e-9)).toEqual([0, 1, 0, 1, 1])
    expect(precision(0.5)).toEqual([1, 1, 0, 1, 1])
    expect(precision(0.9)).toEqual([0, 0, 0, 0, 0])
  })

  it('never marks an example that is less suspicious than one it leaves', () => {
    const qualities = fc.float32Array({ min: 0, max: 1, noNaN: true, maxLength: 40 })
    fc.assert(
      fc.property(qualities, fc.integer({ min: 1, max: 50 }), (values, count) => {
        const issues = labelIssues(values, { rule: 'budget', count }, 0)
        expect(issues.reduce((sum, issue) => sum + issue, 0)).toBe(Math.min(count, values.length))
        const marked = values.filter((_, i) => issues[i] === 1)
        const left = values.filter((_, i) => issues[i] === 0)
        expect(Math.max(...marked)).toBeLessThanOrEqual(Math.min(...left))
      }),
    )
  })

  it('marks the first of the order from the most suspicious on, whatever the rule', () => {
    // Few values, so that many are equal.
    const qualities = fc.array(fc.constantFrom(0, 1e-9, 0.25, 0.5, 0.500001, 1, Number.NaN), {
      maxLength: 40,
    })
    fc.assert(
      fc.property(qualities, fc.nat(50), (values, count) => {
        const order = [...mostSuspiciousFirst(values)]
        const marked = (issues: Uint8Array) => order.map(i => issues[i])
        const expected = order.map((_, rank) => (rank < count ? 1 : 0))
        expect(marked(labelIssues(values, { rule: 'budget', count }, 0))).toEqual(expected)
        expect(marked(labelIssues(values, { rule: 'estimate' }, count))).toEqual(expected)
        const issues = labelIssues(values, { rule: 'budget', count }, 0)
        expect(issues.filter((issue, i) => issue === 1 && Number.isNaN(values[i]))).toHaveLength(0)
      }),
    )
  })
})

describe('mostSuspiciousFirst', () => {
  it('sorts by label quality, then by place', () => {
    expect([...mostSuspiciousFirst(quality)]).toEqual([1, 4, 3, 0])
  })
})
