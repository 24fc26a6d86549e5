/** How the estimated share of wrong labels moved. */
import type { EstimatedCount } from '../scoring/noise-counts.js'

/** A share with its 95 % interval for chance alone. */
export interface Share {
  readonly share: number
  readonly low: number
  readonly high: number
}

/** How the estimated share of wrong labels moved. */
export interface NoiseChange {
  readonly a: Share
  readonly b: Share
  /** b − a with its 95 % interval. */
  readonly difference: Share
}

/** An estimated number of wrong labels as a share of the examples. */
export function shareOf({ count, low, high }: EstimatedCount, examples: number): Share {
  return { share: count / examples, low: low / examples, high: high / examples }
}

/**
 * The difference of two shares by the hybrid score interval, which joins the score intervals of both: b − a ∓
 * √((b − lower b)² + (upper a − a)²) below, and the mirror image above (Newcombe, Stat. Med. 17, 1998, method 10).
 * Where both hold the same examples it is wider than need be.
 */
export function noiseChange(a: Share, b: Share): NoiseChange {
  const share = b.share - a.share
  return {
    a,
    b,
    difference: {
      share,
      low: share - Math.hypot(b.share - b.low, a.high - a.share),
      high: share + Math.hypot(b.high - b.share, a.share - a.low),
    },
  }
}
