import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { compress } from '../../src/compression/methods.js'
import { encodeDatasetInfo } from '../../src/dataset/info.js'
import { sampleActivations } from '../../src/engine/onnxruntime/calibration.js'
import { createPredictor } from '../../src/engine/onnxruntime/predictor.js'
import { RunError } from '../../src/errors.js'
import { decodeModel, encodeModel, initializersOf, tensorArray, tensorOf } from '../../src/onnx/model.js'
import { type PipelineInput, pipelineSchema } from '../../src/pipeline/config.js'
import { openTable, writeNpy, writeTable } from '../../src/pipeline/files.js'
import { type Progress, silentProgress } from '../../src/pipeline/progress.js'
import type { StageContext } from '../../src/pipeline/stage.js'
import { openStore } from '../../src/pipeline/store.js'
import { predict } from '../../src/stages/predict.js'
import {
  booleanColumn,
  float32Column,
  int32Column,
  recordBatch,
  stringColumn,
  vectorColumn,
} from '../../src/tables/columns.js'
import { examplesSchema } from '../../src/tables/schemas.js'
import { featureRows, features, network } from '../compression/networks.js'

const classes = 7
const train = 10
const examples = 14
const inputs = featureRows(examples)
const labels = Int32Array.from({ length: examples }, (_, i) => (i * 3) % classes)
const ids = Array.from({ length: examples }, (_, i) => `row-${i}-é`)
const folds = Array.from({ length: examples }, (_, i) => (i < train ? i % 3 : null))
const levels = ['dense', 'float16', 'int8-dynamic']

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pieline-predict-'))
  await writeRun()
})
afterEach(() => rm(root, { recursive: true, force: true }))

/** What ingest, train and compress leave behind: 14 examples of 20 features and four members a level. */
async function writeRun(): Promise<void> {
  const schema = examplesSchema({ content: { kind: 'features', features: 20 }, groups: [], trueLabel: false })
  const batch = recordBatch(schema, {
    example_id: ids,
    split: ids.map((_, i) => (i < train ? 'train' : 'test')),
    fold: folds,
    label: labels,
    label_name: ids.map((_, i) => `class-${labels[i]}`),
    source: ids,
    source_row: Int32Array.from(labels.keys()),
    features: inputs,
  })
  await writeTable(join(root, 'examples.parquet'), schema, [batch])
  await writeNpy(join(root, 'inputs.npy'), { dtype: 'float32', shape: [20] }, [inputs])
  const info = encodeDatasetInfo({
    classNames: Array.from({ length: classes }, (_, c) => `class-${c}`),
    classLabels: Array.from({ length: classes }, (_, c) => c),
    input: features as never,
    normalization: { mean: new Float32Array(20), deviation: new Float32Array(20).fill(1) },
    trainExamples: train,
    testExamples: examples - train,
    classCounts: new Array(classes).fill(1),
    skipped: 0,
    source: { format: 'csv', columns: [], label: 'label', content: [] },
    featureNames: [],
    groups: [],
    trueLabel: false,
    ids: 'column',
  })
  await writeFile(join(root, 'dataset.json'), info)
  for (const level of levels) {
    await mkdir(join(root, 'members', level), { recursive: true })
    for (const seed of [2, 3, 4, 5])
      await writeFile(join(root, memberPath(level, seed)), await member(level, seed))
  }
}

const memberPath = (level: string, seed: number) => `members/${level}/${seed}.onnx`

async function member(level: string, seed: number): Promise<Uint8Array> {
  const dense = network('mlp', { seed, input: features })
  if (level === 'dense') return dense
  const activations = sampleActivations(inputs)
  return (await compress(dense, level as 'float16', {}, activations)).bytes
}

interface RunOptions {
  readonly seeds?: number
  readonly crossFit?: number
  readonly workers?: number
  readonly output?: string
  readonly signal?: AbortSignal
  readonly progress?: Progress
  readonly mirror?: boolean
}

