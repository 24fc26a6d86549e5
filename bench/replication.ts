/**
 * The claims of "What Do Compressed Deep Neural Networks Forget?" (Hooker et al., arXiv 1911.05248), checked on one
 * run or more: what the paper says, our figure with its interval, and whether it holds.
 *
 *     npx tsx bench/replication.ts runs/replication-human/latest runs/replication-true/latest
 *
 * Intervals are 95 % ones by the jackknife over members (Efron and Tibshirani 1993, chapter 11): a member's seed is
 * left out of all populations at once, modal labels and PIEs are found anew, and the spread of the figures gives
 * their standard error. Unlike resampling with replacement it makes no ties by asking one member twice.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import t from '@stdlib/stats-base-dists-t'
import { readDatasetInfo } from '../src/dataset/info.js'
import { openTable } from '../src/pipeline/files.js'
import { readManifest } from '../src/pipeline/manifest.js'
import { modalLabels, pieFlags } from '../src/scoring/modal-labels.js'
import { mean, sampleDeviation } from '../src/scoring/moments.js'
import {
  float32Column,
  int32Column,
  nullableInt32Column,
  nullableStringColumn,
  stringColumn,
  vectorColumn,
} from '../src/tables/columns.js'

const { positionals: folders } = parseArgs({ allowPositionals: true })
if (folders.length === 0) throw new Error('usage: npx tsx bench/replication.ts <run folder> …')

interface Population {
  readonly level: string
  readonly members: number
  /** Class that each member predicts, [members][examples]. */
  readonly predicted: readonly Int32Array[]
  /** Mean over members, [examples, classes]; breaks ties, those of the populations less one member too. */
  readonly probabilities: Float32Array
}

interface Run {
  readonly name: string
  readonly classes: number
  /** [examples] each; the truth is null where the run does not know it. */
  readonly labels: Int32Array
  readonly isTest: Uint8Array
  readonly truth: Int32Array | null
  /** Dense first. */
  readonly populations: readonly Population[]
}

const unknown = -2

async function readRun(folder: string): Promise<Run> {
  const manifest = await readManifest(folder)
  const members = JSON.parse(await readFile(join(folder, 'members.json'), 'utf8')) as Record<
    string,
    unknown[]
  >
  const labels: number[] = []
  const isTest: number[] = []
  const truth: number[] = []
  for await (const batch of openTable(join(folder, 'scores.parquet'))) {
    labels.push(...int32Column(batch, 'label'))
    isTest.push(...stringColumn(batch, 'split').map(split => (split === 'test' ? 1 : 0)))
    if (batch.schema.fields.some(({ name }) => name === 'true_label')) {
      truth.push(...nullableInt32Column(batch, 'true_label', unknown))
    }
  }
  const populations: Population[] = []
  for (const [level, list] of Object.entries(members)) {
    const predicted = list.map(() => new Int32Array(labels.length))
    let pair = 0
    const path = join(folder, 'predictions', `${level}.parquet`)
    for await (const batch of openTable(path, { columns: ['predicted'] })) {
      for (const label of int32Column(batch, 'predicted')) {
        predicted[pair % list.length][Math.floor(pair / list.length)] = label
        pair++
      }
    }
    populations.push({
      level,
      members: list.length,
      predicted,
      probabilities: await readProbabilities(folder, level),
    })
  }
  const { classNames } = await readDatasetInfo(join(folder, 'dataset.json'))
  return {
    name: manifest.pipeline,
    classes: classNames.length,
    labels: Int32Array.from(labels),
    isTest: Uint8Array.from(isTest),
    truth: truth.length === 0 ? null : Int32Array.from(truth),
    populations,
  }
}

async function readProbabilities(folder: string, level: string): Promise<Float32Array> {
  const parts: Float32Array[] = []
  for await (const batch of openTable(join(folder, 'probabilities', `${level}.parquet`))) {
    parts.push(vectorColumn(batch, 'probabilities').values)
  }
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let offset = 0
  for (const part of parts) {
    all.set(part, offset)
    offset += part.length
  }
  return all
}

/** What the members named by `chosen` find at one level, against dense. */
interface LevelFindings {
  /** Share of the test examples. */
  readonly pieRate: number
  /** Mean accuracy of the members on test examples: all, PIEs, the others. */
  readonly all: number
  readonly pie: number
  readonly nonPie: number
  /** Of the dense members on the same PIEs. */
  readonly densePie: number
  /** Shares of wrong labels among the PIEs of the training examples, and outside. */
  readonly noiseInside: number
  readonly noiseOutside: number
  /** Over test classes: standard deviation of the change in relative recall (class recall − mean accuracy). */
  readonly spread: number
  /** Change of mean accuracy against dense. */
  readonly change: number
}

