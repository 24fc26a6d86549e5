/**
 * How well runs find wrong labels, where they know the truth (`dataset.trueLabel`), beside cleanlab on the same mean
 * probabilities. Every run is scored anew by the code at hand; nothing is trained.
 *
 *     npx tsx bench/labels.ts <run folder>… [--split train] [--matrix]
 *
 * A row a run: what label quality finds against the best of cleanlab's scores, which is chosen by the truth. cleanlab
 * gets the mean probabilities of the dense members, its ensemble score those of all levels; pieline uses all levels and
 * neighbours, or with `--matrix` those same dense probabilities alone. Of one run, a row for each of cleanlab's scores as well.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { pipelineSchema } from '../src/pipeline/config.js'
import { openTable } from '../src/pipeline/files.js'
import { levelsOf } from '../src/pipeline/levels.js'
import { readManifest } from '../src/pipeline/manifest.js'
import { splits } from '../src/scoring/accuracy-tally.js'
import { precisionAt } from '../src/scoring/detection-metrics.js'
import { compareWithTruth, type TruthComparison, unknownTruth } from '../src/scoring/known-truth.js'
import {
  booleanColumn,
  float32Column,
  int32Column,
  nullableInt32Column,
  numberColumn,
  stringColumn,
} from '../src/tables/columns.js'
import { PeerProcess, peersPython } from './peers/python.js'
import { runScoreStage } from './score-stage.js'

const { values: flags, positionals: folders } = parseArgs({
  allowPositionals: true,
  options: { split: { type: 'string', default: 'train' }, matrix: { type: 'boolean', default: false } },
})
const { split } = flags
if (folders.length === 0 || !splits.some(name => name === split)) {
  throw new Error(`usage: npx tsx bench/labels.ts <run folder>… [--split ${splits.join('|')}] [--matrix]`)
}

/** The examples of the split whose truth is known, and what a table of scores says of them. */
interface Scored {
  readonly labels: Int32Array
  readonly truth: Int32Array
  readonly quality: Float32Array
  readonly issues: Uint8Array
  readonly suggested: Int32Array
}

interface CleanlabAnswer {
  readonly scores: Readonly<Record<string, number[]>>
  readonly issues: Readonly<Record<string, number[]>>
  readonly predicted: number[]
  readonly seconds: number
}

/** Scores a run anew into a folder. @returns levels it has, and seconds that it took */
async function rescore(folder: string, output: string): Promise<{ levels: string[]; seconds: number }> {
  const { config } = await readManifest(folder)
  const pipeline = pipelineSchema.parse({
    ...(config as object),
    scoring: {},
    ...(flags.matrix ? { compress: [] } : {}),
    ...(flags.matrix || !existsSync(join(folder, 'inspection.parquet')) ? { inspect: false } : {}),
  })
  const begin = performance.now()
  await runScoreStage(pipeline, folder, output)
  const levels = levelsOf(pipeline).map(({ name }) => name)
  return { levels, seconds: (performance.now() - begin) / 1000 }
}

async function readScores(path: string): Promise<Scored> {
  const columns: Record<keyof Scored, number[]> = {
    labels: [],
    truth: [],
    quality: [],
    issues: [],
    suggested: [],
  }
  for await (const batch of openTable(path)) {
    const own = stringColumn(batch, 'split')
    const truth = nullableInt32Column(batch, 'true_label', unknownTruth)
    const values = {
      labels: int32Column(batch, 'label'),
      truth,
      quality: float32Column(batch, 'label_quality'),
      issues: booleanColumn(batch, 'is_label_issue'),
      suggested: int32Column(batch, 'suggested_label'),
    }
    for (let row = 0; row < batch.numRows; row++) {
      if (own[row] !== split || truth[row] === unknownTruth) continue
      for (const [name, column] of Object.entries(values)) columns[name as keyof Scored].push(column[row])
    }
  }
  return {
    labels: Int32Array.from(columns.labels),
    truth: Int32Array.from(columns.truth),
    quality: Float32Array.from(columns.quality),
    issues: Uint8Array.from(columns.issues),
    suggested: Int32Array.from(columns.suggested),
  }
}

/** Estimated wrong labels of the split. */
async function estimateOf(path: string): Promise<number> {
  let sum = 0
  for await (const batch of openTable(path)) {
    const own = stringColumn(batch, 'split')
    const likely = numberColumn(batch, 'likely_label')
    const count = numberColumn(batch, 'count')
    for (let row = 0; row < batch.numRows; row++) {
      if (own[row] === split && likely[row] === null) sum += count[row]!
    }
  }
  return sum
}

const percent = (value: number): string => (Number.isNaN(value) ? '–' : `${(100 * value).toFixed(1)}`)
const sum = (flags: ArrayLike<number>): number => Array.from(flags).reduce((total, flag) => total + flag, 0)

/** Harmonic mean of the precision and recall of marks. */
function f1({ labels, truth }: Scored, marks: ArrayLike<number>): number {
  let hits = 0
  let wrong = 0
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === truth[i]) continue
    wrong++
    hits += marks[i]
  }
  return (2 * hits) / (sum(marks) + wrong)
}