/** Runs the stage into `output`, with the store that all runs of a test share. */
async function run(options: RunOptions = {}) {
  const { seeds = 3, crossFit = 3, workers = 1, output = 'out', signal, progress = silentProgress } = options
  const { mirror } = options
  const pipeline = pipelineSchema.parse({
    name: 'test',
    dataset: { path: 'rows.csv' },
    population: { seeds, firstSeed: 2, crossFit },
    compress: [{ method: 'float16' }, { method: 'int8-dynamic' }],
    ...(mirror !== undefined && { predict: { mirror } }),
  } satisfies PipelineInput)
  await mkdir(join(root, output))
  return predict.run({
    pipeline,
    output: join(root, output),
    input: path => join(root, path),
    store: await openStore(join(root, 'store')),
    inputKeys: { ingest: 'ingest-key', train: 'train-key', compress: 'compress-key' },
    workers,
    progress,
    signal: signal ?? new AbortController().signal,
  } as StageContext)
}

async function onlyBatch(path: string) {
  const batches = []
  for await (const batch of openTable(join(root, path))) batches.push(batch)
  expect(batches.length).toBe(1)
  return batches[0]
}

test('one row an example and member, with what its logits say', async () => {
  await run()
  for (const level of levels) {
    const table = await onlyBatch(`out/predictions/${level}.parquet`)
    expect(stringColumn(table, 'example_id')).toEqual(ids.flatMap(id => [id, id, id]))
    expect([...int32Column(table, 'seed')]).toEqual(ids.flatMap(() => [2, 3, 4]))
    const inSample = booleanColumn(table, 'in_sample')
    const columns = Object.fromEntries(
      ['p_given', 'p_top', 'margin'].map(name => [name, float32Column(table, name)]),
    )
    for (const [m, seed] of [2, 3, 4].entries()) {
      const predictor = await createPredictor(await member(level, seed), { threads: 1 })
      const logits = await predictor.predict(inputs)
      for (let example = 0; example < examples; example++) {
        const row = example * 3 + m
        const scores = [...logits.subarray(example * classes, (example + 1) * classes)]
        const total = scores.reduce((sum, score) => sum + Math.exp(score), 0)
        const given = labels[example]
        const others = scores.filter((_, c) => c !== given)
        expect(inSample[row]).toBe(example < train && folds[example] !== seed % 3 ? 1 : 0)
        expect(int32Column(table, 'predicted')[row]).toBe(scores.indexOf(Math.max(...scores)))
        expect(int32Column(table, 'rank_given')[row]).toBe(
          others.filter(score => score > scores[given]).length,
        )
        expect(columns.p_given[row]).toBeCloseTo(Math.exp(scores[given]) / total, 5)
        expect(columns.p_top[row]).toBeCloseTo(Math.exp(Math.max(...scores)) / total, 5)
        expect(columns.margin[row]).toBe(Math.fround(scores[given] - Math.max(...others)))
      }
    }
  }
})

test('probabilities are the mean over members that did not train on the example, or over all', async () => {
  await run({ seeds: 4, crossFit: 3 })
  await run({ seeds: 4, crossFit: 0, output: 'all' })
  const outOfSample = vectorColumn(await onlyBatch('out/probabilities/dense.parquet'), 'probabilities')
  const all = vectorColumn(await onlyBatch('all/probabilities/dense.parquet'), 'probabilities')
  expect(outOfSample.size).toBe(classes)
  const softmaxes = await Promise.all(
    [2, 3, 4, 5].map(async seed => {
      const predictor = await createPredictor(await member('dense', seed), { threads: 1 })
      const logits = await predictor.predict(inputs)
      return logits.map((score, i) => {
        const row = Math.floor(i / classes) * classes
        const scores = [...logits.subarray(row, row + classes)]
        return Math.exp(score) / scores.reduce((sum, other) => sum + Math.exp(other), 0)
      })
    }),
  )
  for (let example = 0; example < examples; example++) {
    const judges = [2, 3, 4, 5].map((seed, m) => (folds[example] === seed % 3 || example >= train ? m : -1))
    for (const [values, members] of [
      [outOfSample.values, judges.filter(m => m >= 0)],
      [all.values, [0, 1, 2, 3]],
    ] as const) {
      for (let c = 0; c < classes; c++) {
        const i = example * classes + c
        const mean = members.reduce((sum, m) => sum + softmaxes[m][i], 0) / members.length
        expect(values[i]).toBeCloseTo(mean, 5)
      }
    }
  }
})

