/** Trains the same network on what the arms leave of the training set, and compares them on the test set. */
import { join } from 'node:path'
import pLimit from 'p-limit'
import { readDatasetInfo } from '../dataset/info.js'
import { networkInputs } from '../dataset/network-inputs.js'
import { createPredictionPool } from '../engine/onnxruntime/prediction-pool.js'
import { DataError } from '../errors.js'
import { cleaningArms, type RetrainArm, retrainModel } from '../pipeline/config.js'
import { openTable, readNpy, writeTable } from '../pipeline/files.js'
import { pieLevelOf } from '../pipeline/levels.js'
import { linkFile } from '../pipeline/link.js'
import type { Stage, StageContext } from '../pipeline/stage.js'
import type { Artefact } from '../pipeline/store.js'
import { recommendation } from '../report/recommendation.js'
import { unknownTruth } from '../scoring/known-truth.js'
import { mean, sampleDeviation } from '../scoring/moments.js'
import { type PairedDifference, pairedDifference } from '../scoring/paired-difference.js'
import {
  booleanColumn,
  int32Column,
  nullableInt32Column,
  numberColumn,
  recordBatch,
} from '../tables/columns.js'
import { retrainSchema } from '../tables/schemas.js'
import { type ArmData, armData, type Verdicts } from '../training/arms.js'
import { modelFile, produceMembers } from '../training/members.js'
import { memberEnvironment, memberMetadata, memberSeed } from '../training/population.js'
import type { ArmFigures, RetrainHeadline } from './headlines.js'
import { memberLogits } from './member-logits.js'

export const retrain: Stage = {
  name: 'retrain',
  version: 2,
  inputs: ['ingest', 'backbone', 'score'],
  wanted: ({ retrain: config }) => config !== undefined,
  settings(pipeline) {
    const { retrain, engine, seed, population } = pipeline
    const { sure, model, ...arms } = retrain!
    const { firstSeed } = population
    const relabelsIfSure = arms.arms.some(arm => arm.endsWith('relabeled-or-dropped'))
    return {
      config: relabelsIfSure ? { ...arms, sure } : arms,
      pieLevel: pieLevelOf(pipeline)?.name,
      model: retrainModel(pipeline),
      engine,
      seed,
      firstSeed,
    }
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
        const stream = [context.pipeline.seed, 'random arm', seed]
        return { arm, seed, ...armData(arm, train, config.sure, stream) }
      }),
    )
    const members = await trainArms(context, runs, info.classNames)
    const results = await evaluateArms(context, runs, members, train.labels, test)
    const figures = config.arms.map(arm => summarize(arm, results))
    await writeResults(context, results, figures)
    const advice = recommendation(
      figures.map(figure => ({ ...figure, runs: runsOf(figure.arm, results).map(({ top1 }) => top1) })),
    )
    const headline: RetrainHeadline = {
      arms: figures.map(({ pieTop1, nonPieTop1, overRandom, ...arm }) => arm),
      ...(advice !== undefined && { recommendation: advice }),
    }
    return { ...headline }
  },
}

interface ArmRun extends ArmData {
  readonly arm: RetrainArm
  readonly seed: number
}

interface ArmResult {
  readonly arm: RetrainArm
  readonly seed: number
  /** Training examples. */
  readonly examples: number
  /** Those of them with another label than the given one. */
  readonly relabeled: number
  readonly top1: number
  /** Null where no example, or every one, is a PIE. */
  readonly pieTop1: number | null
  readonly nonPieTop1: number | null
}

