/** What kind of example it may be, as far as numbers can tell: hints to look, no verdicts. */

export const hintKinds = [
  'blurry',
  'dark',
  'bright',
  'low-information',
  'odd-size',
  'odd-aspect',
  'exact-duplicate',
  'near-duplicate',
  'duplicate-other-label',
  'leak',
  'outlier',
  'ambiguous',
] as const

export type HintKind = (typeof hintKinds)[number]

/** What a person may find an example to be, as the published galleries of PIEs tell them apart (arXiv 1911.05248, figure 5). */
export const verdictKinds = [
  'mislabeled',
  'several-objects',
  'corrupted',
  'abstract',
  'fine-grained',
  'atypical',
] as const

/** Robust z-score beyond which a value stands out (Iglewicz and Hoaglin 1993, section 3.4). */
const outstanding = 3.5

interface Rule {
  readonly side: 'high' | 'low' | 'both'
  /**
   * Where a value must lie at least, however narrow the data set is: above for `high`, below for `low`, and for
   * `both` so far from the median.
   */
  readonly floor: number
}

/** Of values as {@link standsOut} takes them: sizes and ratios as base-2 logarithms. */
export const hintRules = {
  /** Of the perceptual blur, 0 to 1. */
  blurry: { side: 'high', floor: 0.6 },
  /** Of the 99th percentile of luminance: nearly no pixel is brighter. */
  dark: { side: 'low', floor: 0.35 },
  /** Of the 5th percentile of luminance: nearly no pixel is darker. */
  bright: { side: 'high', floor: 0.9 },
  /** Of the entropy in bits. */
  'low-information': { side: 'low', floor: 3 },
  /** Of the root of the area: half or twice the median. */
  'odd-size': { side: 'both', floor: 1 },
  /** Of width over height: half or twice the median. */
  'odd-aspect': { side: 'both', floor: 1 },
  /** Of the correlation of thumbnails with a neighbour's, after Fisher's transformation: 0.9. */
  'near-duplicate': { side: 'high', floor: Math.atanh(0.9) },
  /** Of the distance to the neighbours over theirs: half as far again. */
  outlier: { side: 'high', floor: Math.log2(1.5) },
} as const satisfies Partial<Record<HintKind, Rule>>

/**
 * Which values stand out from their own distribution and lie beyond the floor: flags, [examples]. NaN never does.
 * The scale is 1.4826 times the median absolute deviation, or 1.2533 times the mean one where more than half of
 * the values are the same.
 */
export function standsOut(values: Float32Array, { side, floor }: Rule): Uint8Array {
  const known = values.filter(value => !Number.isNaN(value)).sort()
  const middle = median(known)
  const deviations = known.map(value => Math.abs(value - middle)).sort()
  const mean = deviations.reduce((sum, deviation) => sum + deviation, 0) / deviations.length
  const scale = 1.4826 * median(deviations) || 1.2533 * mean
  return Uint8Array.from(values, value => {
    const off = value - middle
    if (side === 'both') return Math.abs(off) >= floor && Math.abs(off) > outstanding * scale ? 1 : 0
    const [beyond, distance] = side === 'high' ? [value >= floor, off] : [value <= floor, -off]
    return beyond && distance > outstanding * scale ? 1 : 0
  })
}

function median(sorted: Float32Array): number {
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}
