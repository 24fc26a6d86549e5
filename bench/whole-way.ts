/**
 * The whole way on data whose true labels are known: init, run, a review in which the truth answers in the place of the
 * person, apply, run again; beside a review of as many examples at random, and of cleanlab's.
 *
 *     npx tsx bench/whole-way.ts <folder> [--data data/cifar10n] [--reviews 500] [--seeds 6] [--width 0.25] [--epochs 4]
 *
 * The folder keeps the runs, so that the same command goes on where it stopped. pieline's own review goes through its
 * CSV file; the others hand their decisions to `pieline apply`. Networks are the same in all arms, and paired by seed.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parse } from 'csv-parse/sync'
import { parseDocument } from 'yaml'
import { readDatasetInfo } from '../src/dataset/info.js'
import { openTable } from '../src/pipeline/files.js'
import { permutation, randomStream } from '../src/random.js'
import { mean } from '../src/scoring/moments.js'
import { pairedDifference } from '../src/scoring/paired-difference.js'
import {
  int32Column,
  nullableInt32Column,
  nullableStringColumn,
  numberColumn,
  stringColumn,
} from '../src/tables/columns.js'
import { csvLine } from '../src/tables/csv.js'
import { PeerProcess, peersPython } from './peers/python.js'

const { positionals, values: options } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string', default: 'data/cifar10n' },
    reviews: { type: 'string', default: '500' },
    seeds: { type: 'string', default: '6' },
    width: { type: 'string', default: '0.25' },
    epochs: { type: 'string', default: '4' },
  },
})
const [where] = positionals
if (where === undefined) throw new Error('usage: npx tsx bench/whole-way.ts <folder>')
const folder = resolve(where)
const reviews = Number(options.reviews)
const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url))

function pieline(...words: string[]): void {
  console.log(`\n$ pieline ${words.join(' ')}`)
  execFileSync(process.execPath, [cli, ...words], { cwd: folder, stdio: 'inherit' })
}

interface Labels {
  readonly ids: readonly string[]
  readonly given: Int32Array
  readonly truth: Int32Array
  /** 1 for training examples. */
  readonly isTrain: Uint8Array
}

async function readLabels(run: string): Promise<Labels> {
  const ids: string[] = []
  const given: number[] = []
  const truth: number[] = []
  const isTrain: number[] = []
  const columns = ['example_id', 'split', 'label', 'true_label']
  for await (const batch of openTable(join(run, 'scores.parquet'), { columns })) {
    ids.push(...stringColumn(batch, 'example_id'))
    given.push(...int32Column(batch, 'label'))
    truth.push(...nullableInt32Column(batch, 'true_label', -2))
    isTrain.push(...stringColumn(batch, 'split').map(split => Number(split === 'train')))
  }
  return {
    ids,
    given: Int32Array.from(given),
    truth: Int32Array.from(truth),
    isTrain: Uint8Array.from(isTrain),
  }
}

const wrongTrainLabels = ({ given, truth, isTrain }: Labels): number =>
  given.reduce((sum, label, row) => sum + Number(isTrain[row] === 1 && truth[row] !== label), 0)

/** Test accuracy of the arm `all`, by seed. */
async function accuracies(run: string): Promise<Float64Array> {
  const found: number[] = []
  for await (const batch of openTable(join(run, 'retrain.parquet'), { columns: ['arm', 'seed', 'top1'] })) {
    const top1 = numberColumn(batch, 'top1') as number[]
    const seeds = nullableInt32Column(batch, 'seed', -1)
    const arms = nullableStringColumn(batch, 'arm')
    for (const [i, seed] of seeds.entries()) if (seed !== -1 && arms[i] === 'all') found.push(top1[i]!)
  }
  return Float64Array.from(found)
}

await mkdir(folder, { recursive: true })
await rm(join(folder, 'pieline.yaml'), { force: true })
pieline('init', resolve(options.data))
const written = parseDocument(await readFile(join(folder, 'pieline.yaml'), 'utf8'))
written.setIn(['name'], 'before')
written.setIn(['model', 'width'], Number(options.width))
written.setIn(['model', 'epochs'], Number(options.epochs))
written.set('population', { seeds: Number(options.seeds), crossFit: 0 })
written.set('compress', [])
// On all examples they are the dense members themselves, so that nothing is trained twice.
written.set('retrain', { seeds: Number(options.seeds), arms: ['all'] })
await writeFile(join(folder, 'pipeline.yaml'), String(written))
pieline('run', 'pipeline.yaml')

