/**
 * Compression methods side by side where they are of equal size, or equally accurate: between two levels of a method
 * everything is interpolated linearly, and intervals come from the bootstrap over members (Efron & Tibshirani, An
 * Introduction to the Bootstrap, 1993, chapter 13: percentiles).
 */
import { randomStream } from '../random.js'
import { mean } from './moments.js'
import { percentileInterval } from './percentile.js'
import { unevenImpact } from './uneven-impact.js'

/** What one member gets right. */
export interface ComparedMember {
  /** Accuracy, 0 to 1. */
  readonly top1: number
  /** Recall of each class; NaN where it has no examples. */
  readonly recalls: ArrayLike<number>
}

export interface ComparedLevel {
  readonly level: string
  /** In whatever unit, the same for all. */
  readonly size: number
  readonly members: readonly ComparedMember[]
  /** Figures that members alone do not give, by name; interpolated without an interval. */
  readonly figures: Readonly<Record<string, number>>
}

/** The levels of one method, and the dense members that they are compared with. */
export interface MethodLine {
  readonly method: string
  readonly dense: ComparedLevel
  /** Ascending in size; dense is the last where the method passes into it. */
  readonly levels: readonly ComparedLevel[]
  /** Lines with the same name here have the same members, which are then drawn together. */
  readonly run: string
}

export const equalities = ['size', 'accuracy'] as const
/** In what compared methods are equal. */
export type Equality = (typeof equalities)[number]

/** A figure with the interval in which 95 % of the drawn populations lie; NaN without an interval. */
export interface Estimate {
  readonly mean: number
  readonly low: number
  readonly high: number
}

/** A method where it is as large, or as accurate, as the level it is set beside. */
export interface ComparedMethod {
  readonly method: string
  /** The level itself, or the two between which it lies. */
  readonly between: readonly string[]
  readonly size: number
  readonly top1: Estimate
  /** Standard deviation over classes of the relative change of recall; see scoring/uneven-impact.ts. */
  readonly spread: Estimate
  readonly worstChange: Estimate
  readonly figures: Readonly<Record<string, number>>
}

/** The methods beside one level, at its size or at its accuracy. */
export interface Comparison {
  readonly equal: Equality
  readonly method: string
  readonly level: string
  /** The method of the level first. */
  readonly methods: readonly ComparedMethod[]
}

/** What is resampled of a level. */
interface Measured {
  readonly top1: number
  readonly spread: number
  readonly worstChange: number
}

/** A place on a line: so much of the way from one level to the next. */
interface Place {
  readonly index: number
  readonly share: number
}

/** Sizes and accuracies that differ by less than this share count as equal. */
const tolerance = 0.005

/**
 * Every compressed level beside the methods that reach its size, or its accuracy; levels that no other method reaches
 * are left out.
 * @param resamples populations drawn for the intervals
 */
export function compareFairly(lines: readonly MethodLine[], equal: Equality, resamples = 1000): Comparison[] {
  const whole = lines.map(line => line.levels.map(level => measure(level, line.dense)))
  const drawn = Array.from({ length: resamples }, (_, r) => resample(lines, r))
  return lines.flatMap((line, own) =>
    line.levels.flatMap((level, index) => {
      if (level === line.dense) return []
      const found = lines.flatMap((other, l): ComparedMethod[] => {
        const place = (measures: readonly Measured[][]): Place | undefined =>
          l === own
            ? { index, share: 0 }
            : equal === 'size'
              ? placeOf(sizes(other), level.size)
              : placeOf(
                  measures[l].map(({ top1 }) => top1),
                  measures[own][index].top1,
                )
        const at = place(whole)
        if (at === undefined) return []
        const estimate = (figure: keyof Measured): Estimate => {
          const sample = drawn.map(measures => {
            const moved = place(measures)
            return moved === undefined
              ? Number.NaN
              : between(
                  measures[l].map(of => of[figure]),
                  moved,
                )
          })
          const [low, high] = hasSpread(other) ? percentileInterval(sample) : [Number.NaN, Number.NaN]
          return {
            mean: between(
              whole[l].map(of => of[figure]),
              at,
            ),
            low,
            high,
          }
        }
        const names = Object.keys(other.levels[at.index].figures)
        return [
          {
            method: other.method,
            between: (at.share === 0 ? [at.index] : [at.index, at.index + 1]).map(i => other.levels[i].level),
            size: between(sizes(other), at),
            top1: estimate('top1'),
            spread: estimate('spread'),
            worstChange: estimate('worstChange'),
            figures: Object.fromEntries(
              names.map(name => [
                name,
                between(
                  other.levels.map(({ figures }) => figures[name]),
                  at,
                ),
              ]),
            ),
          },
        ]
      })
      if (found.length < 2) return []
      const isOwn = ({ method }: ComparedMethod) => method === line.method
      const methods = [...found.filter(isOwn), ...found.filter(method => !isOwn(method))]
      return [{ equal, method: line.method, level: level.level, methods }]
    }),
  )
}

const sizes = ({ levels }: MethodLine): number[] => levels.map(({ size }) => size)

const hasSpread = ({ levels, dense }: MethodLine): boolean =>
  [dense, ...levels].every(({ members }) => members.length > 1)

/**
 * Where a line first reaches a value, going up its levels; undefined where it does not, beyond {@link tolerance}.
 * @param values at each level
 */
export function placeOf(values: readonly number[], value: number): Place | undefined {
  for (const [index, start] of values.entries()) {
    if (Math.abs(start - value) <= tolerance * Math.abs(value)) return { index, share: 0 }
    const end = values[index + 1]
    if ((start < value && value < end) || (end < value && value < start)) {
      return { index, share: (value - start) / (end - start) }
    }
  }
  return undefined
}

function between(values: readonly number[], { index, share }: Place): number {
  return share === 0 ? values[index] : values[index] + share * (values[index + 1] - values[index])
}

function resample(lines: readonly MethodLine[], round: number): Measured[][] {
  return lines.map(({ levels, dense, run }) => {
    const draw = (level: ComparedLevel): ComparedLevel => {
      const count = level.members.length
      const random = randomStream('fair comparison', run, count, round)
      return { ...level, members: level.members.map(() => level.members[random.integer(count)]) }
    }
    const drawnDense = draw(dense)
    return levels.map(level => measure(draw(level), drawnDense))
  })
}

function measure(level: ComparedLevel, dense: ComparedLevel): Measured {
  const [own, reference] = [averages(level), averages(dense)]
  const { spread, worstChange } = unevenImpact(
    own.recalls.map((recallMean, c) => ({
      relativeChange: recallMean - own.top1 - (reference.recalls[c] - reference.top1),
      error: Number.NaN,
      denseRecallMean: reference.recalls[c],
      recallMean,
    })),
  )
  return { top1: own.top1, spread, worstChange }
}

function averages({ members }: ComparedLevel): { top1: number; recalls: number[] } {
  const recalls = Array.from(members[0].recalls, (_, c) => {
    let sum = 0
    let asked = 0
    for (const { recalls } of members) {
      if (Number.isNaN(recalls[c])) continue
      sum += recalls[c]
      asked++
    }
    return sum / asked
  })
  return { top1: mean(members.map(({ top1 }) => top1)), recalls }
}