function findings(run: Run, level: Population, chosen: readonly number[]): LevelFindings {
  const dense = run.populations[0]
  const modal = (population: Population): Int32Array => {
    const votes = new Int32Array(run.labels.length * chosen.length)
    for (const [m, member] of chosen.entries()) {
      const predicted = population.predicted[member]
      for (let i = 0; i < predicted.length; i++) votes[i * chosen.length + m] = predicted[i]
    }
    return modalLabels({ predicted: votes, members: chosen.length, classes: run.classes }, 'probability')
      .modal
  }
  const pies = pieFlags(modal(dense), modal(level))
  const count = (where: (i: number) => boolean) => {
    let sum = 0
    for (let i = 0; i < pies.length; i++) if (where(i)) sum++
    return sum
  }
  const accuracy = (population: Population, where: (i: number) => boolean): number => {
    let right = 0
    for (const member of chosen) {
      const predicted = population.predicted[member]
      right += count(i => where(i) && predicted[i] === run.labels[i])
    }
    return right / (count(where) * chosen.length)
  }
  const test = (i: number) => run.isTest[i] === 1
  const pie = (i: number) => test(i) && pies[i] === 1
  const all = accuracy(level, test)
  const denseAll = accuracy(dense, test)
  const changes = Array.from({ length: run.classes }, (_, label) => {
    const ofClass = (i: number) => test(i) && run.labels[i] === label
    return accuracy(level, ofClass) - all - (accuracy(dense, ofClass) - denseAll)
  })
  const { truth } = run
  const noise = (flag: number): number => {
    if (truth === null) return Number.NaN
    const inside = (i: number) => !test(i) && pies[i] === flag && truth[i] !== unknown
    return count(i => inside(i) && truth[i] !== run.labels[i]) / count(inside)
  }
  return {
    pieRate: count(pie) / count(test),
    all,
    pie: accuracy(level, pie),
    nonPie: accuracy(level, i => test(i) && pies[i] === 0),
    densePie: accuracy(dense, pie),
    noiseInside: noise(1),
    noiseOutside: noise(0),
    spread: sampleDeviation(changes),
    change: all - denseAll,
  }
}

interface Interval {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** The figure of all members, and its interval from those of all members but one. */
function jackknife(value: number, leftOut: readonly number[]): Interval {
  const n = leftOut.length
  const centre = mean(leftOut)
  const error = Math.sqrt(((n - 1) / n) * leftOut.reduce((sum, other) => sum + (other - centre) ** 2, 0))
  const reach = t.quantile(0.975, n - 1) * error
  return { value, low: value - reach, high: value + reach }
}

class Findings {
  readonly #whole: LevelFindings
  readonly #leftOut: readonly LevelFindings[]

  constructor(
    run: Run,
    readonly level: Population,
  ) {
    const everybody = Array.from({ length: level.members }, (_, member) => member)
    this.#whole = findings(run, level, everybody)
    this.#leftOut = everybody.map(gone =>
      findings(
        run,
        level,
        everybody.filter(member => member !== gone),
      ),
    )
  }