/** Share of the marked wrong labels whose suggestion is the true one. */
function suggestionAccuracy({ labels, truth, issues }: Scored, suggested: ArrayLike<number>): number {
  const marked = Array.from(labels.keys()).filter(i => issues[i] && truth[i] !== labels[i])
  return marked.filter(i => suggested[i] === truth[i]).length / marked.length
}

/** The entry of the highest value. */
const best = (values: Readonly<Record<string, number>>): [name: string, value: number] =>
  Object.entries(values).reduce(
    (first, next) => (next[1] > first[1] || Number.isNaN(first[1]) ? next : first),
    ['–', Number.NaN],
  )

const python = peersPython()
const peer = python === null ? undefined : new PeerProcess(python, './label_quality.py', 1)
const version = peer === undefined ? undefined : (await peer.read<{ version: string }>()).version
const style = { head: [], border: [] }
const grid = new Table({
  head: [
    ...[
      'run',
      'wrong %',
      'AP',
      'cleanlab AP',
      'by',
      'AUROC',
      'cleanlab',
      'P@noise',
      'cleanlab',
      'estimate %',
    ],
    ...['cleanlab', 'marked F1', 'cleanlab', 'by', 'suggested', 'argmax', 'ECE', 'seconds', 'cleanlab'],
  ],
  style,
})
const methods = new Table({ head: ['label quality by', 'AUROC', 'AP', 'P@1 %', 'P@5 %'], style })

for (const folder of folders.map(path => resolve(path))) {
  const output = await mkdtemp(join(tmpdir(), 'pieline-labels-'))
  try {
    const { levels, seconds } = await rescore(folder, output)
    const scores = join(output, 'scores.parquet')
    const scored = await readScores(scores)
    const { labels, truth, quality, issues } = scored
    const estimate = await estimateOf(join(output, 'noise.parquet'))
    const cleanlab = await peer?.ask<CleanlabAnswer>({
      scores,
      probabilities: levels.map(level => join(folder, 'probabilities', `${level}.parquet`)),
      split,
    })
    const share = (count: number) => percent(count / labels.length)
    const wrong = labels.filter((label, i) => label !== truth[i]).length
    const ours = compareWithTruth(scored, quality, issues)
    const theirs: Record<string, TruthComparison> = {}
    for (const [method, values] of Object.entries(cleanlab?.scores ?? {})) {
      const compared = compareWithTruth(scored, values, issues)
      if (compared) theirs[method] = compared
    }
    const positive = Uint8Array.from(labels, (label, i) => (label === truth[i] ? 0 : 1))
    const atNoise = (values: ArrayLike<number>) =>
      wrong === 0
        ? Number.NaN
        : precisionAt(
            Float64Array.from(values, value => -value),
            positive,
            wrong,
          )
    const bestOf = (value: (comparison: TruthComparison) => number) =>
      best(Object.fromEntries(Object.entries(theirs).map(([name, found]) => [name, value(found)])))
    const [bestMethod, bestPrecision] = bestOf(({ averagePrecision }) => averagePrecision)
    const [bestFilter, bestF1] = best(
      Object.fromEntries(
        Object.entries(cleanlab?.issues ?? {}).map(([name, marks]) => [name, f1(scored, marks)]),
      ),
    )
    const defaultMarks = cleanlab?.issues.prune_by_noise_rate
    grid.push([
      basename(folder) === 'latest' || /^\d{8}T/.test(basename(folder))
        ? basename(dirname(folder))
        : basename(folder),
      share(wrong),
      ours?.averagePrecision.toFixed(4) ?? '–',
      bestPrecision.toFixed(4),
      bestMethod,
      ours?.auroc.toFixed(4) ?? '–',
      bestOf(({ auroc }) => auroc)[1].toFixed(4),
      percent(atNoise(quality)),
      percent(Math.max(...Object.values(cleanlab?.scores ?? {}).map(atNoise))),
      share(estimate),
      defaultMarks ? share(sum(defaultMarks)) : '–',
      f1(scored, issues).toFixed(3),
      bestF1.toFixed(3),
      bestFilter,
      percent(suggestionAccuracy(scored, scored.suggested)),
      percent(suggestionAccuracy(scored, cleanlab?.predicted ?? [])),
      ours?.calibrationError.toFixed(3) ?? '–',
      seconds.toFixed(1),
      cleanlab?.seconds.toFixed(1) ?? '–',
    ])
    const figures = ours ? { pieline: ours, ...theirs } : theirs
    for (const [name, { auroc, averagePrecision, precisionAt1, precisionAt5 }] of Object.entries(figures)) {
      methods.push([
        name,
        auroc.toFixed(4),
        averagePrecision.toFixed(4),
        percent(precisionAt1),
        percent(precisionAt5),
      ])
    }
  } finally {
    await rm(output, { recursive: true })
  }
}
peer?.close()
console.log(`${split}; cleanlab ${version ?? 'is not installed'}`)
console.log(grid.toString())
if (folders.length === 1) console.log(methods.toString())
