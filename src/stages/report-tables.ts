/** The tables of a run as the report takes them. */
import { beginning } from '../dataset/shown-text.js'
import { hintKinds } from '../inspection/hints.js'
import { openTable } from '../pipeline/files.js'
import type {
  ArmSummary,
  ClassImpact,
  DataChecks,
  LabelSummary,
  LevelOverlap,
  LevelStability,
  LevelSummary,
  RobustnessSummary,
  SplitSummary,
  Spread,
  Suspect,
} from '../report/data.js'
import { LabelTally } from '../report/label-summary.js'
import { SuspectChoice } from '../report/suspect-choice.js'
import { classTests } from '../scoring/class-impact.js'
import type { DecisionRule } from '../scoring/decision.js'
import { unknownTruth } from '../scoring/known-truth.js'
import { estimatedCount } from '../scoring/noise-counts.js'
import {
  booleanColumn,
  float32Column,
  imageColumn,
  int32Column,
  nullableInt32Column,
  nullableStringColumn,
  numberColumn,
  stringColumn,
  stringListColumn,
  vectorColumn,
} from '../tables/columns.js'

/** A row of a small table. */
type Row = Readonly<Record<string, unknown>>

/** All rows of a table that has few. */
async function readRows(path: string): Promise<Row[]> {
  const rows: Row[] = []
  for await (const batch of openTable(path)) {
    for (let row = 0; row < batch.numRows; row++) rows.push(batch.get(row)!.toJSON())
  }
  return rows
}

/** A number; NaN for null. */
const number = (row: Row, column: string): number => (row[column] == null ? Number.NaN : Number(row[column]))

const spread = (row: Row, column: string): Spread => ({
  mean: number(row, `${column}_mean`),
  sd: number(row, `${column}_sd`),
})

/** `levels.parquet` by split, the levels in the given order. */
export async function readLevels(path: string, order: readonly string[]): Promise<SplitSummary[]> {
  const splits = new Map<string, { split: string; examples: number; levels: LevelSummary[] }>()
  for (const row of await readRows(path)) {
    const split = String(row.split)
    const summary = splits.get(split) ?? { split, examples: number(row, 'examples'), levels: [] }
    splits.set(split, summary)
    summary.levels.push({
      name: String(row.level),
      method: String(row.method),
      sparsity: number(row, 'sparsity'),
      bits: number(row, 'bits'),
      members: number(row, 'members'),
      bytes: number(row, 'size_bytes'),
      top1: spread(row, 'top1'),
      top5: spread(row, 'top5'),
      top1OnPies: spread(row, 'pie_top1'),
      top1OffPies: spread(row, 'non_pie_top1'),
      pies: number(row, 'pies'),
      pieRate: number(row, 'pie_rate'),
      significantClasses: number(row, 'significant_classes'),
      test: classTests.find(test => test === row.test),
      detectableChange: number(row, 'detectable_change'),
      impactSpread: number(row, 'impact_spread'),
      worstTenthShare: number(row, 'worst_tenth_share'),
    })
  }
  for (const { levels } of splits.values()) {
    levels.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
  }
  return [...splits.values()]
}

/** `classes.parquet`. */
export async function readClasses(path: string): Promise<ClassImpact[]> {
  return (await readRows(path)).map(row => ({
    level: String(row.level),
    split: String(row.split),
    class: number(row, 'class'),
    ...(row.group == null ? {} : { group: `${row.group} = ${row.group_value}` }),
    examples: number(row, 'n'),
    denseRecall: spread(row, 'dense_recall'),
    levelRecall: spread(row, 'recall'),
    relativeChange: number(row, 'relative_change'),
    q: number(row, 'q'),
    significant: row.significant === true,
  }))
}

/** The means of `robustness.parquet` over categories, and its natural sets. */
export async function readRobustness(path: string): Promise<RobustnessSummary[]> {
  return (await readRows(path))
    .filter(row => row.corruption === 'mean' || row.category === 'natural')
    .map(row => ({
      level: String(row.level),
      category: String(row.corruption === 'mean' ? row.category : row.corruption),
      top1: spread(row, 'top1'),
      clean: number(row, 'clean_top1_mean'),
      relative: number(row, 'relative_top1'),
      relativeToDense: number(row, 'relative_to_dense'),
      p: number(row, 'p'),
    }))
}

/** `overlap.parquet`. */
export async function readOverlaps(path: string): Promise<LevelOverlap[]> {
  return (await readRows(path)).map(row => ({
    levels: [String(row.level_a), String(row.level_b)],
    both: number(row, 'both'),
    jaccard: number(row, 'jaccard'),
    expected: number(row, 'expected_both'),
  }))
}

