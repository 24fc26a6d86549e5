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
  switch (decision.rule) {
    case 'estimate':
      return lowest(quality, Math.round(wrongLabels))
    case 'budget':
      return lowest(quality, decision.count)
    case 'threshold':
      return Uint8Array.from(quality, value => (value < decision.threshold ? 1 : 0))
    case 'precision':
      return lowest(quality, preciseCount(quality, decision.precision))
  }
}

/** How many of the lowest qualities keep the expected share of wrong labels among them at least there. */
function preciseCount(quality: ArrayLike<number>, precision: number): number {
  // Ever better labels join, so the expected share of wrong ones only falls.
  let wrong = 0
  const order = mostSuspiciousFirst(quality)
  const end = order.findIndex((i, before) => {
    wrong += 1 - quality[i]
    return wrong < precision * (before + 1)
  })
  return end < 0 ? order.length : end
}

/** Numbers from 0 on are in the order of their bits, and NaN comes after all of them. */
const bitsOf = (quality: ArrayLike<number>): Uint32Array => new Uint32Array(new Float32Array(quality).buffer)
const bitsOfInfinity = 0x7f800000

/** 1 for the `count` lowest qualities, equal ones in their own order; without sorting, which takes six times as long. */
function lowest(quality: ArrayLike<number>, count: number): Uint8Array {
  const bits = bitsOf(quality)
  const marks = new Uint8Array(bits.length)
  // What the last one's bits are: the upper half, then the lower one among those of the same upper half.
  let left = count
  const counts = new Uint32Array(2 ** 16)
  for (let i = 0; i < bits.length; i++) counts[bits[i] >>> 16]++
  let upper = 0
  for (; upper < 2 ** 16 && left > counts[upper]; upper++) left -= counts[upper]
  counts.fill(0)
  for (let i = 0; i < bits.length; i++) if (bits[i] >>> 16 === upper) counts[bits[i] & 0xffff]++
  let lower = 0
  for (; lower < 2 ** 16 && left > counts[lower]; lower++) left -= counts[lower]
  const last = upper * 2 ** 16 + lower
  for (let i = 0; i < bits.length; i++) {
    if (bits[i] <= bitsOfInfinity && (bits[i] < last || (bits[i] === last && left-- > 0))) marks[i] = 1
  }
  return marks
}

/**
 * Rows in ascending order of label quality, equal ones in their own order; rows without evidence (NaN) are left out.
 * @param quality ≥ 0, in the precision of float32
 */
export function mostSuspiciousFirst(quality: ArrayLike<number>): Uint32Array {
  const bits = bitsOf(quality)
  let rows = new Uint32Array(quality.length)
  let known = 0
  for (let i = 0; i < quality.length; i++) if (!Number.isNaN(quality[i])) rows[known++] = i
  let sorted = new Uint32Array(known)
  rows = rows.subarray(0, known)
  // By the lower half of the bits, then by the upper one.
  for (const shift of [0, 16]) {
    const ends = new Uint32Array(2 ** 16 + 1)
    for (let k = 0; k < known; k++) ends[((bits[rows[k]] >>> shift) & 0xffff) + 1]++
    for (let digit = 0; digit < 2 ** 16; digit++) ends[digit + 1] += ends[digit]
    for (let k = 0; k < known; k++) sorted[ends[(bits[rows[k]] >>> shift) & 0xffff]++] = rows[k]
    ;[rows, sorted] = [sorted, rows]
  }
  return rows
}
