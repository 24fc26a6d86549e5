/** How label quality becomes a verdict: everything under a threshold, or the `count` lowest. */
export type DecisionRule =
  | { readonly rule: 'threshold'; readonly threshold: number }
  | { readonly rule: 'budget'; readonly count: number }

/**
 * Marks label issues, [examples]. Under a budget, equal qualities are taken in the order of the examples. An example
 * without evidence (NaN) is never an issue.
 */
export function labelIssues(quality: ArrayLike<number>, decision: DecisionRule): Uint8Array {
  if (decision.rule === 'threshold') {
    return Uint8Array.from(quality, value => (value < decision.threshold ? 1 : 0))
  }
  const issues = new Uint8Array(quality.length)
  for (const i of mostSuspiciousFirst(quality).subarray(0, decision.count)) issues[i] = 1
  return issues
}

/** Rows in ascending order of label quality, equal ones in their own order; rows without evidence (NaN) are left out. */
export function mostSuspiciousFirst(quality: ArrayLike<number>): Uint32Array {
  let known = 0
  const rows = new Uint32Array(quality.length)
  for (let i = 0; i < quality.length; i++) if (!Number.isNaN(quality[i])) rows[known++] = i
  return rows.subarray(0, known).sort((a, b) => quality[a] - quality[b] || a - b)
}
