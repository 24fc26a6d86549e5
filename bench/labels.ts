/**
 * How well a run finds wrong labels, where it knows the truth (`dataset.trueLabel`), beside cleanlab's scores from the
 * same mean probabilities of the dense population.
 *
 *     npx tsx bench/labels.ts runs/cifar10n/latest [--split train]
 *
 * First table: how PIEs and wrong labels go together, level by level. Second: label quality as a detector of wrong
 * labels; cleanlab's scores are computed from probabilities/dense.parquet alone, ours from all levels.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { openTable } from '../src/pipeline/files.js'
import { readManifest } from '../src/pipeline/manifest.js'
import { splits } from '../src/scoring/accuracy-tally.js'
import { compareWithTruth, noiseShare, unknownTruth } from '../src/scoring/known-truth.js'
import {
  booleanColumn,
  float32Column,
  int32Column,
  nullableInt32Column,
  stringColumn,
} from '../src/tables/columns.js'
import { PeerProcess, peersPython } from './peers/python.js'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { split: { type: 'string', default: 'train' } },
})
const [folder] = positionals
const { split } = flags
if (folder === undefined || !splits.some(name => name === split)) {
  throw new Error(`usage: npx tsx bench/labels.ts <run folder> [--split ${splits.join('|')}]`)
}
const scores = join(folder, 'scores.parquet')

interface Examples {
  readonly labels: Int32Array
  readonly truth: Int32Array
  readonly quality: Float32Array
  readonly issues: Uint8Array
  /** Of each compressed level, by its name. */
  readonly pies: ReadonlyMap<string, Uint8Array>
}

/** The examples of the split whose truth is known. */
async function readExamples(): Promise<Examples> {
  const labels: number[] = []
  const truth: number[] = []
  const quality: number[] = []
  const issues: number[] = []
  const pies = new Map<string, number[]>()
  for await (const batch of openTable(scores)) {
    const names = batch.schema.fields.map(({ name }) => name)
    if (!names.includes('true_label')) throw new Error(`${scores} has no true_label: the truth is not known`)
    const levels = names.filter(name => name.startsWith('is_pie_')).map(name => name.slice('is_pie_'.length))
    const columns = {
      split: stringColumn(batch, 'split'),
      label: int32Column(batch, 'label'),
      truth: nullableInt32Column(batch, 'true_label', unknownTruth),
      quality: float32Column(batch, 'label_quality'),
      issue: booleanColumn(batch, 'is_label_issue'),
    }
    const flagged = levels.map(level => booleanColumn(batch, `is_pie_${level}`))
    for (let row = 0; row < batch.numRows; row++) {
      if (columns.split[row] !== split || columns.truth[row] === unknownTruth) continue
      labels.push(columns.label[row])
      truth.push(columns.truth[row])
      quality.push(columns.quality[row])
      issues.push(columns.issue[row])
      for (const [l, level] of levels.entries()) {
        if (!pies.has(level)) pies.set(level, [])
        pies.get(level)!.push(flagged[l][row])
      }
    }
  }
  return {
    labels: Int32Array.from(labels),
    truth: Int32Array.from(truth),
    quality: Float32Array.from(quality),
    issues: Uint8Array.from(issues),
    pies: new Map([...pies].map(([level, own]) => [level, Uint8Array.from(own)])),
  }
}

/** Scores by method, low meaning wrong, of the same examples in the same order; empty where there is no cleanlab. */
async function cleanlabScores(): Promise<{ version: string; scores: Readonly<Record<string, number[]>> }> {
  const python = peersPython()
  if (python === null) return { version: 'not installed', scores: {} }
  const peer = new PeerProcess(python, './label_quality.py', 1)
  const { version } = await peer.read<{ version: string }>()
  const probabilities = join(folder, 'probabilities', 'dense.parquet')
  const answer = await peer.ask<Record<string, number[]>>({ scores, probabilities, split })
  peer.close()
  return { version, scores: answer }
}

const percent = (value: number): string => (Number.isNaN(value) ? '–' : `${(100 * value).toFixed(1)} %`)

const manifest = await readManifest(folder)
if (manifest.stages.find(({ name }) => name === 'score')?.state !== 'done') {
  throw new Error(`run ${manifest.run} is ${manifest.status}, and not scored yet`)
}
const examples = await readExamples()
const { labels, truth, quality, issues, pies } = examples
const wrong = labels.reduce((sum, label, i) => sum + (label === truth[i] ? 0 : 1), 0)
console.log(
  `${manifest.pipeline} ${manifest.run}, ${split}: ${labels.length.toLocaleString('en')} examples of known truth, ` +
    `${percent(wrong / labels.length)} of the labels wrong`,
)

const levelTable = new Table({
  head: ['level', 'PIE rate', 'wrong labels among PIEs', 'among the rest', 'ratio'],
  style: { head: [], border: [] },
})
for (const [level, flags] of pies) {
  const rate = flags.reduce((sum, flag) => sum + flag, 0) / flags.length
  const [inside, outside] = [noiseShare(examples, flags, 1), noiseShare(examples, flags, 0)]
  levelTable.push([
    level,
    percent(rate),
    percent(inside),
    percent(outside),
    Number.isNaN(inside) ? '–' : (inside / outside).toFixed(2),
  ])
}
console.log(levelTable.toString())

const cleanlab = await cleanlabScores()
const detectorTable = new Table({
  head: [
    'label quality by',
    'AUROC',
    'average precision',
    'precision at 1 %',
    'at 5 %',
    'AP, ratio to pieline',
  ],
  style: { head: [], border: [] },
})
const ours = compareWithTruth(examples, quality, issues)
if (ours === undefined) throw new Error('all labels are right, or all wrong: there is nothing to detect')
for (const [method, values] of [['pieline', quality], ...Object.entries(cleanlab.scores)] as const) {
  if (values.length !== labels.length)
    throw new Error(`${method} scores ${values.length} of ${labels.length} examples`)
  const found = compareWithTruth(examples, values, issues)!
  detectorTable.push([
    method,
    found.auroc.toFixed(4),
    found.averagePrecision.toFixed(4),
    percent(found.precisionAt1),
    percent(found.precisionAt5),
    method === 'pieline' ? '' : (found.averagePrecision / ours.averagePrecision).toFixed(3),
  ])
}
console.log(`cleanlab ${cleanlab.version}, from the dense population's mean probabilities`)
console.log(detectorTable.toString())