test('members are listed with their size and weights', async () => {
  await run()
  const members = JSON.parse(await readFile(join(root, 'out/members.json'), 'utf8'))
  expect(Object.keys(members)).toEqual(levels)
  for (const level of levels) {
    expect(members[level].map(({ seed }: { seed: number }) => seed)).toEqual([2, 3, 4])
    const { bytes, weights, nonZeroWeights } = members[level][0]
    expect(bytes).toBe((await stat(join(root, memberPath(level, 2)))).size)
    // 20 → 128 → 64 → 7; a few weights are so small that they become zero in 8 bits.
    expect(weights).toBe(20 * 128 + 128 * 64 + 64 * 7)
    expect(nonZeroWeights).toBeLessThanOrEqual(weights)
    expect(nonZeroWeights).toBeGreaterThan(0.95 * weights)
  }
  expect(members.dense[0].bytes).toBeGreaterThan(1.9 * members.float16[0].bytes)
})

test('a new seed predicts itself alone', async () => {
  expect(await run({ seeds: 3 })).toMatchObject({ members: 9, reused: 0 })
  expect(await run({ seeds: 4, output: 'more' })).toMatchObject({ members: 12, reused: 9 })
})

test('one worker or three, at once or in parts: the same bytes', async () => {
  await run({ workers: 3 })
  await rm(join(root, 'store'), { recursive: true })
  await run({ workers: 1, output: 'one' })
  await run({ workers: 2, output: 'again' })
  for (const table of ['predictions', 'probabilities']) {
    for (const level of levels) {
      const [first, ...others] = await Promise.all(
        ['out', 'one', 'again'].map(folder => readFile(join(root, folder, table, `${level}.parquet`))),
      )
      for (const other of others) expect(other.equals(first)).toBe(true)
    }
  }
})

test('stops when asked to, with the reason, and leaves no half logits', async () => {
  const controller = new AbortController()
  const reason = new Error('stopped by the user')
  controller.abort(reason)
  await expect(run({ signal: controller.signal })).rejects.toBe(reason)
  const later = new AbortController()
  const progress = { ...silentProgress, advance: () => later.abort(reason) }
  await expect(run({ signal: later.signal, output: 'later', progress })).rejects.toBe(reason)
  expect((await run({ output: 'after' })).reused).toBe(1)
  const leftOver = (await readdir(join(root, 'store'))).filter(name => name.startsWith('.making'))
  expect(leftOver).toEqual([])
})

test('a member that has diverged is named, with the example', async () => {
  const model = decodeModel(await member('dense', 3))
  const [name, bias] = [...initializersOf(model.graph)].find(([key]) => key === 'logits/bias')!
  const broken = (tensorArray(bias) as Float32Array).map((value, c) => (c === 2 ? Number.NaN : value))
  model.graph.initializer[model.graph.initializer.indexOf(bias)] = tensorOf(name, [classes], broken)
  await writeFile(join(root, memberPath('dense', 3)), encodeModel(model))
  const failing = run()
  await expect(failing).rejects.toThrow(RunError)
  await expect(failing).rejects.toThrow(/member 3 of dense gives a logit of NaN for example "row-0-é"/)
})

test('a member cut short, or one for other inputs, is named', async () => {
  const bytes = await member('dense', 4)
  await writeFile(join(root, memberPath('dense', 4)), bytes.subarray(0, 5000))
  await expect(run()).rejects.toMatchObject({ file: join(root, memberPath('dense', 4)), exitCode: 3 })
  await writeFile(join(root, memberPath('dense', 4)), network('cnn-small'))
  // The members beside it are stopped, and must not hide what happened.
  const failing = run({ output: 'other', workers: 3 })
  await expect(failing).rejects.toThrow(/member 4 of dense cannot predict: .*takes/)
})

test('rows of numbers are not mirrored', async () => {
  await expect(run({ mirror: true })).rejects.toThrow('there are no pictures to mirror')
  await expect(run({ mirror: false, output: 'plain' })).resolves.toMatchObject({ members: 9 })
})
