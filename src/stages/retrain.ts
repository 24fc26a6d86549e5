/** Trains the same network on what the arms leave of the training set, and compares them on the test set. */
import { join } from 'node:path'
import pLimit from 'p-limit'
import { readDatasetInfo } from '../dataset/info.js'
import { createPredictionPool } from '../engine/onnxruntime/prediction-pool.js'
import { DataError } from '../errors.js'
import type { RetrainArm } from '../pipeline/config.js'
import { openTable, readNpy, writeTable } from '../pipeline/files.js'
import { pieLevelOf } from '../pipeline/levels.js'
import { linkFile } from '../pipeline/link.js'
import type { Stage, StageContext } from '../pipeline/stage.js'
import type { Artefact } from '../pipeline/store.js'
import { mean, sampleDeviation } from '../scoring/moments.js'
import { pairedDifference } from '../scoring/paired-difference.js'
import { booleanColumn, int32Column, recordBatch } from '../tables/columns.js'
import { retrainSchema } from '../tables/schemas.js'
import { armData, type Verdicts } from '../training/arms.js'
import { modelFile, produceMembers } from '../training/members.js'
import { memberEnvironment, memberMetadata, memberSeed } from '../training/population.js'
import type { ArmFigures, RetrainHeadline } from './headlines.js'
import { memberLogits } from './member-logits.js'

export const retrain: Stage = {
  name: 'retrain',
  version: 1,
  inputs: ['ingest', 'score'],
  wanted: ({ retrain: config }) => config !== undefined,
  settings(pipeline) {
    const { retrain: config, model, engine, seed, population } = pipeline
    const { firstSeed } = population
    return { config, pieLevel: pieLevelOf(pipeline)?.name, model, engine, seed, firstSeed }
  },
  async run(context) {
    const config = context.pipeline.retrain!
    const info = await readDatasetInfo(context.input('dataset.json'))
    if (info.testExamples === 0) {
      throw new DataError('retraining is compared on test data, and there are none', {
        key: 'retrain',
        mend: 'Set `dataset.test` or `dataset.testShare`, or leave `retrain` out.',
      })
    }
    const { train, test } = await readVerdicts(context, info.trainExamples)
    const runs = config.arms.flatMap(arm =>
      Array.from({ length: config.seeds }, (_, index): ArmRun => {
        const seed = context.pipeline.population.firstSeed + index
        return { arm, seed, ...armData(arm, train, [context.pipeline.seed, 'random arm', seed]) }
      }),
    )
    const members = await trainArms(context, runs, info.classNames)
    const results = await evaluateArms(context, runs, members, info.trainExamples, test)
    const figures = config.arms.map(arm => summarize(arm, results))
    await writeResults(context, results, figures)
    const headline: RetrainHeadline = { arms: figures.map(({ pieTop1, nonPieTop1, ...arm }) => arm) }
    return { ...headline }
  },
}

interface ArmRun {
  readonly arm: RetrainArm
  readonly seed: number
  readonly rows: Int32Array
  readonly labels: Int32Array
}

interface ArmResult {
  readonly arm: RetrainArm
  readonly seed: number
  /** Training examples. */
  readonly examples: number
  readonly top1: number
  /** Null where no example, or every one, is a PIE. */
  readonly pieTop1: number | null
  readonly nonPieTop1: number | null
}

interface ArmSummary extends ArmFigures {
  readonly pieTop1: number | null
  readonly nonPieTop1: number | null
}

/** Given labels of the test examples, and which of them are PIEs. */
interface TestVerdicts {
  readonly labels: Int32Array
  readonly pies: Uint8Array
}

async function readVerdicts(
  context: StageContext,
  trainExamples: number,
): Promise<{ train: Verdicts; test: TestVerdicts }> {
  const level = pieLevelOf(context.pipeline)
  const pieColumn = level && `is_pie_${level.name}`
  const labels: number[] = []
  const pies: number[] = []
  const issues: number[] = []
  const suggested: number[] = []
  const columns = ['label', 'is_label_issue', 'suggested_label', ...(pieColumn ? [pieColumn] : [])]
  for await (const batch of openTable(context.input('scores.parquet'), { columns })) {
    const start = labels.length
    labels.push(...int32Column(batch, 'label'))
    suggested.push(...int32Column(batch, 'suggested_label'))
    issues.push(...booleanColumn(batch, 'is_label_issue'))
    if (pieColumn) pies.push(...booleanColumn(batch, pieColumn))
    else pies.length = start + batch.numRows
  }
  return {
    train: {
      labels: Int32Array.from(labels.slice(0, trainExamples)),
      pies: Uint8Array.from(pies.slice(0, trainExamples)),
      issues: Uint8Array.from(issues.slice(0, trainExamples)),
      suggested: Int32Array.from(suggested.slice(0, trainExamples)),
    },
    test: {
      labels: Int32Array.from(labels.slice(trainExamples)),
      pies: Uint8Array.from(pies.slice(trainExamples)),
    },
  }
}

