/** What a run has before it is scored, made up: a source in shards, examples, and the predictions of populations. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Field, Float64, Int64, makeData, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import { encodeDatasetInfo } from '../src/dataset/info.js'
import { writeTable } from '../src/pipeline/files.js'
import type { LevelAnswers } from '../src/scoring/population-scores.js'
import { recordBatch } from '../src/tables/columns.js'
import { examplesSchema, predictionsSchema, probabilitiesSchema } from '../src/tables/schemas.js'

export interface SyntheticRun {
  readonly examples: number
  readonly classes: number
  /** Of each level. */
  readonly members: number
  /** `dense` first. */
  readonly levels: readonly string[]
}

const batchExamples = 2048
const shardExamples = 100_000

/** Numbers between 0 and 1 that depend on nothing but where they stand (a 32-bit integer hash). */
function uniform(a: number, b: number): number {
  let x = Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b)
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b)
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32
}

export interface SyntheticAnswers extends Required<LevelAnswers> {
  readonly seed: Int32Array
  readonly margins: Float32Array
}

/**
 * Answers of one level: four in five right, fewer under compression, margins to match. No two probabilities are the
 * same, so that they take as much of the disk as real ones.
 */
export function answersOf(
  { members, classes }: SyntheticRun,
  level: number,
  begin: number,
  end: number,
): SyntheticAnswers {
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
    let state = Math.imul(i + 1, 2 * level + 1)
    for (let c = 0; c < classes; c++) {
      // The generator of Numerical Recipes (Press et al., 1992, section 7.1).
      state = (Math.imul(state, 1664525) + 1013904223) | 0
      answers.probabilities[row + c] = (difficulty / classes) * (0.5 + (state >>> 8) / 2 ** 24)
    }
    answers.probabilities[row + (i % classes)] += 1 - difficulty
  }
  return answers
}

export function* portionsOf(
  examples: number,
  size: number,
  first = 0,
): Generator<[begin: number, end: number]> {
  for (let begin = first; begin < examples; begin += size) yield [begin, Math.min(examples, begin + size)]
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

/** Where the shards of the source go. */
export const sourceOf = (folder: string): string => join(folder, 'source')

const sourceSchema = new Schema([
  new Field('x', new Float64(), false),
  new Field('label', new Int64(), false),
])

async function writeSource(folder: string, { examples, classes }: SyntheticRun): Promise<void> {
  await mkdir(sourceOf(folder), { recursive: true })
  for (const [first, last] of portionsOf(examples, shardExamples)) {
    function* batches(): Generator<RecordBatch> {
      for (const [begin, end] of portionsOf(last, batchExamples, first)) {
        const rows = Array.from({ length: end - begin }, (_, i) => begin + i)
        yield recordBatch(sourceSchema, { x: rows, label: rows.map(i => i % classes) })
      }
    }
    const name = `train-${String(first / shardExamples).padStart(5, '0')}.parquet`
    await writeTable(join(sourceOf(folder), name), sourceSchema, batches())
  }
}

/** Writes everything into a folder, with the relative paths of a run folder. */
export async function writeSyntheticRun(folder: string, run: SyntheticRun): Promise<void> {
  const { examples, classes, members, levels } = run
  await mkdir(join(folder, 'predictions'), { recursive: true })
  await mkdir(join(folder, 'probabilities'), { recursive: true })
  await writeSource(folder, run)
  const classNames = Array.from({ length: classes }, (_, c) => `class ${c}`)
  const schema = examplesSchema({ content: { kind: 'features', features: 1 }, groups: [], trueLabel: false })
  function* exampleBatches(): Generator<RecordBatch> {
    for (const [begin, end] of portionsOf(examples, batchExamples)) {
      const rows = Array.from({ length: end - begin }, (_, i) => begin + i)
      yield recordBatch(schema, {
        example_id: idColumn(begin, end, 1),
        split: rows.map(() => 'train'),
        fold: rows.map(i => i % 5),
        label: rows.map(i => i % classes),
        label_name: rows.map(i => classNames[i % classes]),
        source: rows.map(i => `bench.parquet#${i}`),
        source_row: rows,
        features: Float32Array.from(rows),
      })
    }
  }
  await writeTable(join(folder, 'examples.parquet'), schema, exampleBatches())
  for (const [l, name] of levels.entries()) {
    function* predictionBatches(): Generator<RecordBatch> {
      for (const [begin, end] of portionsOf(examples, batchExamples)) {
        const { seed, predicted, ranks, inSample, margins } = answersOf({ ...run, classes }, l, begin, end)
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
      for (const [begin, end] of portionsOf(examples, batchExamples)) {
        const { probabilities } = answersOf({ ...run, members: 0 }, l, begin, end)
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
    JSON.stringify(Object.fromEntries(levels.map(name => [name, entries]))),
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
