/** Worker thread: one member's logits for all examples, from file to file. */
import { readFile } from 'node:fs/promises'
import { type ErrorRecord, recordOf } from '../../error-record.js'
import { PielineError } from '../../errors.js'
import { streamNpy, writeNpy } from '../../pipeline/files.js'
import { beat, type Pulse } from '../../threads/pulse.js'
import { isWantOfMemory } from '../../threads/want-of-memory.js'
import { createPredictor, type Predictor, type PredictorInputs, smallestBatch } from './predictor.js'

export interface PredictTask {
  /** Path of the member's ONNX file. */
  readonly model: string
  /** Path of the inputs, uint8 [examples, height, width, channels] or float32 [examples, features]. */
  readonly inputs: string
  /** First row to predict; those before it are left out. Default 0. */
  readonly start?: number
  /** Row at which to stop. Default: all are predicted. */
  readonly end?: number
  /** See {@link PredictorOptions}. */
  readonly mirror?: boolean
  /** Path of the logits to write, float32 [examples, classes]. */
  readonly logits: string
  /** On shared memory; not 0 once the work is to stop. */
  readonly stop: Int32Array
  readonly pulse: Pulse
  /** Whether batches for which there is not enough memory are halved. */
  readonly mayShrink: boolean
}

/** Examples that went through the network at once, and that would have with more memory. */
export interface Predicted {
  readonly batch: number
  readonly wanted: number
}

/** Values of the input that are in memory at a time. */
const chunkLength = 2 ** 22

/** @returns what it says of an error on purpose: errors themselves lose their class and fields between threads */
export default async function predictTask(task: PredictTask): Promise<ErrorRecord | Predicted> {
  try {
    return await predict(task)
  } catch (error) {
    if (error instanceof PielineError) return recordOf(error)
    throw error
  }
}

async function predict(task: PredictTask): Promise<Predicted> {
  const bytes = await readFile(task.model)
  let wanted: number | undefined
  let most: number | undefined
  for (;;) {
    const { model: file, mirror = false } = task
    const options = { threads: 1, file, mirror, ...(most !== undefined && { largestBatch: most }) }
    const predictor = await createPredictor(bytes, options)
    const { batchSize: batch } = predictor
    wanted ??= batch
    try {
      await writeLogits(predictor, task)
      return { batch, wanted }
    } catch (error) {
      const canShrink = predictor.takesAnyBatch && batch > smallestBatch
      if (!task.mayShrink || !canShrink || !isWantOfMemory(error)) throw error
      most = Math.max(smallestBatch, Math.floor(batch / 2))
    } finally {
      await predictor.dispose()
    }
  }
}

async function writeLogits(
  predictor: Predictor,
  { inputs, start = 0, end = Number.POSITIVE_INFINITY, logits, stop, pulse }: PredictTask,
): Promise<void> {
  const { inputLength, batchSize, classes } = predictor
  const rows = batchSize * Math.max(1, Math.floor(chunkLength / (batchSize * inputLength)))
  async function* chunks(): AsyncGenerator<Float32Array> {
    for await (const examples of streamNpy(inputs, rows, { start, end })) {
      if (Atomics.load(stop, 0) !== 0) throw new Error('stopped')
      yield await predictor.predict(examples as PredictorInputs)
      beat(pulse)
    }
  }
  await writeNpy(logits, { dtype: 'float32', shape: [classes] }, chunks())
}
