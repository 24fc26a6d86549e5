/** Which way of cleaning the training data is shown to help, if any is. */
import { type BlockDifference, blockDifferences } from './block-differences.js'

/** An arm of the retraining comparison. */
export interface ArmOutcome {
  readonly arm: string
  /** Test accuracy by seed, the same seeds in every arm. */
  readonly runs: readonly number[]
}

export interface Gain extends BlockDifference {
  readonly arm: string
}

export type CleaningAdvice =
  /** One arm is better than training on everything, and than every other arm that is. */
  | { readonly verdict: 'best'; readonly best: Gain }
  /** Several are better than training on everything, and cannot be told from the best of them, which comes first. */
  | { readonly verdict: 'tie'; readonly gains: readonly Gain[] }
  /** None is shown to be better; the one with the highest mean. */
  | { readonly verdict: 'none'; readonly best: Gain }
  /** Fewer than two seeds. */
  | { readonly verdict: 'untested'; readonly best: Gain }

/**
 * An arm is better where the interval of its difference to `all` lies above zero, and that of its difference to the
 * random removal of as many examples too, where that was trained. Intervals are 95 % for all cleaning arms at once.
 *
 * @param cleaning names of the arms that clean, with the arm that removes as many examples at random
 * @returns undefined where `all` or every cleaning arm is missing
 */
export function cleaningAdvice(
  outcomes: readonly ArmOutcome[],
  cleaning: ReadonlyMap<string, string | undefined>,
): CleaningAdvice | undefined {
  const runs = new Map(outcomes.map(({ arm, runs }) => [arm, runs]))
  const arms = [...cleaning.keys()].filter(arm => runs.has(arm))
  if (!runs.has('all') || arms.length === 0) return undefined
  const difference = blockDifferences(runs, arms.length)
  const gains = arms.map((arm): Gain => ({ arm, ...difference(arm, 'all') })).sort((a, b) => b.mean - a.mean)
  const [best] = gains as [Gain]
  if (Number.isNaN(best.low)) return { verdict: 'untested', best }
  const beatsChance = (arm: string) => {
    const control = cleaning.get(arm)
    return control === undefined || !runs.has(control) || difference(arm, control).low > 0
  }
  const better = gains.filter(({ arm, low }) => low > 0 && beatsChance(arm))
  const [first] = better
  if (first === undefined) return { verdict: 'none', best }
  const equals = better.filter(({ arm }) => difference(first.arm, arm).low <= 0)
  return equals.length > 1 ? { verdict: 'tie', gains: equals } : { verdict: 'best', best: first }
}
