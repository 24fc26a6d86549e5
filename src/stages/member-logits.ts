/** A member's logits as an artefact of their own, so that the same file is asked about the same examples once. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { env } from 'onnxruntime-node'
import type { PredictionPool } from '../engine/onnxruntime/prediction-pool.js'
import { DataError, PielineError, RunError } from '../errors.js'
import { keyOf } from '../pipeline/key.js'
import type { ArtefactStore } from '../pipeline/store.js'

/** Raise it when the same member and inputs would give other logits. */
const logitsVersion = 1

export interface LogitsRequest {
  /** Names it in the queue of a cluster, such as `dense 3`. */
  readonly title: string
  /** Path of the member's ONNX file. */
  readonly model: string
  /** Path of the inputs, and what names their bytes. */
  readonly inputs: string
  readonly inputsKey: string | undefined
  /** First row to predict; default 0. */
  readonly start?: number
  /** Whether the logits are the mean of those of each picture and of it mirrored. */
  readonly mirror?: boolean | undefined
}

/** @returns the path of the logits, float32 [examples, classes], and whether they were there already. */
export async function memberLogits(
  store: ArtefactStore,
  pool: PredictionPool,
  { title, model, inputs, inputsKey, start, mirror }: LogitsRequest,
): Promise<{ logits: string; reused: boolean }> {
  const key = keyOf({
    logits: logitsVersion,
    runtime: env.versions.node ?? env.versions.common,
    member: createHash('sha256')
      .update(await readFile(model))
      .digest('hex'),
    inputs: inputsKey,
    start,
    mirror: mirror || undefined,
  })
  const task: PredictWork = {
    model,
    inputs,
    ...(start !== undefined && { start }),
    ...(mirror && { mirror }),
  }
  const artefact = await pool.despiteHanging(title, () =>
    store.produce(key, folder => predictInto(folder, pool, task), { kind: 'predict', title, task }),
  )
  return { logits: join(artefact.folder, logitsFile), reused: artefact.reused }
}

const logitsFile = 'logits.npy'

/** What is predicted, apart from where it is done. */
export type PredictWork = Pick<LogitsRequest, 'model' | 'inputs' | 'start'> & { readonly mirror?: boolean }

/** Writes the file of the artefact that holds a member's logits. */
export function predictInto(folder: string, pool: PredictionPool, work: PredictWork): Promise<void> {
  return pool.predict({ ...work, logits: join(folder, logitsFile) })
}

/** Says which member it was, keeping the class. @param model path of its ONNX file */
export function inMember(error: unknown, level: string, seed: number, model: string): PielineError {
  const reason = error instanceof Error ? error.message : String(error)
  const message = `member ${seed} of ${level} cannot predict: ${reason}`
  const { mend } = error instanceof PielineError ? error : {}
  const place = { file: model, cause: error, ...(mend !== undefined && { mend }) }
  return error instanceof DataError ? new DataError(message, place) : new RunError(message, place)
}
