/** Rows of the tables that the audit writes beside the scores: what compression does, over all and class by class. */
import { type AccuracyTally, type Split, type Subgroup, splits } from '../scoring/accuracy-tally.js'
import { type ClassImpact, type ClassTest, classImpact } from '../scoring/class-impact.js'
import { mean, sampleDeviation } from '../scoring/moments.js'
import { percentile } from '../scoring/percentile.js'
import { pieOverlaps } from '../scoring/pie-overlap.js'
import type { LevelStability } from '../scoring/pie-stability.js'
import { unevenImpact } from '../scoring/uneven-impact.js'

/** A member as the predict stage lists it in `members.json`. */
export interface MemberFile {
  readonly seed: number
  /** Size of its ONNX file; NaN where only its predictions are known. */
  readonly bytes: number
  readonly nonZeroWeights: number
}

/** A level, as far as it is known; figures are NaN where they are not. */
export interface AuditedLevel {
  readonly name: string
  readonly method: string
  /** Share of kernel weights that are zero, 0 to 1. */
  readonly sparsity: number
  /** Bits a kernel weight takes. */
  readonly bits: number
}

export interface AuditedPopulation {
  readonly level: AuditedLevel
  readonly members: readonly MemberFile[]
  /** How its classes are compared with the dense ones; `paired` where every member is made from its dense member. */
  readonly test: ClassTest
}

export interface AuditedRun {
  /** Dense first. */
  readonly levels: readonly AuditedPopulation[]
  readonly classNames: readonly string[]
  /** Index into {@link splits} of each example. */
  readonly split: Uint8Array
  readonly groups: readonly { readonly name: string; readonly values: readonly string[] }[]
  /** Of each level. */
  readonly tallies: readonly AccuracyTally[]
  /** Flags of each example at each level. */
  readonly pies: readonly Uint8Array[]
  /** Whether members rank all classes; where they only name the first, there is no top-5 accuracy. */
  readonly ranked: boolean
  /** False discovery rate of the class tests. */
  readonly alpha: number
}

export interface ClassRow {
  readonly level: string
  readonly split: Split
  readonly group: string | null
  readonly group_value: string | null
  readonly class: number
  readonly class_name: string
  readonly n: number
  readonly dense_recall_mean: number
  readonly dense_recall_sd: number
  readonly recall_mean: number
  readonly recall_sd: number
  readonly relative_change: number
  readonly relative_change_error: number
  readonly relative_change_low: number
  readonly relative_change_high: number
  readonly detectable_change: number
  readonly t: number
  readonly df: number
  readonly p: number
  readonly q: number
  readonly significant: boolean
  readonly direction: ClassImpact['direction']
}

/**
 * A row a compressed level, split and class, then one a value of each subgroup attribute and class. The classes of
 * a level and split are one family of tests, all values of an attribute together another.
 */
export function classRows(run: AuditedRun): ClassRow[] {
  return splitsOf(run).flatMap(split =>
    run.levels.slice(1).flatMap(({ level, test }, l) => {
      const [dense, compressed] = [run.tallies[0], run.tallies[l + 1]]
      return familiesOf(run).flatMap(family => {
        const recalls = (tally: AccuracyTally) => ({
          recalls: family.flatMap(({ subgroup }) => tally.recalls(split, subgroup)),
          accuracy: mean(tally.accuracies(split).top1),
        })
        const impacts = classImpact(recalls(dense), recalls(compressed), { alpha: run.alpha, test })
        return family.flatMap(({ name, value, subgroup }, part) => {
          const n = dense.examplesPerClass(split, subgroup)
          return run.classNames.map((className, c): ClassRow => {
            const impact = impacts[part * run.classNames.length + c]
            return {
              level: level.name,
              split,
              group: name,
              group_value: value,
              class: c,
              class_name: className,
              n: n[c],
              dense_recall_mean: impact.denseRecallMean,
              dense_recall_sd: impact.denseRecallSd,
              recall_mean: impact.recallMean,
              recall_sd: impact.recallSd,
              relative_change: impact.relativeChange,
              relative_change_error: impact.error,
              relative_change_low: impact.low,
              relative_change_high: impact.high,
              detectable_change: impact.detectable,
              t: impact.t,
              df: impact.df,
              p: impact.p,
              q: impact.q,
              significant: impact.significant,
              direction: impact.direction,
            }
          })
        })
      })
    }),
  )
}

/** The subgroups whose classes are tested together: everybody, then the values of each attribute. */
function familiesOf(run: AuditedRun): { name: string | null; value: string | null; subgroup?: Subgroup }[][] {
  const byAttribute = run.groups.map(({ name, values }, attribute) =>
    values.map((label, value) => ({ name, value: label, subgroup: { attribute, value } })),
  )
  return [[{ name: null, value: null }], ...byAttribute]
}

export interface LevelRow extends AccuracyColumns {
  readonly level: string
  readonly split: Split
  readonly method: string
  readonly sparsity: number
  readonly bits: number
  readonly members: number
  readonly size_bytes: number
  readonly nonzero_weights: number
  readonly examples: number
  readonly pies: number
  readonly pie_rate: number
  readonly significant_classes: number
  readonly test: ClassTest | null
  readonly detectable_change: number
  readonly impact_spread: number
  readonly impact_spread_chance: number
  readonly worst_class: string | null
  readonly worst_class_change: number
  readonly worst_tenth_share: number
}

type AccuracyColumns = {
  readonly [Column in `${'' | 'pie_' | 'non_pie_'}top${1 | 5}_${'mean' | 'sd'}`]: number
}