  of(figure: (findings: LevelFindings) => number): Interval {
    return jackknife(figure(this.#whole), this.#leftOut.map(figure))
  }

  /** A figure that takes this level and another. */
  against(other: Findings, figure: (own: LevelFindings, other: LevelFindings) => number): Interval {
    return jackknife(
      figure(this.#whole, other.#whole),
      this.#leftOut.map((own, i) => figure(own, other.#leftOut[i])),
    )
  }
}

const percent = ({ value, low, high }: Interval, digits = 1): string =>
  // Without one member there may be no PIE at all.
  Number.isNaN(value + low)
    ? '–'
    : `${(100 * value).toFixed(digits)} (${(100 * low).toFixed(digits)} … ${(100 * high).toFixed(digits)})`
const times = ({ value, low, high }: Interval): string =>
  `${value.toFixed(2)} (${low.toFixed(2)} … ${high.toFixed(2)})`
const verdict = ({ low, high }: Interval): string => (low > 0 ? 'holds' : high < 0 ? 'reversed' : 'not shown')

interface Corrupted {
  readonly level: string
  readonly corruption: string
  readonly severity: number | null
  readonly relative: number
}

async function readRobustness(folder: string): Promise<Corrupted[]> {
  const path = join(folder, 'robustness.parquet')
  if (!existsSync(path)) return []
  const rows: Corrupted[] = []
  for await (const batch of openTable(path)) {
    const level = stringColumn(batch, 'level')
    const corruption = nullableStringColumn(batch, 'corruption')
    const severity = nullableInt32Column(batch, 'severity', 0)
    const relative = float32Column(batch, 'relative_top1')
    for (let row = 0; row < batch.numRows; row++) {
      rows.push({
        level: level[row],
        corruption: corruption[row] ?? 'mean',
        severity: severity[row] || null,
        relative: relative[row],
      })
    }
  }
  return rows
}

/** A table in Markdown. */
function print(head: readonly string[], rows: readonly (readonly string[])[]): void {
  for (const cells of [head, head.map(() => '---'), ...rows]) console.log(`| ${cells.join(' | ')} |`)
  console.log()
}

for (const folder of folders) {
  const run = await readRun(folder)
  const compressed = run.populations.slice(1).map(level => new Findings(run, level))
  const byName = new Map(compressed.map(level => [level.level.level, level]))
  const sparse = compressed.filter(({ level }) => /^magnitude-[\d.]+$/.test(level.level))
  console.log(`\n## ${run.name}: ${run.populations[0].members} members a level\n`)
  print(
    [
      'level',
      'top-1, test, %',
      'PIE rate, %',
      'top-1 on PIEs',
      'dense on them',
      'top-1 on the rest',
      'spread, points',
      'wrong labels in PIEs, %',
      'outside, %',
    ],
    compressed.map(found => [
      found.level.level,
      percent(found.of(({ all }) => all)),
      percent(found.of(({ pieRate }) => pieRate)),
      percent(found.of(({ pie }) => pie)),
      percent(found.of(({ densePie }) => densePie)),
      percent(found.of(({ nonPie }) => nonPie)),
      percent(
        found.of(({ spread }) => spread),
        2,
      ),
      percent(found.of(({ noiseInside }) => noiseInside)),
      percent(found.of(({ noiseOutside }) => noiseOutside)),
    ]),
  )
  const claims: [string, string, string][] = []
  const claim = (text: string, interval: Interval, show = percent) =>
    claims.push([text, show(interval), verdict(interval)])
  for (const found of sparse) {
    const { level } = found.level
    claim(
      `${level}: accuracy on all − on PIEs`,
      found.of(({ all, pie }) => all - pie),
    )
    claim(
      `${level}: accuracy outside PIEs − on all`,
      found.of(({ all, nonPie }) => nonPie - all),
    )
  }
  for (const [index, found] of sparse.entries()) {
    const before = sparse[index - 1]
    if (before === undefined) continue
    claim(
      `PIE rate: ${found.level.level} − ${before.level.level}`,
      found.against(before, (own, other) => own.pieRate - other.pieRate),
    )
    claim(
      `spread of relative recall: ${found.level.level} − ${before.level.level}`,
      found.against(before, (own, other) => own.spread - other.spread),
    )
  }
  for (const name of ['float16', 'int8-dynamic', 'int8-static']) {
    const [quantized, mildest] = [byName.get(name), sparse[0]]
    if (quantized === undefined || mildest === undefined) continue
    claim(
      `spread of relative recall: ${mildest.level.level} − ${name}`,
      mildest.against(quantized, (own, other) => own.spread - other.spread),
    )
  }
  if (run.truth !== null) {
    for (const found of compressed) {
      const ratio = found.of(({ noiseInside, noiseOutside }) => noiseInside / noiseOutside)
      claims.push([
        `${found.level.level}: wrong labels among PIEs ÷ outside`,
        times(ratio),
        verdict({ ...ratio, low: ratio.low - 1, high: ratio.high - 1 }),
      ])
      claim(
        `${found.level.level}: wrong labels among PIEs`,
        found.of(({ noiseInside }) => noiseInside),
      )
    }
  }
  print(['claim, in points where nothing else is said', 'figure (95 % interval)', ''], claims)
  const robustness = (await readRobustness(folder)).filter(({ severity }) => severity === null)
  if (robustness.length > 0) {
    const levels = [...new Set(robustness.map(({ level }) => level))]
    const corruptions = [...new Set(robustness.map(({ corruption }) => corruption))]
    print(
      ['relative to clean, %', ...levels],
      corruptions.map(corruption => [
        corruption,
        ...levels.map(level => {
          const row = robustness.find(other => other.level === level && other.corruption === corruption)
          return row === undefined ? '–' : (100 * row.relative).toFixed(1)
        }),
      ]),
    )
  }
}
