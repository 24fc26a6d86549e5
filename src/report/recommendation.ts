/** What to do with the suspects, in one sentence that follows from the retraining. */
import { cleaningArms } from '../pipeline/config.js'
import {
  type ArmOutcome,
  type CleaningAdvice,
  cleaningAdvice,
  type Gain,
} from '../scoring/cleaning-advice.js'
import { pairedDifference } from '../scoring/paired-difference.js'
import { count, points } from './format.js'

export interface ArmChanges extends ArmOutcome {
  /** Training examples of the arm, and those of them that have another label than the given one. */
  readonly examples: number
  readonly relabeled: number
}

/** Undefined where no arm that cleans was compared with training on everything. */
export function recommendation(arms: readonly ArmChanges[]): string | undefined {
  const advice = cleaningAdvice(arms, cleaningArms)
  if (advice === undefined) return undefined
  return adviceSentence(advice, arms) + (ceilingSentence(arms) ?? '')
}

/** What there is to gain: cleaning that makes no mistake. */
function ceilingSentence(arms: readonly ArmChanges[]): string | undefined {
  const runs = (wanted: string) => arms.find(({ arm }) => arm === wanted)?.runs
  const [all, truth] = [runs('all'), runs('true-labels')]
  if (all === undefined || truth === undefined) return undefined
  const { mean, low, high } = pairedDifference(Float64Array.from(truth), Float64Array.from(all))
  const interval = Number.isNaN(low) ? '' : ` ${intervalText(low, high)}`
  return ` With every label true it would be ${points(mean)} points${interval}.`
}

function adviceSentence(advice: CleaningAdvice, arms: readonly ArmChanges[]): string {
  const whole = arms.find(({ arm }) => arm === 'all')!.examples
  const named = (gain: Gain) => whatToDo(arms.find(({ arm }) => arm === gain.arm)!, whole)
  switch (advice.verdict) {
    case 'best':
      return `${capitalized(named(advice.best))}: test accuracy ${gainText(advice.best)}.`
    case 'tie': {
      const told = advice.gains.map(gain => `${named(gain)} (${gainText(gain)})`)
      return `No clear winner: test accuracy gains by each of ${told.join('; ')}, and they cannot be told apart.`
    }
    case 'none':
      return `Nothing is shown to help: at best (${named(advice.best)}) test accuracy changes by ${gainText(advice.best)}.`
    case 'untested':
      return `A single seed tells nothing apart: at best (${named(advice.best)}) test accuracy changes by ${points(advice.best.mean)} points.`
  }
}

function whatToDo({ arm, examples, relabeled }: ArmChanges, whole: number): string {
  const dropped = whole - examples
  if (arm === 'weighted') return 'weight examples by their label quality'
  if (arm === 'non-pie') return `drop the ${count(dropped)} PIEs`
  const parts = [
    ...(relabeled > 0 ? [`relabel ${count(relabeled)}`] : []),
    ...(dropped > 0 ? [`drop ${count(dropped)}`] : []),
  ]
  return parts.length === 0 ? 'change nothing' : parts.join(', ')
}

function gainText({ mean, low, high }: Gain): string {
  return `${points(mean)} points ${intervalText(low, high)}`
}

function intervalText(low: number, high: number): string {
  return `[${points(low).replace('+', '')}, ${points(high).replace('+', '')}]`
}

function capitalized(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1)
}
