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

/**
 * Rows in ascending order of label quality, equal ones in their own order; rows without evidence (NaN) are left out.
 * @param quality ≥ 0, in the precision of float32
 */
export function mostSuspiciousFirst(quality: ArrayLike<number>): Uint32Array {
  const bits = new Uint32Array(new Float32Array(quality).buffer)
  let rows = new Uint32Array(quality.length)
  let known = 0
  for (let i = 0; i < quality.length; i++) if (!Number.isNaN(quality[i])) rows[known++] = i
  let sorted = new Uint32Array(known)
  rows = rows.subarray(0, known)
  // Numbers from 0 on are in the order of their bits: by the lower half, then by the upper one.
  for (const shift of [0, 16]) {
    const ends = new Uint32Array(2 ** 16 + 1)
    for (let k = 0; k < known; k++) ends[((bits[rows[k]] >>> shift) & 0xffff) + 1]++
    for (let digit = 0; digit < 2 ** 16; digit++) ends[digit + 1] += ends[digit]
    for (let k = 0; k < known; k++) sorted[ends[(bits[rows[k]] >>> shift) & 0xffff]++] = rows[k]
    ;[rows, sorted] = [sorted, rows]
  }
  return rows
}