const before = join(folder, 'runs/before/latest')
const labels = await readLabels(before)
const { classNames } = await readDatasetInfo(join(before, 'dataset.json'))
const trainRows = [...labels.given.keys()].filter(row => labels.isTrain[row] === 1)

/** Fills in the spreadsheet of the review as a person would who knows the truth. */
async function reviewBySpreadsheet(): Promise<number[]> {
  const path = join(folder, 'suspects.csv')
  await rm(path, { force: true })
  pieline('review', 'before', '--export', 'suspects.csv')
  const rowOf = new Map(labels.ids.map((id, row) => [id, row]))
  const records = parse(await readFile(path, 'utf8'), { columns: true, bom: true }) as Record<
    string,
    string
  >[]
  const reviewed: number[] = []
  for (const record of records) {
    const row = rowOf.get(record.example_id!)!
    if (reviewed.length === reviews || labels.isTrain[row] === 0) continue
    reviewed.push(row)
    const isWrong = labels.truth[row] !== labels.given[row]
    record.action = isWrong ? 'relabel' : 'keep'
    record.label = isWrong ? classNames[labels.truth[row]!]! : ''
  }
  const columns = Object.keys(records[0]!)
  const lines = records.map(record => csvLine(columns.map(column => record[column]!)))
  await writeFile(path, csvLine(columns) + lines.join(''))
  pieline('review', 'before', '--import', 'suspects.csv')
  return reviewed
}

/** The same verdicts as a file of decisions. */
async function decide(name: string, rows: readonly number[]): Promise<void> {
  const events = rows.map(row => {
    const isWrong = labels.truth[row] !== labels.given[row]
    return JSON.stringify({
      id: `${name}-${row}`,
      example_id: labels.ids[row],
      given: classNames[labels.given[row]!],
      reviewer: 'the truth',
      time: '2026-01-01T00:00:00.000Z',
      ...(isWrong ? { action: 'relabel', label: classNames[labels.truth[row]!] } : { action: 'keep' }),
    })
  })
  await writeFile(join(folder, `${name}.jsonl`), `${events.join('\n')}\n`)
}

const wrongAmong = (rows: readonly number[]) =>
  rows.filter(row => labels.truth[row] !== labels.given[row]).length

const reviewed = new Map([['suspects', await reviewBySpreadsheet()]])
const order = permutation(trainRows.length, randomStream('whole way', 0))
reviewed.set(
  'random',
  Array.from(order.subarray(0, reviews), i => trainRows[i]!),
)
const python = peersPython()
if (python === null) console.error('cleanlab is missing: its review is left out')
else {
  const peer = new PeerProcess(python, 'rank_labels.py', 1)
  const ranked = await peer.ask<number[]>({
    scores: join(before, 'scores.parquet'),
    probabilities: join(before, 'probabilities/dense.parquet'),
  })
  peer.close()
  reviewed.set('cleanlab', ranked.slice(0, reviews))
}

const start = await accuracies(before)
const points = (share: number) => (100 * share).toFixed(2)
const rows = [['before', '', String(wrongTrainLabels(labels)), points(mean(start)), '']]
for (const [name, chosen] of reviewed) {
  if (name !== 'suspects') await decide(name, chosen)
  const version = join(folder, `reviewed-${name}`)
  if (!existsSync(version)) {
    const decisions = name === 'suspects' ? [] : ['--decisions', `${name}.jsonl`]
    pieline('apply', 'before', ...decisions, '--output', `reviewed-${name}`)
  }
  const places = ['train', 'test'].map(split => join(version, 'data', `${split}.parquet`))
  pieline(
    'run',
    'pipeline.yaml',
    '--set',
    `name=${name}`,
    '--set',
    `dataset.path=${places[0]}`,
    '--set',
    `dataset.test=${places[1]}`,
  )
  const after = join(folder, 'runs', name, 'latest')
  const top1 = await accuracies(after)
  const gain = pairedDifference(top1, start)
  rows.push([
    name,
    String(wrongAmong(chosen)),
    String(wrongTrainLabels(await readLabels(after))),
    points(mean(top1)),
    `${points(gain.mean)} [${points(gain.low)}, ${points(gain.high)}]`,
  ])
}
console.log(`\n| ${reviews} reviewed | of them wrong | wrong labels left | test accuracy, % | gain, points |`)
console.log('| --- | --- | --- | --- | --- |')
for (const row of rows) console.log(`| ${row.join(' | ')} |`)
