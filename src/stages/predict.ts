/**
 * What every member says about every example. Each member's logits are an artefact of their own, so that a new
 * seed or level predicts only what is missing; tables are merged from them a few examples at a time, however many
 * members there are.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Data, makeData, type RecordBatch, Utf8 } from 'apache-arrow'
import { countWeights } from '../compression/kernels.js'
import { readDatasetInfo } from '../dataset/info.js'
import { networkInputs } from '../dataset/network-inputs.js'
import { createPredictionPool } from '../engine/onnxruntime/prediction-pool.js'
import { RunError } from '../errors.js'
import { decodeModel } from '../onnx/model.js'
import type { Pipeline } from '../pipeline/config.js'
import { openTable, streamNpy, writeTable, writeText } from '../pipeline/files.js'
import { levelsOf } from '../pipeline/levels.js'
import type { Headline, Stage, StageContext } from '../pipeline/stage.js'
import { meanProbabilities, memberPredictions } from '../scoring/member-predictions.js'
import { int32Column, nullableInt32Column, recordBatch, stringColumn } from '../tables/columns.js'
import { RowReader } from '../tables/row-reader.js'
import { predictionsSchema, probabilitiesSchema } from '../tables/schemas.js'
import { inMember, memberLogits } from './member-logits.js'
import { readTakenLevels } from './models.js'
import { sideBySide } from './side-by-side.js'

export const predict: Stage = {
  name: 'predict',
  version: 1,
  inputs: ['ingest', 'backbone', 'train', 'compress', 'models'],
  settings(pipeline) {
    const { models, ...population } = pipeline.population
    return {
      levels: levelsOf(pipeline).map(({ name }) => name),
      population: { ...population, trainedOn: models?.trainedOn },
    }
  },
  run: predictRun,
}

interface Member {
  readonly level: string
  readonly seed: number
  /** Path of its ONNX file. */
  readonly file: string
}

/** A member as `members.json` lists it. */
interface MemberEntry {
  readonly seed: number
  /** Size of its ONNX file. */
  readonly bytes: number
  /** Kernel weights, and those of them that are not zero. */
  readonly weights: number
  readonly nonZeroWeights: number
}

/** A member whose logits are on disk, float32 [examples, classes]. */
interface PredictedMember {
  readonly entry: MemberEntry
  readonly logits: string
  readonly reused: boolean
}

async function predictRun(context: StageContext): Promise<Headline> {
  const { pipeline, output, progress } = context
  const { classNames } = await readDatasetInfo(context.input('dataset.json'))
  const levels = levelsOf(pipeline).map(({ name }) => name)
  const members = await membersOf(context, levels)
  const predicted = await predictMembers(context, members)

  progress.start('merge predictions', levels.length)
  await mkdir(join(output, 'predictions'), { recursive: true })
  await mkdir(join(output, 'probabilities'), { recursive: true })
  const entries: Record<string, MemberEntry[]> = {}
  for (const level of levels) {
    context.signal.throwIfAborted()
    const ofLevel = predicted.filter((_, m) => members[m].level === level)
    entries[level] = ofLevel.map(({ entry }) => entry)
    await writeLevel(context, level, ofLevel, classNames.length)
    progress.advance(1, level)
  }
  await writeText(join(output, 'members.json'), `${JSON.stringify(entries, null, 2)}\n`)
  return { members: members.length, reused: predicted.filter(({ reused }) => reused).length }
}

async function membersOf(context: StageContext, levels: readonly string[]): Promise<Member[]> {
  const { seeds, firstSeed, models } = context.pipeline.population
  const taken = models === undefined ? undefined : await readTakenLevels(context)
  return levels.flatMap((level, l) => {
    const numbers = taken?.[l]?.seeds ?? Array.from({ length: seeds }, (_, s) => firstSeed + s)
    return numbers.map(seed => ({ level, seed, file: context.input(`members/${level}/${seed}.onnx`) }))
  })
}

/** Logits of all members, side by side; those that are in the store already are taken from there. */
async function predictMembers(context: StageContext, members: readonly Member[]): Promise<PredictedMember[]> {
  const { store, workers, progress, signal } = context
  const inputs = await networkInputs(context)
  const pool = createPredictionPool(workers)
  const threads = { workers: store.elsewhere ?? workers, signal, stop: pool.stop }
  progress.start('predict', members.length)
  try {
    return await sideBySide(members, threads, async ({ level, seed, file }) => {
      try {
        const bytes = await readFile(file)
        const entry = { seed, bytes: bytes.length, ...countWeights(decodeModel(bytes, file).graph) }
        const title = `${level} ${seed}`
        const request = { title, model: file, inputs: inputs.file, inputsKey: inputs.key }
        const { logits, reused } = await memberLogits(store, pool, request)
        progress.advance(1, title)
        return { entry, logits, reused }
      } catch (error) {
        throw inMember(error, level, seed, file)
      }
    })
  } finally {
    await pool.close()
  }
}

/** Logits in memory at a time when tables are merged. */
const mergedLogits = 2 ** 22
/** Examples merged at a time at most. */
const mergedExamples = 8192

/** Some consecutive examples, and what all members of a level say about them. */
interface Portion {
  readonly ids: readonly string[]
  /** Given labels, [examples]. */
  readonly labels: Int32Array
  /** 1 where the member trained on the example, [examples, members]. */
  readonly inSample: Uint8Array
  /** Of each member, [examples, classes]. */
  readonly logits: readonly Float32Array[]
}

