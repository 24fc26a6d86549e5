/** The methods of finished runs, as they are set side by side. */
import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ConfigError } from '../errors.js'
import { didYouMean } from '../nearest.js'
import { openTable } from '../pipeline/files.js'
import type { Run } from '../pipeline/runs.js'
import {
  type ComparedLevel,
  type ComparedMember,
  type Comparison,
  compareFairly,
  equalities,
  type MethodLine,
} from '../scoring/fair-comparison.js'
import { float64Column, numberColumn, stringColumn, vectorColumn } from '../tables/columns.js'

/** By what levels are of equal size. */
export const sizeMeasures = ['weights', 'bytes'] as const
/** `weights`: bytes that the weights which are not zero take; `bytes`: of the whole ONNX file. */
export type SizeMeasure = (typeof sizeMeasures)[number]

/** What is set beside each other, and by which size. */
export interface CompareOptions {
  /** Beside this level alone. */
  readonly level?: string
  /** What equal size means; the weights that are not zero when absent. */
  readonly size?: SizeMeasure
}

/**
 * Sets the compression methods of finished runs side by side: at each level, what the others do at its size, and at
 * its accuracy.
 * @throws ConfigError if a run has no table of members, or none has the level
 */
export async function compareRuns(
  runs: readonly Run[],
  { level, size = 'weights' }: CompareOptions = {},
): Promise<Comparison[]> {
  const found = await Promise.all(
    runs.map(({ folder, manifest }) =>
      methodLines(folder, size, runs.length > 1 ? labelOf(manifest, runs) : ''),
    ),
  )
  const lines = found.flat()
  const levels = lines.flatMap(line => line.levels.map(other => other.level))
  if (level !== undefined && !levels.includes(level)) {
    throw new ConfigError(`there is no level "${level}"`, {
      mend: `${didYouMean(level, levels)}The levels are ${[...new Set(levels)].join(', ')}.`,
    })
  }
  return equalities.flatMap(equal =>
    compareFairly(lines, equal).filter(comparison => level === undefined || comparison.level === level),
  )
}

/** A run by its pipeline, and by its id where several are of one pipeline. */
function labelOf({ pipeline, run }: Run['manifest'], runs: readonly Run[]): string {
  const same = runs.filter(({ manifest }) => manifest.pipeline === pipeline)
  return same.length > 1 ? `${pipeline}/${run}` : pipeline
}

/**
 * The lines of a run's methods, on its test examples where it has any. Pruned levels pass into dense; a quantization is
 * a line of one level.
 *
 * @param name of the run, before its methods where several runs are compared
 * @throws ConfigError if the run has no table of members
 */
export async function methodLines(folder: string, measure: SizeMeasure, name = ''): Promise<MethodLine[]> {
  const members = await readMembers(join(folder, 'members.parquet'))
  const robustness = await readRobustness(join(folder, 'robustness.parquet'))
  const levels: (ComparedLevel & { method: string; bits: number | null })[] = []
  for await (const batch of openTable(join(folder, 'levels.parquet'))) {
    const [splits, names] = [stringColumn(batch, 'split'), stringColumn(batch, 'level')]
    const [bits, bytes] = [numberColumn(batch, 'bits'), numberColumn(batch, 'size_bytes')]
    const nonZero = numberColumn(batch, 'nonzero_weights')
    const significant = numberColumn(batch, 'significant_classes')
    const pieRate = float64Column(batch, 'pie_rate')
    for (const [row, level] of names.entries()) {
      if (splits[row] !== members.split) continue
      const size =
        measure === 'bytes'
          ? bytes[row]
          : (Number(nonZero[row] ?? Number.NaN) * (bits[row] ?? Number.NaN)) / 8
      // The row of dense counts the PIEs of any level; dense itself has none.
      const isDense = levels.length === 0
      const figures = {
        significantClasses: Number(significant[row]),
        pieRate: isDense ? 0 : pieRate[row],
      }
      levels.push({
        level,
        method: level.replace(/-(0(\.\d+)?|1)(?=\+|$)/, ''),
        bits: bits[row],
        size: size === null ? Number.NaN : Number(size),
        members: members.of.get(level)!,
        figures:
          robustness.size === 0 ? figures : { ...figures, robustness: robustness.get(level) ?? Number.NaN },
      })
    }
  }
  const [dense, ...compressed] = levels
  if (Number.isNaN(dense.size)) {
    throw new ConfigError('sizes are unknown where predictions alone were scored', { file: folder })
  }
  const methods = [...new Set(compressed.map(({ method }) => method))]
  return methods.map((method): MethodLine => {
    const own = compressed.filter(level => level.method === method)
    const isPruned = own.some(({ level }) => level !== method) && own.every(({ bits }) => bits === dense.bits)
    return {
      method: name === '' ? method : `${name}: ${method}`,
      dense,
      levels: [...own, ...(isPruned ? [dense] : [])].sort((a, b) => a.size - b.size),
      run: folder,
    }
  })
}

/** The members of each level on the last split of the table, in the order of their seeds. */
async function readMembers(path: string): Promise<{ split: string; of: Map<string, ComparedMember[]> }> {
  if (!(await exists(path))) {
    throw new ConfigError(`${basename(path)} is not there`, {
      file: path,
      mend: 'The run is of an earlier version, or not finished: run its pipeline again.',
    })
  }
  const rows: { level: string; split: string; member: ComparedMember }[] = []
  for await (const batch of openTable(path)) {
    const [levels, splits] = [stringColumn(batch, 'level'), stringColumn(batch, 'split')]
    const top1 = numberColumn(batch, 'top1')
    const { values, size } = vectorColumn(batch, 'recalls')
    for (const [row, level] of levels.entries()) {
      const recalls = values.slice(row * size, (row + 1) * size)
      rows.push({ level, split: splits[row], member: { top1: top1[row] ?? Number.NaN, recalls } })
    }
  }
  const split = rows[rows.length - 1].split
  const of = new Map<string, ComparedMember[]>()
  for (const row of rows) {
    if (row.split !== split || Number.isNaN(row.member.top1)) continue
    of.set(row.level, [...(of.get(row.level) ?? []), row.member])
  }
  return { split, of }
}

/** Mean accuracy of each level over the corruptions; nothing where the run has none. */
async function readRobustness(path: string): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  if (!(await exists(path))) return found
  for await (const batch of openTable(path)) {
    const [levels, corruptions] = [stringColumn(batch, 'level'), stringColumn(batch, 'corruption')]
    const [categories, top1] = [stringColumn(batch, 'category'), float64Column(batch, 'top1_mean')]
    for (const [row, level] of levels.entries()) {
      if (corruptions[row] === 'mean' && categories[row] === 'all') found.set(level, top1[row])
    }
  }
  return found
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
