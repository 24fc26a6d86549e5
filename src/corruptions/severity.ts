/**
 * How strong a severity is on pictures of any size. CIFAR-10-C has its constants for 32 pixels and ImageNet-C its
 * own for 224 (Hendrycks and Dietterich 2019, arXiv 1903.12261, and the published generators). Between the two a
 * constant follows the power law of the side through both, or a straight line in log side where one of them is 0.
 * Outside of them lengths in pixels go on in proportion to the side, and everything else stays as at the nearer one.
 */

/** 1 (weakest) … 5 (strongest). */
export type Severity = 1 | 2 | 3 | 4 | 5

export const severities: readonly Severity[] = [1, 2, 3, 4, 5]

type Five = readonly [number, number, number, number, number]

/** A constant at a severity, for pictures of `side` pixels (the geometric mean of height and width). */
export type SeverityConstant = (side: number, severity: Severity) => number

const smallSide = 32
const largeSide = 224

/** A constant without a unit: a share, an amplitude, a count. */
export const amount =
  (at32: Five, at224: Five): SeverityConstant =>
  (side, severity) =>
    between(side, at32[severity - 1], at224[severity - 1])

/** A length in pixels. */
export const length =
  (at32: Five, at224: Five): SeverityConstant =>
  (side, severity) => {
    const beyond = side < smallSide ? side / smallSide : Math.max(1, side / largeSide)
    return beyond * between(side, at32[severity - 1], at224[severity - 1])
  }

function between(side: number, small: number, large: number): number {
  if (side <= smallSide) return small
  if (side >= largeSide) return large
  const way = Math.log(side / smallSide) / Math.log(largeSide / smallSide)
  return small > 0 && large > 0 ? small * (large / small) ** way : small + way * (large - small)
}
