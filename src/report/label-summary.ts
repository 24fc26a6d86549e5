/** Gathers what the report says of the labels from `scores.parquet`, some rows at a time. */
import type { DecisionRule } from '../scoring/decision.js'
import { compareWithTruth, reliability } from '../scoring/known-truth.js'
import type { ConfusionPair, LabelSummary } from './data.js'

/** Some rows of `scores.parquet`, [rows] each. */
export interface ScoreRows {
  readonly split: readonly string[]
  readonly label: Int32Array
  readonly labelQuality: Float32Array
  readonly isLabelIssue: Uint8Array
  readonly suggestedLabel: Int32Array
  /** True labels, −1 for no class, −2 for unknown; absent where no truth is. */
  readonly trueLabel?: Int32Array
}

/** Bins of the histogram of label quality. */
const bins = 40

/** Memory: counts by class and pair of classes, and 13 bytes an example. */
export class LabelTally {
  readonly #classes: number
  readonly #issues: number[] = new Array(bins).fill(0)
  readonly #others: number[] = new Array(bins).fill(0)
  readonly #byClass: { examples: number; issues: number }[]
  readonly #bySplit = new Map<string, { examples: number; issues: number }>()
  /** Examples by given × classes + suggested. */
  readonly #pairs = new Map<number, number>()
  readonly #known: { labels: Int32Array; truth: Int32Array; quality: Float32Array; marks: Uint8Array }
  #rows = 0

  /** @param examples rows that will be added, at most */
  constructor(classes: number, examples: number) {
    this.#classes = classes
    this.#known = {
      labels: new Int32Array(examples),
      truth: new Int32Array(examples),
      quality: new Float32Array(examples),
      marks: new Uint8Array(examples),
    }
    this.#byClass = Array.from({ length: classes }, () => ({ examples: 0, issues: 0 }))
  }

  add(rows: ScoreRows): void {
    for (let row = 0; row < rows.label.length; row++) {
      const given = rows.label[row]!
      const issue = rows.isLabelIssue[row]!
      const split = rows.split[row]!
      if (!this.#bySplit.has(split)) this.#bySplit.set(split, { examples: 0, issues: 0 })
      for (const counts of [this.#bySplit.get(split)!, this.#byClass[given]]) {
        if (counts === undefined) continue
        counts.examples++
        counts.issues += issue
      }
      const quality = rows.labelQuality[row]!
      if (!Number.isNaN(quality)) {
        const bin = Math.max(0, Math.min(bins - 1, Math.floor(quality * bins)))
        ;(issue ? this.#issues : this.#others)[bin]!++
      }
      const suggested = rows.suggestedLabel[row]!
      if (issue && suggested >= 0 && suggested !== given) {
        const pair = given * this.#classes + suggested
        this.#pairs.set(pair, (this.#pairs.get(pair) ?? 0) + 1)
      }
    }
    if (rows.trueLabel === undefined) return
    this.#known.labels.set(rows.label, this.#rows)
    this.#known.truth.set(rows.trueLabel, this.#rows)
    this.#known.quality.set(rows.labelQuality, this.#rows)
    this.#known.marks.set(rows.isLabelIssue, this.#rows)
    this.#rows += rows.label.length
  }

  summary(rule: DecisionRule): Omit<LabelSummary, 'wrong' | 'wrongByClass' | 'noise'> {
    const bySplit = [...this.#bySplit].map(([split, counts]) => ({ split, ...counts }))
    const confusion = [...this.#pairs]
      .map(
        ([pair, examples]): ConfusionPair => ({
          given: Math.floor(pair / this.#classes),
          suggested: pair % this.#classes,
          examples,
        }),
      )
      .sort((a, b) => b.examples - a.examples || a.given - b.given || a.suggested - b.suggested)
    const truth = this.#truth()
    return {
      examples: bySplit.reduce((sum, { examples }) => sum + examples, 0),
      issues: bySplit.reduce((sum, { issues }) => sum + issues, 0),
      bySplit,
      byClass: this.#byClass,
      rule: ruleInWords(rule),
      quality: { issues: this.#issues, others: this.#others },
      confusion,
      ...(truth === undefined ? {} : { truth }),
    }
  }

  #truth(): LabelSummary['truth'] {
    const { labels, truth, quality, marks } = this.#known
    if (this.#rows === 0) return undefined
    const known = { labels: labels.subarray(0, this.#rows), truth: truth.subarray(0, this.#rows) }
    const comparison = compareWithTruth(known, quality.subarray(0, this.#rows), marks)
    return (
      comparison && {
        ...comparison,
        wrong: comparison.issues,
        reliability: reliability(known, quality.subarray(0, this.#rows)),
      }
    )
  }
}

/** The decision rule as it follows “falls under this run’s rule”. */
export function ruleInWords(rule: DecisionRule): string {
  switch (rule.rule) {
    case 'threshold':
      return `label quality below ${rule.threshold}`
    case 'budget':
      return `the ${rule.count.toLocaleString('en-US')} examples of lowest label quality`
    case 'precision':
      return `the lowest label qualities, as long as ${Number((100 * rule.precision).toFixed(2))}\u202f% of them are expected to be wrong`
    case 'estimate':
      return 'the lowest label qualities, as many as are estimated to be wrong'
  }
}