/** `stability.parquet`. */
export async function readStability(path: string): Promise<LevelStability[]> {
  const resampled = (row: Row, column: string) => ({
    mean: number(row, `${column}_mean`),
    low: number(row, `${column}_low`),
    high: number(row, `${column}_high`),
  })
  return (await readRows(path)).map(row => ({
    level: String(row.level),
    members: number(row, 'members'),
    pies: resampled(row, 'pies'),
    recurrence: resampled(row, 'recurrence'),
  }))
}

/** `retrain.parquet`: an arm's means stand in the row without a seed. */
export async function readArms(path: string): Promise<ArmSummary[]> {
  const rows = await readRows(path)
  return rows
    .filter(row => row.seed == null)
    .map(row => ({
      arm: String(row.arm),
      examples: number(row, 'n'),
      relabeled: number(row, 'relabeled'),
      runs: rows.filter(run => run.arm === row.arm && run.seed != null).map(run => number(run, 'top1')),
      top1: { mean: number(row, 'top1'), sd: number(row, 'top1_sd') },
      top1OnPies: number(row, 'pie_top1'),
      top1OffPies: number(row, 'non_pie_top1'),
      ...(row.over_random == null ? {} : { overRandom: interval(row, 'over_random') }),
      ...(row.arm === 'all' || row.difference == null ? {} : { difference: interval(row, 'difference') }),
    }))
}

function interval(row: Parameters<typeof number>[0], name: string) {
  return { mean: number(row, name), low: number(row, `${name}_low`), high: number(row, `${name}_high`) }
}

type WrongLabels = Pick<LabelSummary, 'wrong' | 'wrongByClass' | 'noise'>

/** `noise.parquet`: the estimated number of wrong labels and what they likely are, over both splits. */
export async function readWrongLabels(path: string, byClass: LabelSummary['byClass']): Promise<WrongLabels> {
  const counts = byClass.map(() => 0)
  const pairs = new Map<string, { given: number; suggested: number; examples: number }>()
  for (const row of await readRows(path)) {
    const [given, likely, count] = [number(row, 'label'), number(row, 'likely_label'), number(row, 'count')]
    if (Number.isNaN(likely)) counts[given] += count
    else if (likely !== given) {
      const key = `${given} ${likely}`
      const examples = (pairs.get(key)?.examples ?? 0) + count
      pairs.set(key, { given, suggested: likely, examples })
    }
  }
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  return {
    wrong: estimatedCount(sum(counts), sum(byClass.map(({ examples }) => examples))),
    wrongByClass: counts.map((count, c) => estimatedCount(count, byClass[c].examples)),
    noise: [...pairs.values()].sort((a, b) => b.examples - a.examples),
  }
}

/** Streams `scores.parquet`. */
export async function readLabels(
  path: string,
  dataset: { readonly classes: number; readonly examples: number; readonly trueLabel: boolean },
  rule: DecisionRule,
): Promise<Omit<LabelSummary, keyof WrongLabels>> {
  const tally = new LabelTally(dataset.classes, dataset.examples)
  const columns = ['split', 'label', 'label_quality', 'is_label_issue', 'suggested_label']
  if (dataset.trueLabel) columns.push('true_label')
  for await (const batch of openTable(path, { columns })) {
    tally.add({
      split: stringColumn(batch, 'split'),
      label: int32Column(batch, 'label'),
      labelQuality: float32Column(batch, 'label_quality'),
      isLabelIssue: booleanColumn(batch, 'is_label_issue'),
      suggestedLabel: int32Column(batch, 'suggested_label'),
      ...(dataset.trueLabel ? { trueLabel: nullableInt32Column(batch, 'true_label', unknownTruth) } : {}),
    })
  }
  return tally.summary(rule)
}