interface ArmSummary extends ArmFigures {
  readonly arm: RetrainArm
  /** To the random removal of as many examples, paired by seed; absent where that was not trained. */
  readonly overRandom?: PairedDifference
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
  const suggestedP: number[] = []
  const quality: number[] = []
  const truth: number[] = []
  const asksTruth = context.pipeline.retrain!.arms.includes('true-labels')
  const verdicts = ['is_label_issue', 'suggested_label', 'suggested_p', 'label_quality']
  const columns = [
    'label',
    ...verdicts,
    ...(pieColumn ? [pieColumn] : []),
    ...(asksTruth ? ['true_label'] : []),
  ]
  for await (const batch of openTable(context.input('scores.parquet'), { columns })) {
    const start = labels.length
    labels.push(...int32Column(batch, 'label'))
    suggested.push(...int32Column(batch, 'suggested_label'))
    suggestedP.push(...(numberColumn(batch, 'suggested_p') as number[]))
    quality.push(...(numberColumn(batch, 'label_quality') as number[]))
    issues.push(...booleanColumn(batch, 'is_label_issue'))
    if (asksTruth) truth.push(...nullableInt32Column(batch, 'true_label', unknownTruth))
    if (pieColumn) pies.push(...booleanColumn(batch, pieColumn))
    else pies.length = start + batch.numRows
  }
  return {
    train: {
      labels: Int32Array.from(labels.slice(0, trainExamples)),
      pies: Uint8Array.from(pies.slice(0, trainExamples)),
      issues: Uint8Array.from(issues.slice(0, trainExamples)),
      suggested: Int32Array.from(suggested.slice(0, trainExamples)),
      suggestedP: Float32Array.from(suggestedP.slice(0, trainExamples)),
      quality: Float32Array.from(quality.slice(0, trainExamples)),
      ...(asksTruth && { truth: Int32Array.from(truth.slice(0, trainExamples)) }),
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
    await memberEnvironment(context, retrainModel(pipeline)),
    'retraining',
    runs.map(({ arm, seed, rows, labels, weights }) => ({
      title: `${arm} ${seed}`,
      seed: memberSeed(pipeline, seed),
      rows,
      labels,
      ...(weights && { weights }),
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
  given: Int32Array,
  test: TestVerdicts,
): Promise<ArmResult[]> {
  const { store, workers, progress, signal } = context
  const inputs = await networkInputs(context)
  const pool = createPredictionPool(workers, progress.log)
  const limit = pLimit(store.elsewhere ?? workers)
  progress.start('evaluating', runs.length)
  try {
    return await Promise.all(
      runs.map(({ arm, seed, rows, labels }, index) =>
        limit(async () => {
          signal.throwIfAborted()
          const { logits } = await memberLogits(store, pool, {
            title: `${arm} ${seed}`,
            model: join(members[index]!.folder, modelFile),
            inputs: inputs.file,
            inputsKey: inputs.key,
            start: given.length,
          })
          const { data, shape } = await readNpy(logits)
          progress.advance(1, `${arm} ${seed}`)
          const relabeled = rows.filter(row => labels[row] !== given[row]).length
          const found = accuracies(data as Float32Array, shape[1]!, test)
          return { arm, seed, examples: rows.length, relabeled, ...found }
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

function runsOf(arm: RetrainArm, results: readonly ArmResult[]): ArmResult[] {
  return results.filter(result => result.arm === arm)
}

function summarize(arm: RetrainArm, results: readonly ArmResult[]): ArmSummary {
  const own = runsOf(arm, results)
  const top1 = Float64Array.from(own, result => result.top1)
  const to = (other: RetrainArm | undefined): PairedDifference | undefined => {
    const others = other === undefined || other === arm ? [] : runsOf(other, results)
    if (others.length === 0) return undefined
    return pairedDifference(
      top1,
      Float64Array.from(others, result => result.top1),
    )
  }
  const meanOf = (values: (number | null)[]) => (values.includes(null) ? null : mean(values as number[]))
  const difference = to('all')
  const overRandom = to(cleaningArms.get(arm))
  return {
    arm,
    examples: own[0]!.examples,
    relabeled: own[0]!.relabeled,
    top1Mean: mean(top1),
    ...(own.length > 1 && { top1Sd: sampleDeviation(top1) }),
    ...(difference && { difference: difference.mean }),
    ...(difference && own.length > 1 && { low: difference.low, high: difference.high }),
    ...(overRandom && { overRandom }),
    pieTop1: meanOf(own.map(result => result.pieTop1)),
    nonPieTop1: meanOf(own.map(result => result.nonPieTop1)),
  }
}

/** Null where one seed gives no interval. */
function finite(value = Number.NaN): number | null {
  return Number.isFinite(value) ? value : null
}

async function writeResults(
  context: StageContext,
  results: readonly ArmResult[],
  figures: readonly ArmSummary[],
): Promise<void> {
  const all = new Map(results.filter(({ arm }) => arm === 'all').map(({ seed, top1 }) => [seed, top1]))
  const rows = [
    ...results.map(({ arm, seed, examples, relabeled, top1, pieTop1, nonPieTop1 }) => ({
      arm: arm as string,
      seed,
      n: examples,
      relabeled,
      top1,
      top1_sd: null,
      pie_top1: pieTop1,
      non_pie_top1: nonPieTop1,
      difference: arm === 'all' || !all.has(seed) ? null : top1 - all.get(seed)!,
      difference_low: null,
      difference_high: null,
      over_random: null,
      over_random_low: null,
      over_random_high: null,
    })),
    ...figures.map(figure => ({
      arm: figure.arm,
      seed: null,
      n: figure.examples,
      relabeled: figure.relabeled,
      top1: figure.top1Mean,
      top1_sd: figure.top1Sd ?? null,
      pie_top1: figure.pieTop1,
      non_pie_top1: figure.nonPieTop1,
      difference: figure.difference ?? null,
      difference_low: figure.low ?? null,
      difference_high: figure.high ?? null,
      over_random: figure.overRandom?.mean ?? null,
      over_random_low: finite(figure.overRandom?.low),
      over_random_high: finite(figure.overRandom?.high),
    })),
  ]
  const columns = Object.fromEntries(
    retrainSchema.fields.map(({ name }) => [name, rows.map(row => row[name as keyof (typeof rows)[number]])]),
  )
  const batch = recordBatch(retrainSchema, columns as Record<string, (number | null)[] | string[]>)
  await writeTable(join(context.output, 'retrain.parquet'), retrainSchema, [batch])
}
