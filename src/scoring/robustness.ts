/**
 * Accuracy on corrupted pictures against that on clean ones, level by level: what Hendrycks and Dietterich (2019, arXiv
 * 1903.12261) measure on networks, on populations. Corrupted ÷ clean accuracy tells sensitivity apart from accuracy that
 * compression cost anyway.
 */
import { benjaminiHochberg } from './benjamini-hochberg.js'
import { mean, sampleDeviation } from './moments.js'
import { pairedTest } from './paired-difference.js'
import { welchTest } from './welch-test.js'

/** Pictures of one kind. */
export interface Condition {
  /** Name of the corruption or of the natural set. */
  readonly corruption: string
  readonly category: string
  /** Undefined of natural sets. */
  readonly severity: number | undefined
  readonly examples: number
}

/** Accuracies of a level's members, 0 to 1, [members] each. */
export interface MemberAccuracies {
  readonly top1: Float64Array
  readonly top5: Float64Array
  /** Top-1 on the clean pictures that the condition is measured by; NaN where there are none. */
  readonly clean: Float64Array
}

export interface RobustnessLevel {
  readonly level: string
  /** Whether member i is made from member i of dense. */
  readonly paired: boolean
  /** Of each condition, in their order. */
  readonly conditions: readonly MemberAccuracies[]
}

export interface RobustnessRow {
  readonly level: string
  readonly corruption: string
  readonly category: string
  /** Null: mean over severities, and of natural sets. */
  readonly severity: number | null
  readonly examples: number
  readonly members: number
  readonly top1Mean: number
  readonly top1Sd: number
  readonly top5Mean: number
  readonly top5Sd: number
  /** NaN, as all that follows from it, where there are no clean pictures to measure by. */
  readonly cleanTop1Mean: number
  /** top1Mean ÷ cleanTop1Mean. */
  readonly relativeTop1: number
  /** relativeTop1 ÷ that of dense. */
  readonly relativeToDense: number
  /** NaN for dense and where there is no test. */
  readonly p: number
  readonly q: number
}

/** Categories whose corruptions the paper's mean is over. */
const categoriesOfMean: ReadonlySet<string> = new Set(['noise', 'blur', 'weather', 'digital'])

/**
 * @param conditions severities of a corruption one after another
 * @param levels dense first
 */
export function robustnessRows(
  conditions: readonly Condition[],
  levels: readonly RobustnessLevel[],
): RobustnessRow[] {
  const [dense] = levels
  const ofDense = condense(conditions, dense)
  return levels.flatMap(level => {
    const rows = level === dense ? ofDense : condense(conditions, level)
    const compare = level.paired ? pairedTest : welchTest
    const tested = rows.map((row, i) => {
      const [own, theirs] = [row.accuracies, ofDense[i].accuracies]
      const relative = relativeTop1(own)
      const p = level === dense ? Number.NaN : compare(ratios(own), ratios(theirs)).p
      return { ...row, relative, relativeToDense: relative / relativeTop1(theirs), p }
    })
    const families = new Map<string, number[]>()
    for (const [i, { kind }] of tested.entries()) families.set(kind, [...(families.get(kind) ?? []), i])
    const q = new Float64Array(tested.length)
    for (const family of families.values()) {
      benjaminiHochberg(Float64Array.from(family, i => tested[i].p)).forEach((value, k) => {
        q[family[k]] = value
      })
    }
    return tested.map(
      ({ kind, accuracies, relative, relativeToDense, p, ...place }, i): RobustnessRow => ({
        level: level.level,
        ...place,
        members: accuracies.top1.length,
        top1Mean: mean(accuracies.top1),
        top1Sd: sampleDeviation(accuracies.top1),
        top5Mean: mean(accuracies.top5),
        top5Sd: sampleDeviation(accuracies.top5),
        cleanTop1Mean: mean(accuracies.clean),
        relativeTop1: relative,
        relativeToDense,
        p,
        q: q[i],
      }),
    )
  })
}

interface Row {
  readonly corruption: string
  readonly category: string
  readonly severity: number | null
  readonly examples: number
  /** Rows of one kind are one family of tests. */
  readonly kind: 'severity' | 'corruption' | 'category' | 'all'
  readonly accuracies: MemberAccuracies
}

/** The rows of one level: severities, then their mean, corruption by corruption; then the means of categories. */
function condense(conditions: readonly Condition[], { conditions: accuracies }: RobustnessLevel): Row[] {
  const rows: Row[] = []
  const means: Row[] = []
  for (let first = 0; first < conditions.length; ) {
    const { corruption, category, examples } = conditions[first]
    let end = first
    while (
      end < conditions.length &&
      conditions[end].corruption === corruption &&
      conditions[end].category === category
    ) {
      const { severity } = conditions[end]
      if (severity !== undefined) {
        rows.push({
          corruption,
          category,
          severity,
          examples: conditions[end].examples,
          kind: 'severity',
          accuracies: accuracies[end],
        })
      }
      end++
    }
    const overSeverities = meanAccuracies(accuracies.slice(first, end))
    const row = { corruption, category, severity: null, examples, kind: 'corruption' as const }
    rows.push({ ...row, accuracies: overSeverities })
    if (category !== 'natural') means.push(rows.at(-1)!)
    first = end
  }
  const over = (category: string, kind: Row['kind'], of: readonly Row[]): Row[] =>
    of.length === 0
      ? []
      : [
          {
            corruption: 'mean',
            category,
            severity: null,
            examples: of[0].examples,
            kind,
            accuracies: meanAccuracies(of.map(row => row.accuracies)),
          },
        ]
  const categories = [...new Set(means.map(({ category }) => category))]
  return [
    ...rows,
    ...categories.flatMap(category =>
      over(
        category,
        'category',
        means.filter(row => row.category === category),
      ),
    ),
    ...over(
      'all',
      'all',
      means.filter(({ category }) => categoriesOfMean.has(category)),
    ),
  ]
}

/** Member by member. */
function meanAccuracies(accuracies: readonly MemberAccuracies[]): MemberAccuracies {
  const over = (of: keyof MemberAccuracies) =>
    accuracies[0][of].map((_, member) => mean(accuracies.map(values => values[of][member])))
  return { top1: over('top1'), top5: over('top5'), clean: over('clean') }
}

const relativeTop1 = ({ top1, clean }: MemberAccuracies): number => mean(top1) / mean(clean)

const ratios = ({ top1, clean }: MemberAccuracies): Float64Array =>
  top1.map((value, member) => value / clean[member])
