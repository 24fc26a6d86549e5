/**
 * Seconds and peak memory of the score stage on synthetic predictions, from Parquet to Parquet.
 *
 *     npx tsx bench/scoring.ts [--examples 1000000] [--members 30] [--sparse-levels 1] [--classes 10] [--folder DIR]
 *
 * Scoring runs in a process of its own, so that its memory is its own. With --folder the predictions are made once
 * and used again.
 */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeData, type RecordBatch, Utf8 } from 'apache-arrow'
import Table from 'cli-table3'
import { encodeDatasetInfo } from '../src/dataset/info.js'
import { pipelineSchema } from '../src/pipeline/config.js'
import { writeTable } from '../src/pipeline/files.js'
import { levelsOf } from '../src/pipeline/levels.js'
import { type LevelAnswers, PopulationScores } from '../src/scoring/population-scores.js'
import { recordBatch } from '../src/tables/columns.js'
import { examplesSchema, predictionsSchema, probabilitiesSchema } from '../src/tables/schemas.js'
import { type Cost, costOf, measureApart } from './apart.js'
import { runScoreStage } from './score-stage.js'

const { values } = parseArgs({
  options: {
    examples: { type: 'string', default: '1000000' },
    members: { type: 'string', default: '30' },
    'sparse-levels': { type: 'string', default: '1' },
    classes: { type: 'string', default: '10' },
    folder: { type: 'string' },
    measure: { type: 'string' },
  },
})
const examples = Number(values.examples)
const members = Number(values.members)
const classes = Number(values.classes)
const pipeline = pipelineSchema.parse({
  name: 'bench',
  dataset: { path: 'bench.parquet' },
  compress: [
    {
      method: 'magnitude',
      sparsity: Array.from({ length: Number(values['sparse-levels']) }, (_, l) => (l + 1) / 10),
    },
  ],
  population: { seeds: members },
})
const levels = levelsOf(pipeline)
const batchExamples = 2048

/** Numbers between 0 and 1 that depend on nothing but where they stand (a 32-bit integer hash). */
function uniform(a: number, b: number): number {
  let x = Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b)
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b)
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32
}

/** Answers of one level: four in five right, fewer under compression, margins to match. */
function answersOf(
  level: number,
  begin: number,
  end: number,
): Required<LevelAnswers> & { seed: Int32Array; margins: Float32Array } {
  const rows = (end - begin) * members
  const answers = {
    seed: new Int32Array(rows),
    predicted: new Int32Array(rows),
    ranks: new Int32Array(rows),
    inSample: new Uint8Array(rows),
    margins: new Float32Array(rows),
    probabilities: new Float32Array((end - begin) * classes),
  }
  for (let i = begin, k = 0; i < end; i++) {
    const difficulty = uniform(i, 0) * (0.45 + 0.05 * level)
    for (let member = 0; member < members; member++, k++) {
      const draw = uniform(i, 1 + level * members + member)
      answers.seed[k] = member
      answers.ranks[k] = draw < difficulty ? 1 + Math.floor((draw / difficulty) * (classes - 1)) : 0
      answers.predicted[k] = (i + answers.ranks[k]) % classes
      answers.inSample[k] = (i + member) % 5 > 0 ? 1 : 0
      answers.margins[k] = (draw - difficulty) * 8
    }
    const row = (i - begin) * classes
    answers.probabilities.fill(difficulty / classes, row, row + classes)
    answers.probabilities[row + (i % classes)] += 1 - difficulty
  }
  return answers
}

function* portions(size: number): Generator<[begin: number, end: number]> {
  for (let begin = 0; begin < examples; begin += size) yield [begin, Math.min(examples, begin + size)]
}

/** Ids of the examples, each `repeated` times, without going through strings. */
function idColumn(begin: number, end: number, repeated: number) {
  const width = 10
  const length = (end - begin) * repeated
  const data = new Uint8Array(length * width)
  for (let i = begin, at = 0; i < end; i++) {
    const id = Buffer.from(`e${String(i).padStart(width - 1, '0')}`)
    for (let k = 0; k < repeated; k++, at += width) data.set(id, at)
  }
  const valueOffsets = Int32Array.from({ length: length + 1 }, (_, k) => k * width)
  return makeData({ type: new Utf8(), length, nullCount: 0, valueOffsets, data })
}

