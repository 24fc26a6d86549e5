/** How the shares of the classes moved. */
import gammainc from '@stdlib/math-base-special-gammainc'

/** Examples of one class. */
export interface ClassCounts {
  readonly name: string
  /** In the first data set, in the second, and among the examples that are new to the second. */
  readonly a: number
  readonly b: number
  readonly fresh: number
}

/** How the shares of the classes moved. */
export interface ClassBalance {
  readonly classes: readonly ClassCounts[]
  /** Population stability index of the second data set against the first, 0 (the same) and up. */
  readonly stability: number
  /** Whether the new examples could be drawn with the class shares of the first data set. */
  readonly test: HomogeneityTest
}

/** χ² test of whether two samples have the same shares. */
export interface HomogeneityTest {
  readonly chiSquare: number
  readonly df: number
  /** NaN where there is nothing to test. */
  readonly p: number
}

/** Class balance of two data sets. */
export function classBalance(classes: readonly ClassCounts[]): ClassBalance {
  const a = classes.map(counts => counts.a)
  return {
    classes,
    stability: stabilityIndex(
      a,
      classes.map(counts => counts.b),
    ),
    test: homogeneity(
      a,
      classes.map(counts => counts.fresh),
    ),
  }
}

/**
 * The population stability index Σ (qᵢ − pᵢ) ln(qᵢ / pᵢ), which is the divergence of Jeffreys (Proc. R. Soc. A 186,
 * 1946) between the shares; by custom under 0.1 is little and over 0.25 is much (Siddiqi, Credit Risk Scorecards,
 * 2006). Half an example is added to every class, so that an empty one does not make it infinite.
 */
export function stabilityIndex(a: readonly number[], b: readonly number[]): number {
  const shares = (counts: readonly number[]) => {
    const total = counts.reduce((sum, count) => sum + count, 0) + counts.length / 2
    return counts.map(count => (count + 0.5) / total)
  }
  const [p, q] = [shares(a), shares(b)]
  return p.reduce((sum, share, i) => sum + (q[i] - share) * Math.log(q[i] / share), 0)
}

/**
 * Pearson's χ² test that two independent samples have the same class shares (Phil. Mag. 50, 1900). Classes that
 * neither has are left out.
 */
export function homogeneity(a: readonly number[], b: readonly number[]): HomogeneityTest {
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0)
  const [totalA, totalB] = [sum(a), sum(b)]
  const classes = a.map((count, i) => [count, b[i]] as const).filter(([x, y]) => x + y > 0)
  const df = classes.length - 1
  if (totalA === 0 || totalB === 0 || df < 1) return { chiSquare: Number.NaN, df, p: Number.NaN }
  let chiSquare = 0
  for (const counts of classes) {
    for (const [side, count] of counts.entries()) {
      const expected = ((counts[0] + counts[1]) * (side === 0 ? totalA : totalB)) / (totalA + totalB)
      chiSquare += (count - expected) ** 2 / expected
    }
  }
  return { chiSquare, df, p: gammainc(chiSquare / 2, df / 2, true, true) }
}
