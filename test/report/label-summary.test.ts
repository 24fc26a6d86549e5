import { describe, expect, it } from 'vitest'
import { LabelTally, ruleInWords } from '../../src/report/label-summary.js'

const rows = {
  split: ['train', 'train', 'train', 'train', 'test', 'test'],
  label: Int32Array.of(0, 0, 1, 2, 1, 2),
  labelQuality: Float32Array.of(0.01, 0.9, 0.2, 1, 0.6, Number.NaN),
  isLabelIssue: Uint8Array.of(1, 0, 1, 0, 0, 0),
  suggestedLabel: Int32Array.of(2, 0, 0, 2, 1, -1),
}
const threshold = { rule: 'threshold', threshold: 0.5 } as const

describe('LabelTally', () => {
  it('counts by split, class, quality and pair', () => {
    const tally = new LabelTally(3, 6)
    tally.add(rows)
    const summary = tally.summary(threshold)
    expect(summary).toMatchObject({ examples: 6, issues: 2 })
    expect(summary.bySplit).toEqual([
      { split: 'train', examples: 4, issues: 2 },
      { split: 'test', examples: 2, issues: 0 },
    ])
    expect(summary.byClass).toEqual([
      { examples: 2, issues: 1 },
      { examples: 2, issues: 1 },
      { examples: 2, issues: 0 },
    ])
    expect(summary.confusion).toEqual([
      { given: 0, suggested: 2, examples: 1 },
      { given: 1, suggested: 0, examples: 1 },
    ])
    const { issues, others } = summary.quality
    const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0)
    // Example 5 has no evidence and stands in no bin; quality 1 stands in the last.
    expect([sum(issues), sum(others), others.at(-1)]).toEqual([2, 3, 1])
    expect(summary.truth).toBeUndefined()
  })

  it('does not care how the rows are cut', () => {
    const whole = new LabelTally(3, 6)
    const truth = Int32Array.of(2, 0, 1, 2, -1, -2)
    whole.add({ ...rows, trueLabel: truth })
    const parts = new LabelTally(3, 6)
    for (const [start, end] of [
      [0, 1],
      [1, 4],
      [4, 6],
    ] as const) {
      parts.add({
        split: rows.split.slice(start, end),
        label: rows.label.subarray(start, end),
        labelQuality: rows.labelQuality.subarray(start, end),
        isLabelIssue: rows.isLabelIssue.subarray(start, end),
        suggestedLabel: rows.suggestedLabel.subarray(start, end),
        trueLabel: truth.subarray(start, end),
      })
    }
    expect(parts.summary(threshold)).toEqual(whole.summary(threshold))
    // Wrong are examples 0 and 4; marked are 0 and 2.
    expect(whole.summary(threshold).truth).toMatchObject({ wrong: 2, precision: 0.5, recall: 0.5 })
  })
})

describe('ruleInWords', () => {
  it('says what the run decided by', () => {
    expect(ruleInWords(threshold)).toBe('label quality below 0.5')
    expect(ruleInWords({ rule: 'budget', count: 1000 })).toBe('the 1,000 examples of lowest label quality')
  })
})