async function writeInputs(folder: string): Promise<void> {
  await mkdir(join(folder, 'predictions'), { recursive: true })
  await mkdir(join(folder, 'probabilities'), { recursive: true })
  const classNames = Array.from({ length: classes }, (_, c) => `class ${c}`)
  function* exampleBatches(): Generator<RecordBatch> {
    for (const [begin, end] of portions(batchExamples)) {
      const rows = Array.from({ length: end - begin }, (_, i) => begin + i)
      yield recordBatch(schema, {
        example_id: idColumn(begin, end, 1),
        split: rows.map(() => 'train'),
        fold: rows.map(i => i % 5),
        label: rows.map(i => i % classes),
        label_name: rows.map(i => classNames[i % classes]),
        source: rows.map(i => `bench.parquet#${i}`),
        source_row: rows,
        features: new Float32Array(rows.length),
      })
    }
  }
  const schema = examplesSchema({ content: { kind: 'features', features: 1 }, groups: [], trueLabel: false })
  await writeTable(join(folder, 'examples.parquet'), schema, exampleBatches())
  for (const [l, { name }] of levels.entries()) {
    function* predictionBatches(): Generator<RecordBatch> {
      for (const [begin, end] of portions(batchExamples)) {
        const { seed, predicted, ranks, inSample, margins } = answersOf(l, begin, end)
        yield recordBatch(predictionsSchema, {
          example_id: idColumn(begin, end, members),
          seed,
          in_sample: inSample,
          predicted,
          rank_given: ranks,
          p_given: margins.map(margin => 1 / (1 + Math.exp(-margin))),
          p_top: margins.map(margin => 1 / (1 + Math.exp(-Math.abs(margin)))),
          margin: margins,
        })
      }
    }
    function* probabilityBatches(): Generator<RecordBatch> {
      for (const [begin, end] of portions(batchExamples)) {
        const { probabilities } = answersOf(l, begin, end)
        yield recordBatch(probabilitiesSchema(classes), {
          example_id: idColumn(begin, end, 1),
          probabilities,
        })
      }
    }
    await writeTable(join(folder, `predictions/${name}.parquet`), predictionsSchema, predictionBatches())
    await writeTable(
      join(folder, `probabilities/${name}.parquet`),
      probabilitiesSchema(classes),
      probabilityBatches(),
    )
  }
  const entries = Array.from({ length: members }, (_, seed) => ({
    seed,
    bytes: 1,
    weights: 1,
    nonZeroWeights: 1,
  }))
  await writeFile(
    join(folder, 'members.json'),
    JSON.stringify(Object.fromEntries(levels.map(({ name }) => [name, entries]))),
  )
  await writeFile(
    join(folder, 'dataset.json'),
    encodeDatasetInfo({
      classNames,
      classLabels: [...classNames.keys()],
      input: { kind: 'features', features: 1 },
      normalization: { mean: Float32Array.of(0), deviation: Float32Array.of(1) },
      trainExamples: examples,
      testExamples: 0,
      classCounts: [],
      skipped: 0,
      source: { format: 'parquet', columns: ['x', 'label'], label: 'label', content: ['x'] },
      featureNames: ['x'],
      groups: [],
      trueLabel: false,
      ids: 'content',
    }),
  )
}

/** The whole stage, reading and writing Parquet. */
async function runStage(folder: string): Promise<void> {
  const output = join(folder, 'output')
  await mkdir(output, { recursive: true })
  await runScoreStage(pipeline, folder, output)
}

/** Seconds of the arithmetic alone: making the synthetic answers is not counted. */
function runAccumulator(): number {
  const scores = new PopulationScores({
    examples,
    classes,
    levels: levels.map(() => ({ members, copy: false })),
    ties: 'probability',
  })
  let seconds = 0
  for (const [begin, end] of portions(batchExamples)) {
    const answers = levels.map((_, l) => answersOf(l, begin, end))
    const labels = Int32Array.from({ length: end - begin }, (_, i) => (begin + i) % classes)
    const start = performance.now()
    scores.add({ labels, split: new Uint8Array(end - begin), groups: [] }, answers)
    seconds += (performance.now() - start) / 1000
  }
  const start = performance.now()
  scores.weights()
  return seconds + (performance.now() - start) / 1000
}

/** What is measured by its name on the command line. */
async function measure(what: string, folder: string): Promise<Cost> {
  if (what === 'stage') return costOf(() => runStage(folder))
  let seconds = 0
  const cost = await costOf(async () => {
    seconds = runAccumulator()
  })
  return { ...cost, seconds }
}

async function main(): Promise<void> {
  if (values.measure !== undefined) {
    process.stdout.write(JSON.stringify(await measure(values.measure, values.folder!)))
    return
  }
  const folder = values.folder ?? (await mkdtemp(join(tmpdir(), 'pieline-bench-')))
  if (!existsSync(join(folder, 'dataset.json'))) await writeInputs(folder)
  const table = new Table({
    head: [
      'what',
      'examples',
      'members',
      'classes',
      'seconds',
      'CPU seconds',
      'predictions / s',
      'peak memory, MB',
    ],
    style: { head: [], border: [] },
  })
  const apart = (what: string) =>
    measureApart<Cost>(import.meta.url, [...process.argv.slice(2), '--measure', what, '--folder', folder])
  const rows = [
    ['score stage, Parquet to Parquet', await apart('stage')],
    ['arithmetic alone', await apart('accumulator')],
  ] as const
  const population = members * levels.length
  for (const [what, { seconds, cpuSeconds, peakBytes }] of rows) {
    const rate = Math.round((examples * population) / seconds)
    table.push([
      what,
      examples.toLocaleString('en'),
      population,
      classes,
      seconds.toFixed(1),
      cpuSeconds.toFixed(1),
      rate.toLocaleString('en'),
      Math.round(peakBytes / 2 ** 20),
    ])
  }
  console.log(table.toString())
  if (values.folder === undefined) await rm(folder, { recursive: true })
}

await main()
