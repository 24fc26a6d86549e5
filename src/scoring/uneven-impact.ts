import type { ClassImpact } from './class-impact.js'
import { mean } from './moments.js'

/** How unevenly a level's loss falls on the classes, whatever its size. */
export interface UnevenImpact {
  /**
   * Standard deviation over the classes (each counts once) of their relative change of recall, dividing by their
   * number: 0 where all classes lose alike. The chance in the members adds to it: see {@link chance}.
   */
  readonly spread: number
  /** Spread that the members' chance alone would give: root mean square of the standard errors; NaN with one member. */
  readonly chance: number
  /** The class of the lowest relative change, the lower index on a tie, and that change; −1 and NaN without classes. */
  readonly worstClass: number
  readonly worstChange: number
  /**
   * Share of the recall lost (dense minus level, summed over the classes that lose) that the tenth of the classes
   * which lose most bears, ⌈classes ÷ 10⌉ of them: 0.1 where ten classes lose alike, 1 where one loses all. NaN where none loses.
   */
  readonly worstTenthShare: number
}

type MeasuredClass = Pick<ClassImpact, 'relativeChange' | 'error' | 'denseRecallMean' | 'recallMean'>

/**
 * One figure a level for what {@link classImpact} says of each class. Classes without examples are left out.
 * @param impacts by class
 */
export function unevenImpact(impacts: readonly MeasuredClass[]): UnevenImpact {
  const known = impacts.filter(({ relativeChange }) => !Number.isNaN(relativeChange))
  const changes = known.map(({ relativeChange }) => relativeChange)
  const centre = mean(changes)
  const worstChange = changes.length > 0 ? Math.min(...changes) : Number.NaN
  return {
    spread: Math.sqrt(mean(changes.map(change => (change - centre) ** 2))),
    chance: Math.sqrt(mean(known.map(({ error }) => error ** 2))),
    worstClass: impacts.findIndex(({ relativeChange }) => relativeChange === worstChange),
    worstChange,
    worstTenthShare: worstTenthShare(
      known.map(({ denseRecallMean, recallMean }) => denseRecallMean - recallMean),
    ),
  }
}

function worstTenthShare(losses: readonly number[]): number {
  const lost = losses.filter(loss => loss > 0).sort((a, b) => b - a)
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  return sum(lost.slice(0, Math.ceil(losses.length / 10))) / sum(lost)
}
