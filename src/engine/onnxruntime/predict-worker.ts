/** Worker thread: one member's logits for all examples, from file to file. */
import { readFile } from 'node:fs/promises'
import { type ErrorRecord, recordOf } from '../../error-record.js'
import { PielineError } from '../../errors.js'
import { streamNpy, writeNpy } from '../../pipeline/files.js'
import { createPredictor, type PredictorInputs } from './predictor.js'

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
}

/** Values of the input that are in memory at a time. */
const chunkLength = 2 ** 22

/** @returns what it says of an error on purpose: errors themselves lose their class and fields between threads */
export default async function predictTask(task: PredictTask): Promise<ErrorRecord | undefined> {
  try {
    await predict(task)
    return undefined
  } catch (error) {
    if (error instanceof PielineError) return recordOf(error)
    throw error
  }
}

async function predict({
  model,
  inputs,
  start = 0,
  end = Number.POSITIVE_INFINITY,
  mirror = false,
  logits,
  stop,
}: PredictTask): Promise<void> {
  const predictor = await createPredictor(await readFile(model), { threads: 1, file: model, mirror })
  const { inputLength, batchSize, classes } = predictor
  const rows = batchSize * Math.max(1, Math.floor(chunkLength / (batchSize * inputLength)))
  async function* chunks(): AsyncGenerator<Float32Array> {
    for await (const examples of streamNpy(inputs, rows, { start, end })) {
      if (Atomics.load(stop, 0) !== 0) throw new Error('stopped')
      yield await predictor.predict(examples as PredictorInputs)
    }
  }
  try {
    await writeNpy(logits, { dtype: 'float32', shape: [classes] }, chunks())
  } finally {
    await predictor.dispose()
  }
}