/** Streams `inspection.parquet`. */
export async function readChecks(path: string): Promise<DataChecks> {
  const tallies = new Map<string, Map<string, number>>()
  let leaks = 0
  let otherLabel = 0
  let agreement = 0
  let judged = 0
  const columns = ['split', 'hints', 'neighbor_agreement']
  for await (const batch of openTable(path, { columns })) {
    const split = stringColumn(batch, 'split')
    const shares = numberColumn(batch, 'neighbor_agreement')
    for (const [row, hints] of stringListColumn(batch, 'hints').entries()) {
      const tally = tallies.get(split[row]!) ?? new Map<string, number>()
      tallies.set(split[row]!, tally)
      for (const hint of hints) tally.set(hint, (tally.get(hint) ?? 0) + 1)
      if (hints.includes('leak')) leaks++
      if (hints.includes('duplicate-other-label')) otherLabel++
      const share = shares[row] ?? null
      if (share !== null) {
        agreement += share
        judged++
      }
    }
  }
  const splits = [...tallies.keys()]
  return {
    splits,
    hints: hintKinds.map(kind => ({
      kind,
      bySplit: splits.map(split => tallies.get(split)!.get(kind) ?? 0),
    })),
    leaks,
    otherLabel,
    neighborAgreement: agreement / judged,
  }
}

/** Streams `pies.parquet` without pictures and features. @param levels names, `dense` first */
export async function readSuspects(path: string, levels: readonly string[]): Promise<SuspectChoice> {
  const choice = new SuspectChoice()
  const columns = [
    ...['rank', 'example_id', 'split', 'label', 'suggested_label', 'suggested_p', 'label_quality'],
    ...['disagreement', 'is_label_issue', 'hints'],
    ...levels.flatMap(level => [`modal_${level}`, `agreement_${level}`]),
    ...levels.slice(1).map(level => `is_pie_${level}`),
  ]
  for await (const batch of openTable(path, { columns })) {
    const rank = int32Column(batch, 'rank')
    const id = stringColumn(batch, 'example_id')
    const split = stringColumn(batch, 'split')
    const given = int32Column(batch, 'label')
    const suggested = int32Column(batch, 'suggested_label')
    const suggestedProbability = float32Column(batch, 'suggested_p')
    const labelQuality = float32Column(batch, 'label_quality')
    const disagreement = float32Column(batch, 'disagreement')
    const issue = booleanColumn(batch, 'is_label_issue')
    const hints = stringListColumn(batch, 'hints')
    const votes = levels.map((level, l) => ({
      modal: int32Column(batch, `modal_${level}`),
      agreement: float32Column(batch, `agreement_${level}`),
      pie: l === 0 ? undefined : booleanColumn(batch, `is_pie_${level}`),
    }))
    for (let row = 0; row < batch.numRows; row++) {
      choice.add({
        rank: rank[row]!,
        id: id[row]!,
        split: split[row]!,
        given: given[row]!,
        suggested: suggested[row]!,
        suggestedProbability: suggestedProbability[row]!,
        labelQuality: labelQuality[row]!,
        disagreement: disagreement[row]!,
        issue: issue[row] === 1,
        hints: hints[row]!,
        votes: votes.map(({ modal, agreement, pie }) => ({
          modal: modal[row]!,
          agreement: agreement[row]!,
          pie: pie?.[row] === 1,
        })),
      })
    }
  }
  return choice
}

/** The texts of the suspects with these ranks, from `pies.parquet`, cut to so many characters. */
export async function readTexts(
  path: string,
  ranks: readonly Suspect['rank'][],
  longest: number,
): Promise<Map<number, string>> {
  const wanted = new Set(ranks)
  const texts = new Map<number, string>()
  for await (const batch of openTable(path, { columns: ['rank', 'text'] })) {
    const own = nullableStringColumn(batch, 'text')
    for (const [row, rank] of int32Column(batch, 'rank').entries()) {
      const text = own[row]
      if (!wanted.has(rank) || text === null) continue
      texts.set(rank, beginning(text, longest))
    }
  }
  return texts
}

/** What a suspect looks like: its encoded image, or its features. */
export type SuspectContent = Uint8Array | Float32Array

/** The contents of the suspects with these ranks, from `pies.parquet`, in the order of their rank. */
export async function* readContents(
  path: string,
  kind: 'image' | 'features',
  ranks: readonly Suspect['rank'][],
): AsyncGenerator<[rank: number, content: SuspectContent]> {
  const wanted = new Set(ranks)
  const column = kind === 'image' ? 'image' : 'features'
  for await (const batch of openTable(path, { columns: ['rank', column] })) {
    const images = kind === 'image' ? imageColumn(batch, column) : undefined
    const vectors = kind === 'image' ? undefined : vectorColumn(batch, column)
    for (const [row, rank] of int32Column(batch, 'rank').entries()) {
      if (!wanted.delete(rank)) continue
      const content = images
        ? images[row]?.bytes
        : vectors!.values.slice(row * vectors!.size, (row + 1) * vectors!.size)
      if (content) yield [rank, content]
    }
    if (wanted.size === 0) return
  }
}