/** A row a level and split, training examples before test examples. */
export function levelRows(run: AuditedRun, impacts: readonly ClassRow[]): LevelRow[] {
  const pieAnywhere = new Uint8Array(run.split.length)
  for (const flags of run.pies) for (let i = 0; i < flags.length; i++) pieAnywhere[i] |= flags[i]
  return splitsOf(run).flatMap(split =>
    run.levels.map(({ level, members, test }, l): LevelRow => {
      const index = splits.indexOf(split)
      const flags = l === 0 ? pieAnywhere : run.pies[l]
      let examples = 0
      let pies = 0
      for (let i = 0; i < flags.length; i++) {
        if (run.split[i] !== index) continue
        examples++
        pies += flags[i]
      }
      return {
        level: level.name,
        split,
        method: level.method,
        sparsity: level.sparsity,
        bits: level.bits,
        members: members.length,
        size_bytes: Math.round(mean(members.map(({ bytes }) => bytes))),
        nonzero_weights: Math.round(mean(members.map(({ nonZeroWeights }) => nonZeroWeights))),
        examples,
        ...accuracyColumns(run.tallies[l], split, run.ranked),
        pies,
        pie_rate: pies / examples,
        ...impactColumns(
          impacts.filter(row => row.level === level.name && row.split === split && row.group === null),
        ),
        test: l === 0 ? null : test,
      }
    }),
  )
}

type ImpactColumns = Pick<
  LevelRow,
  | 'significant_classes'
  | 'detectable_change'
  | 'impact_spread'
  | 'impact_spread_chance'
  | 'worst_class'
  | 'worst_class_change'
  | 'worst_tenth_share'
>

/** What the classes of a level and split say together; of none, as dense has, figures are NaN. */
function impactColumns(classes: readonly ClassRow[]): ImpactColumns {
  const { spread, chance, worstClass, worstChange, worstTenthShare } = unevenImpact(
    classes.map(row => ({
      relativeChange: row.relative_change,
      error: row.relative_change_error,
      denseRecallMean: row.dense_recall_mean,
      recallMean: row.recall_mean,
    })),
  )
  return {
    significant_classes: classes.filter(({ significant }) => significant).length,
    detectable_change: percentile(
      classes.map(row => row.detectable_change),
      0.5,
    ),
    impact_spread: spread,
    impact_spread_chance: chance,
    worst_class: classes[worstClass]?.class_name ?? null,
    worst_class_change: worstChange,
    worst_tenth_share: worstTenthShare,
  }
}

function accuracyColumns(tally: AccuracyTally, split: Split, ranked: boolean): AccuracyColumns {
  const subsets = { '': 'all', pie_: 'pie', non_pie_: 'non-pie' } as const
  const columns = Object.entries(subsets).flatMap(([prefix, subset]) =>
    Object.entries(tally.accuracies(split, subset)).flatMap(([top, values]: [string, Float64Array]) => {
      const known = ranked || top === 'top1'
      return [
        [`${prefix}${top}_mean`, known ? mean(values) : Number.NaN],
        [`${prefix}${top}_sd`, known ? sampleDeviation(values) : Number.NaN],
      ]
    }),
  )
  return Object.fromEntries(columns) as AccuracyColumns
}

export interface MemberRow {
  readonly level: string
  readonly split: Split
  readonly seed: number
  readonly top1: number
  readonly top5: number
  readonly recalls: readonly number[]
}

/** A row a level, split and member: what a resampling of the members needs. */
export function memberRows(run: AuditedRun): MemberRow[] {
  return splitsOf(run).flatMap(split =>
    run.levels.flatMap(({ level, members }, l) => {
      const tally = run.tallies[l]
      return members.map(({ seed }, member): MemberRow => {
        const { top1, top5, recalls } = tally.member(split, member)
        return { level: level.name, split, seed, top1, top5: run.ranked ? top5 : Number.NaN, recalls }
      })
    }),
  )
}

export interface OverlapRow {
  readonly level_a: string
  readonly level_b: string
  readonly pies_a: number
  readonly pies_b: number
  readonly both: number
  readonly jaccard: number
  readonly expected_both: number
}

/** A row a pair of compressed levels, over the examples of all splits. */
export function overlapRows({ levels, pies }: Pick<AuditedRun, 'levels' | 'pies'>): OverlapRow[] {
  const names = levels.slice(1).map(({ level }) => level.name)
  return pieOverlaps(pies.slice(1)).map(
    (pair): OverlapRow => ({
      level_a: names[pair.levels[0]],
      level_b: names[pair.levels[1]],
      pies_a: pair.pies[0],
      pies_b: pair.pies[1],
      both: pair.both,
      jaccard: pair.jaccard,
      expected_both: pair.expected,
    }),
  )
}

export type StabilityRow = { readonly level: string; readonly members: number } & {
  readonly [Column in `${'pies' | 'recurrence' | 'jaccard'}_${'mean' | 'low' | 'high'}`]: number
}

/** A row a compressed level and size of the populations, over the examples of all splits. */
export function stabilityRows(
  levels: AuditedRun['levels'],
  stability: readonly LevelStability[],
): StabilityRow[] {
  return stability.map(({ level, members, pies, recurrence, jaccard }) => ({
    level: levels[level].level.name,
    members,
    pies_mean: pies.mean,
    pies_low: pies.low,
    pies_high: pies.high,
    recurrence_mean: recurrence.mean,
    recurrence_low: recurrence.low,
    recurrence_high: recurrence.high,
    jaccard_mean: jaccard.mean,
    jaccard_low: jaccard.low,
    jaccard_high: jaccard.high,
  }))
}

/** The splits that have examples. */
function splitsOf({ split }: AuditedRun): Split[] {
  return splits.filter((_, index) => split.includes(index))
}
