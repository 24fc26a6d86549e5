/**
 * How label quality becomes a verdict. `estimate`: as many as are estimated to be wrong. `threshold`: everything of a
 * lower quality. `budget`: that many. `precision`: as many as keep the expected share of wrong labels among them at
 * least there.
 */
export type DecisionRule =
  | { readonly rule: 'estimate' }
  | { readonly rule: 'threshold'; readonly threshold: number }
  | { readonly rule: 'budget'; readonly count: number }
  | { readonly rule: 'precision'; readonly precision: number }

/**
 * Marks label issues, [examples]: the lowest qualities, equal ones in the order of the examples. An example without
 * evidence (NaN) is never an issue.
 *
 * @param wrongLabels estimated number of wrong labels
 */
export function labelIssues(
  quality: ArrayLike<number>,
  decision: DecisionRule,
  wrongLabels: number,
): Uint8Array {
  const issues = new Uint8Array(quality.length)
  const order = mostSuspiciousFirst(quality)
  for (const i of order.subarray(0, issueCount(quality, order, decision, wrongLabels))) issues[i] = 1
  return issues
}

function issueCount(
  quality: ArrayLike<number>,
  order: Uint32Array,
  decision: DecisionRule,
  wrongLabels: number,
): number {
  switch (decision.rule) {
    case 'estimate':
      return Math.round(wrongLabels)
    case 'budget':
      return decision.count
    case 'threshold': {
      const end = order.findIndex(i => quality[i] >= decision.threshold)
      return end < 0 ? order.length : end
    }
    case 'precision': {
      // Ever better labels join, so the expected share of wrong ones only falls.
      let wrong = 0
      const end = order.findIndex((i, before) => {
        wrong += 1 - quality[i]
        return wrong < decision.precision * (before + 1)
      })
      return end < 0 ? order.length : end
    }
  }
}

/** Rows in ascending order of label quality, equal ones in their own order; rows without evidence (NaN) are left out. */
export function mostSuspiciousFirst(quality: ArrayLike<number>): Uint32Array {
  let known = 0
  const rows = new Uint32Array(quality.length)
  for (let i = 0; i < quality.length; i++) if (!Number.isNaN(quality[i])) rows[known++] = i
  return rows.subarray(0, known).sort((a, b) => quality[a] - quality[b] || a - b)
}
