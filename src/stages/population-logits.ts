/**
 * What populations say, as logits: each member's are an artefact of their own, read together a few examples at a time,
 * however many members there are.
 */
import { readFile } from 'node:fs/promises'
import type { RecordBatch } from 'apache-arrow'
import { countWeights } from '../compression/kernels.js'
import { networkInputs } from '../dataset/network-inputs.js'
import { createPredictionPool } from '../engine/onnxruntime/prediction-pool.js'
import { DataError, RunError } from '../errors.js'
import { decodeModel } from '../onnx/model.js'
import type { Pipeline } from '../pipeline/config.js'
import { openTable, streamNpy } from '../pipeline/files.js'
import type { StageContext } from '../pipeline/stage.js'
import { int32Column, nullableInt32Column, stringColumn } from '../tables/columns.js'
import { RowReader } from '../tables/row-reader.js'
import { inMember, memberLogits } from './member-logits.js'
import { sideBySide } from './side-by-side.js'

export interface LevelMember {
  readonly level: string
  readonly seed: number
  /** Path of its ONNX file. */
  readonly file: string
}

/** A member as `members.json` lists it. */
export interface MemberEntry {
  readonly seed: number
  /** Size of its ONNX file. */
  readonly bytes: number
  /** Kernel weights, and those of them that are not zero. */
  readonly weights: number
  readonly nonZeroWeights: number
}

/** A member whose logits are on disk, float32 [examples, classes]. */
export interface PredictedMember {
  readonly entry: MemberEntry
  readonly logits: string
  readonly reused: boolean
}

/** Logits of all members, side by side; those that are in the store already are taken from there. */
export async function predictMembers(
  context: StageContext,
  members: readonly LevelMember[],
): Promise<PredictedMember[]> {
  const { store, workers, progress, signal } = context
  const inputs = await networkInputs(context)
  if (context.pipeline.predict?.mirror && inputs.shape.kind !== 'image') {
    throw new DataError('there are no pictures to mirror: the networks see rows of numbers', {
      key: 'predict.mirror',
      mend: 'Leave `predict` out.',
    })
  }
  const pool = createPredictionPool(workers, progress.log)
  const threads = { workers: store.elsewhere ?? workers, signal, stop: pool.stop }
  progress.start('predict', members.length)
  try {
    return await sideBySide(members, threads, async ({ level, seed, file }) => {
      try {
        const bytes = await readFile(file)
        const entry = { seed, bytes: bytes.length, ...countWeights(decodeModel(bytes, file).graph) }
        const title = `${level} ${seed}`
        const { mirror } = context.pipeline.predict ?? {}
        const request = { title, model: file, inputs: inputs.file, inputsKey: inputs.key, mirror }
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
export interface Portion {
  readonly ids: readonly string[]
  /** Given labels, [examples]. */
  readonly labels: Int32Array
  /** 1 where the member trained on the example, [examples, members]. */
  readonly inSample: Uint8Array
  /** Of each member, [examples, classes]. */
  readonly logits: readonly Float32Array[]
}

/** Reads examples and all members' logits in lock-step. */
export async function* portions(
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

/** Whether some members train on an example and others do not. */
export const leavesFoldsOut = ({ crossFit, models }: Pipeline['population']): boolean =>
  models === undefined && crossFit > 0

/**
 * Whether each member trained on each example, [examples, members]: on all training examples whose fold is not
 * the member's own, seed mod K; without cross-fit on all of them; models from elsewhere as their user says.
 */
export function inSampleOf(
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
