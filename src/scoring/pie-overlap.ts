/** PIEs that two levels share. */
export interface PieOverlap {
  /** Places of the levels in the list. */
  readonly levels: readonly [number, number]
  readonly pies: readonly [number, number]
  readonly both: number
  /** both ÷ examples that are PIEs of either (Jaccard 1901), 0 to 1; NaN where there are none. */
  readonly jaccard: number
  /** Examples that would be in both if the levels chose theirs independently: pies a · pies b ÷ examples. */
  readonly expected: number
}

/**
 * Every pair of levels once, in their order.
 * @param pies flags of each level, [examples] each
 */
export function pieOverlaps(pies: readonly Uint8Array[]): PieOverlap[] {
  const counts = pies.map(flags => flags.reduce((sum, flag) => sum + flag, 0))
  return pies.flatMap((a, first) =>
    pies.slice(first + 1).map((b, step): PieOverlap => {
      const second = first + 1 + step
      let both = 0
      for (let i = 0; i < a.length; i++) both += a[i] & b[i]
      return {
        levels: [first, second],
        pies: [counts[first], counts[second]],
        both,
        jaccard: both / (counts[first] + counts[second] - both),
        expected: (counts[first] * counts[second]) / a.length,
      }
    }),
  )
}