/** Writes both tables of a level, each in a pass of its own, so that neither waits in memory for the other. */
async function writeLevel(
  context: StageContext,
  level: string,
  members: readonly PredictedMember[],
  classes: number,
): Promise<void> {
  const seeds = Int32Array.from(members, ({ entry }) => entry.seed)
  async function* predictions(): AsyncGenerator<RecordBatch> {
    for await (const { ids, labels, inSample, logits } of portions(context, level, members, classes)) {
      const { predicted, rankGiven, pGiven, pTop, margin } = memberPredictions(logits, labels, classes)
      yield recordBatch(predictionsSchema, {
        example_id: repeatedIds(ids, members.length),
        seed: predicted.map((_, pair) => seeds[pair % seeds.length]),
        in_sample: inSample,
        predicted,
        rank_given: rankGiven,
        p_given: pGiven,
        p_top: pTop,
        margin,
      })
    }
  }
  const schema = probabilitiesSchema(classes)
  async function* probabilities(): AsyncGenerator<RecordBatch> {
    for await (const { ids, inSample, logits } of portions(context, level, members, classes)) {
      yield recordBatch(schema, {
        example_id: ids,
        probabilities: meanProbabilities(logits, inSample, classes),
      })
    }
  }
  await writeTable(join(context.output, 'predictions', `${level}.parquet`), predictionsSchema, predictions())
  await writeTable(join(context.output, 'probabilities', `${level}.parquet`), schema, probabilities())
}

/** Reads examples and all members' logits in lock-step. */
async function* portions(
  { pipeline, input, signal }: StageContext,
  level: string,
  members: readonly PredictedMember[],
  classes: number,
): AsyncGenerator<Portion> {
  const rows = Math.max(1, Math.min(mergedExamples, Math.floor(mergedLogits / (members.length * classes))))
  const file = input('examples.parquet')
  const examples = new RowReader(openTable(file, { columns: ['example_id', 'split', 'fold', 'label'] }))
  const scores = members.map(({ logits }) => streamNpy(logits, rows))
  const seeds = members.map(({ entry }) => entry.seed)
  try {
    for (;;) {
      signal.throwIfAborted()
      const slices = await examples.take(rows)
      const logits = await Promise.all(
        scores.map(async stream => (await stream.next()).value as Float32Array),
      )
      if (slices.length === 0) return
      const ids = slices.flatMap(slice => stringColumn(slice, 'example_id'))
      checkLogits(logits, ids, classes, seeds, level)
      const labels = new Int32Array(ids.length)
      const inSample = new Uint8Array(ids.length * seeds.length)
      let row = 0
      for (const slice of slices) {
        labels.set(int32Column(slice, 'label'), row)
        inSample.set(inSampleOf(slice, seeds, pipeline.population), row * seeds.length)
        row += slice.numRows
      }
      yield { ids, labels, inSample, logits }
    }
  } finally {
    await examples.close()
    await Promise.all(scores.map(stream => stream.return(undefined)))
  }
}

/**
 * Whether each member trained on each example, [examples, members]: on all training examples whose fold is not
 * the member's own, seed mod K; without cross-fit on all of them; models from elsewhere as their user says.
 */
function inSampleOf(
  examples: RecordBatch,
  seeds: readonly number[],
  { crossFit, models }: Pipeline['population'],
): Uint8Array {
  const splits = stringColumn(examples, 'split')
  const folds = nullableInt32Column(examples, 'fold', -1)
  const leftOut = seeds.map(seed => (crossFit === 0 ? undefined : seed % crossFit))
  const inSample = new Uint8Array(splits.length * seeds.length)
  for (const [row, split] of splits.entries()) {
    if (split !== 'train' || models?.trainedOn === 'none') continue
    for (let m = 0; m < seeds.length; m++) {
      if (folds[row] !== leftOut[m]) inSample[row * seeds.length + m] = 1
    }
  }
  return inSample
}

function checkLogits(
  logits: readonly (Float32Array | undefined)[],
  ids: readonly string[],
  classes: number,
  seeds: readonly number[],
  level: string,
): void {
  for (const [m, scores] of logits.entries()) {
    if (scores?.length !== ids.length * classes) {
      throw new RunError(
        `member ${seeds[m]} of ${level} has ${scores?.length ?? 0} logits for ${ids.length} examples of ${classes} classes`,
        { mend: 'Give it a model whose classes are those of the data set.' },
      )
    }
    let broken = 0
    while (broken < scores.length && Number.isFinite(scores[broken])) broken++
    if (broken < scores.length) {
      const id = ids[Math.floor(broken / classes)]
      throw new RunError(
        `member ${seeds[m]} of ${level} gives a logit of ${scores[broken]} for example "${id}"`,
        {
          mend: 'Its training has diverged: lower the learning rate (`model.learningRate`), or leave the model out.',
        },
      )
    }
  }
}

/** Each id `times` times in a row, without a string for each. */
function repeatedIds(ids: readonly string[], times: number): Data<Utf8> {
  const texts = ids.map(id => Buffer.from(id))
  const valueOffsets = new Int32Array(ids.length * times + 1)
  const data = new Uint8Array(texts.reduce((sum, { length }) => sum + length * times, 0))
  let row = 0
  for (const text of texts) {
    for (let time = 0; time < times; time++) {
      data.set(text, valueOffsets[row])
      valueOffsets[row + 1] = valueOffsets[row] + text.length
      row++
    }
  }
  return makeData({ type: new Utf8(), length: row, nullCount: 0, valueOffsets, data })
}
