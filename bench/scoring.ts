/**
 * Seconds and peak memory of the score stage on synthetic predictions, from Parquet to Parquet.
 *
 *     npx tsx bench/scoring.ts [--examples 1000000] [--members 30] [--sparse-levels 1] [--classes 10] [--folder DIR]
 *
 * Scoring runs in a process of its own, so that its memory is its own. With --folder the predictions are made once
 * and used again.
 */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { pipelineSchema } from '../src/pipeline/config.js'
import { levelsOf } from '../src/pipeline/levels.js'
import { PopulationScores } from '../src/scoring/population-scores.js'
import { score } from '../src/stages/score.js'
import { runAlone } from './alone.js'
import { type Cost, costOf, measureApart } from './apart.js'
import { answersOf, portionsOf, type SyntheticRun, writeSyntheticRun } from './synthetic-run.js'

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
  population: { seeds: members, crossFit: 0 },
})
const levels = levelsOf(pipeline)
const synthetic: SyntheticRun = { examples, members, classes, levels: levels.map(({ name }) => name) }
const batchExamples = 2048

/** The whole stage, reading and writing Parquet. */
async function runStage(folder: string): Promise<void> {
  const output = join(folder, 'output')
  await mkdir(output, { recursive: true })
  await runAlone(score, pipeline, folder, output)
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
  for (const [begin, end] of portionsOf(examples, batchExamples)) {
    const answers = levels.map((_, l) => answersOf(synthetic, l, begin, end))
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
  if (!existsSync(join(folder, 'dataset.json'))) await writeSyntheticRun(folder, synthetic)
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
