/**
 * How well runs find wrong labels, where they know the truth (`dataset.trueLabel`), beside cleanlab on the same mean
 * probabilities and features, and beside AUM and data maps where members are perceptrons (`mlp`). Every run is scored
 * anew by the code at hand; no member is trained.
 *
 *     npx tsx bench/labels.ts <run folder>… [--split train] [--matrix]
 *
 * A row a run: what label quality finds against the best of the peers' scores, which is chosen by the truth. cleanlab
 * gets the mean probabilities of the dense members, its ensemble scores those of all levels; pieline uses all levels and
 * neighbours, or with `--matrix` those same dense probabilities alone. Of one run, a row for each of the peers' scores
 * as well; of several that differ in their seed alone (`…-seed-1`), the spread over seeds.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { type Pipeline, pipelineSchema } from '../src/pipeline/config.js'
import { openTable } from '../src/pipeline/files.js'
import { levelsOf } from '../src/pipeline/levels.js'
import { readManifest } from '../src/pipeline/manifest.js'
import { splits } from '../src/scoring/accuracy-tally.js'
import { precisionAt } from '../src/scoring/detection-metrics.js'
import { compareWithTruth, type TruthComparison, unknownTruth } from '../src/scoring/known-truth.js'
import { score } from '../src/stages/score.js'
import {
  booleanColumn,
  float32Column,
  int32Column,
  nullableInt32Column,
  numberColumn,
  stringColumn,
} from '../src/tables/columns.js'
import { runAlone } from './alone.js'
import { PeerProcess, peersPython } from './peers/python.js'

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

interface PeersAnswer {
  readonly scores: Readonly<Record<string, number[]>>
  readonly issues: Readonly<Record<string, number[]>>
  readonly predicted: number[]
  readonly seconds: number
}

interface Rescored {
  readonly levels: string[]
  readonly model: Pipeline['model']
  readonly seconds: number
}

/** Scores a run anew into a folder. @returns levels it has, its network, and the seconds that scoring took */
async function rescore(folder: string, output: string): Promise<Rescored> {
  const { config } = await readManifest(folder)
  const pipeline = pipelineSchema.parse({
    ...(config as object),
    scoring: {},
    // One matrix knows nothing of members that learned the labels.
    ...(flags.matrix ? { compress: [], population: { crossFit: 0 } } : {}),
    ...(flags.matrix || !existsSync(join(folder, 'inspection.parquet')) ? { inspect: false } : {}),
  })
  const begin = performance.now()
  await runAlone(score, pipeline, folder, output)
  const levels = levelsOf(pipeline).map(({ name }) => name)
  return { levels, model: pipeline.model, seconds: (performance.now() - begin) / 1000 }
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

const percent = (value: number): string => (Number.isFinite(value) ? `${(100 * value).toFixed(1)}` : '–')
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

/** What a run is called: the folder above where its own is a date or `latest`. */
const nameOf = (folder: string): string =>
  basename(folder) === 'latest' || /^\d{8}T/.test(basename(folder))
    ? basename(dirname(folder))
    : basename(folder)

/** Mean and standard deviation over seeds. */
function spread(values: readonly number[]): string {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return `${mean.toFixed(3)} ± ${Math.sqrt(squares / (values.length - 1)).toFixed(3)}`
}

const python = peersPython()
const peer = python === null ? undefined : new PeerProcess(python, './label_quality.py', 1)
const version = peer === undefined ? undefined : (await peer.read<{ version: string }>()).version
const style = { head: [], border: [] }
const grid = new Table({
  head: [
    ...['run', 'wrong %', 'AP', 'peers’ AP', 'by', 'AUROC', 'peers’', 'P@noise', 'peers’', 'estimate %'],
    ...['cleanlab', 'marked F1', 'peers’', 'by', 'suggested', 'argmax', 'ECE', 'seconds', 'cleanlab'],
  ],
  style,
})
/** Figures of every seed of a cell. */
const seeds = new Map<string, Record<string, number>[]>()
const methods = new Table({ head: ['label quality by', 'AUROC', 'AP', 'P@1 %', 'P@5 %'], style })

for (const folder of folders.map(path => resolve(path))) {
  const output = await mkdtemp(join(tmpdir(), 'pieline-labels-'))
  try {
    const { levels, model, seconds } = await rescore(folder, output)
    const { architecture, epochs } = model
    const features = join(folder, 'features.npy')
    const scores = join(output, 'scores.parquet')
    const scored = await readScores(scores)
    const { labels, truth, quality, issues } = scored
    const estimate = await estimateOf(join(output, 'noise.parquet'))
    const cleanlab = await peer?.ask<PeersAnswer>({
      scores,
      probabilities: levels.map(level => join(folder, 'probabilities', `${level}.parquet`)),
      split,
      features: existsSync(features) ? features : null,
      dynamics: architecture === 'mlp' ? { inputs: join(folder, 'inputs.npy'), epochs } : null,
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
      nameOf(folder),
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
    const cell = nameOf(folder).replace(/-seed-\d+$/, '')
    const ofCell = seeds.get(cell) ?? []
    seeds.set(cell, [
      ...ofCell,
      {
        AP: ours?.averagePrecision ?? Number.NaN,
        'AP − peers’': (ours?.averagePrecision ?? Number.NaN) - bestPrecision,
        'estimate − wrong, points': (100 * (estimate - wrong)) / labels.length,
      },
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
for (const [cell, figures] of seeds) {
  if (figures.length < 2) continue
  const words = Object.keys(figures[0]).map(name => `${name} ${spread(figures.map(of => of[name]))}`)
  console.log(`${cell}, ${figures.length} seeds: ${words.join(', ')}`)
}