async function trainArms(
  context: StageContext,
  runs: readonly ArmRun[],
  classNames: readonly string[],
): Promise<Artefact[]> {
  const { pipeline, output } = context
  const members = await produceMembers(
    await memberEnvironment(context),
    'retraining',
    runs.map(({ arm, seed, rows, labels }) => ({
      title: `${arm} ${seed}`,
      seed: memberSeed(pipeline, seed),
      rows,
      labels,
      // Trained on all examples, a network is the dense member of its seed where there is no cross-fit.
      metadata: memberMetadata(arm === 'all' ? 'dense' : `retrained-${arm}`, seed, classNames),
    })),
  )
  for (const [index, { folder }] of members.entries()) {
    const { arm, seed } = runs[index]!
    await linkFile(join(folder, modelFile), join(output, 'retrained', arm, `${seed}.onnx`))
  }
  return members
}

async function evaluateArms(
  context: StageContext,
  runs: readonly ArmRun[],
  members: readonly Artefact[],
  trainExamples: number,
  test: TestVerdicts,
): Promise<ArmResult[]> {
  const { store, workers, progress, inputKeys, signal } = context
  const pool = createPredictionPool(workers)
  const limit = pLimit(workers)
  progress.start('evaluating', runs.length)
  try {
    return await Promise.all(
      runs.map(({ arm, seed, rows }, index) =>
        limit(async () => {
          signal.throwIfAborted()
          const { logits } = await memberLogits(store, pool, {
            model: join(members[index]!.folder, modelFile),
            inputs: context.input('inputs.npy'),
            inputsKey: inputKeys.ingest,
            start: trainExamples,
          })
          const { data, shape } = await readNpy(logits)
          progress.advance(1, `${arm} ${seed}`)
          return { arm, seed, examples: rows.length, ...accuracies(data as Float32Array, shape[1]!, test) }
        }),
      ),
    )
  } finally {
    await pool.close()
  }
}

function accuracies(
  logits: Float32Array,
  classes: number,
  { labels, pies }: TestVerdicts,
): Pick<ArmResult, 'top1' | 'pieTop1' | 'nonPieTop1'> {
  const correct = [0, 0]
  const count = [0, 0]
  for (let example = 0; example < labels.length; example++) {
    const row = logits.subarray(example * classes, (example + 1) * classes)
    const pie = pies[example]!
    count[pie]!++
    if (row.indexOf(Math.max(...row)) === labels[example]) correct[pie]!++
  }
  const share = (kind: number) => (count[kind] === 0 ? null : correct[kind]! / count[kind]!)
  return { top1: (correct[0]! + correct[1]!) / labels.length, pieTop1: share(1), nonPieTop1: share(0) }
}

function summarize(arm: RetrainArm, results: readonly ArmResult[]): ArmSummary {
  const own = results.filter(result => result.arm === arm)
  const all = results.filter(result => result.arm === 'all')
  const top1 = Float64Array.from(own, result => result.top1)
  const meanOf = (values: (number | null)[]) => (values.includes(null) ? null : mean(values as number[]))
  const difference =
    arm === 'all' || all.length === 0
      ? undefined
      : pairedDifference(
          top1,
          Float64Array.from(all, result => result.top1),
        )
  return {
    arm,
    examples: own[0]!.examples,
    top1Mean: mean(top1),
    ...(own.length > 1 && { top1Sd: sampleDeviation(top1) }),
    ...(difference && { difference: difference.mean }),
    ...(difference && own.length > 1 && { low: difference.low, high: difference.high }),
    pieTop1: meanOf(own.map(result => result.pieTop1)),
    nonPieTop1: meanOf(own.map(result => result.nonPieTop1)),
  }
}

async function writeResults(
  context: StageContext,
  results: readonly ArmResult[],
  figures: readonly ArmSummary[],
): Promise<void> {
  const all = new Map(results.filter(({ arm }) => arm === 'all').map(({ seed, top1 }) => [seed, top1]))
  const rows = [
    ...results.map(({ arm, seed, examples, top1, pieTop1, nonPieTop1 }) => ({
      arm: arm as string,
      seed,
      n: examples,
      top1,
      top1_sd: null,
      pie_top1: pieTop1,
      non_pie_top1: nonPieTop1,
      difference: arm === 'all' || !all.has(seed) ? null : top1 - all.get(seed)!,
      difference_low: null,
      difference_high: null,
    })),
    ...figures.map(figure => ({
      arm: figure.arm,
      seed: null,
      n: figure.examples,
      top1: figure.top1Mean,
      top1_sd: figure.top1Sd ?? null,
      pie_top1: figure.pieTop1,
      non_pie_top1: figure.nonPieTop1,
      difference: figure.difference ?? null,
      difference_low: figure.low ?? null,
      difference_high: figure.high ?? null,
    })),
  ]
  const columns = Object.fromEntries(
    retrainSchema.fields.map(({ name }) => [name, rows.map(row => row[name as keyof (typeof rows)[number]])]),
  )
  const batch = recordBatch(retrainSchema, columns as Record<string, (number | null)[] | string[]>)
  await writeTable(join(context.output, 'retrain.parquet'), retrainSchema, [batch])
}
