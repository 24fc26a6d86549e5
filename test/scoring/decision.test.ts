import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { labelIssues, mostSuspiciousFirst } from '../../src/scoring/decision.js'

const quality = Float64Array.of(0.9, 0.2, Number.NaN, 0.5, 0.2)

describe('labelIssues', () => {
  it('marks what lies under the threshold', () => {
    expect([...labelIssues(quality, { rule: 'threshold', threshold: 0.5 })]).toEqual([0, 1, 0, 0, 1])
  })

  it('marks as many as the budget allows, equal ones in their order, unknown ones never', () => {
    expect([...labelIssues(quality, { rule: 'budget', count: 1 })]).toEqual([0, 1, 0, 0, 0])
    expect([...labelIssues(quality, { rule: 'budget', count: 3 })]).toEqual([0, 1, 0, 1, 1])
    expect([...labelIssues(quality, { rule: 'budget', count: 9 })]).toEqual([1, 1, 0, 1, 1])
  })

  it('never marks an example that is less suspicious than one it leaves', () => {
    const qualities = fc.float64Array({ min: 0, max: 1, noNaN: true, maxLength: 40 })
    fc.assert(
      fc.property(qualities, fc.integer({ min: 1, max: 50 }), (values, count) => {
        const issues = labelIssues(values, { rule: 'budget', count })
        expect(issues.reduce((sum, issue) => sum + issue, 0)).toBe(Math.min(count, values.length))
        const marked = values.filter((_, i) => issues[i] === 1)
        const left = values.filter((_, i) => issues[i] === 0)
        expect(Math.max(...marked)).toBeLessThanOrEqual(Math.min(...left))
      }),
    )
  })
})

describe('mostSuspiciousFirst', () => {
  it('sorts by label quality, then by place', () => {
    expect([...mostSuspiciousFirst(quality)]).toEqual([1, 4, 3, 0])
  })
})
