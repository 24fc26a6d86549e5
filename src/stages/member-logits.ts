/** A member's logits as an artefact of their own, so that the same file is asked about the same examples once. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { env } from 'onnxruntime-node'
import type { PredictionPool } from '../engine/onnxruntime/prediction-pool.js'
import { PielineError, RunError } from '../errors.js'
import { keyOf } from '../pipeline/key.js'
import type { ArtefactStore } from '../pipeline/store.js'

/** Raise it when the same member and inputs would give other logits. */
const logitsVersion = 1

export interface LogitsRequest {
  /** Path of the member's ONNX file. */
  readonly model: string
  /** Path of the inputs, and what names their bytes. */
  readonly inputs: string
  readonly inputsKey: string | undefined
  /** First row to predict; default 0. */
  readonly start?: number
}

/** @returns the path of the logits, float32 [examples, classes], and whether they were there already. */
export async function memberLogits(
  store: ArtefactStore,
  pool: PredictionPool,
  { model, inputs, inputsKey, start }: LogitsRequest,
): Promise<{ logits: string; reused: boolean }> {
  const key = keyOf({
    logits: logitsVersion,
    runtime: env.versions.node ?? env.versions.common,
    member: createHash('sha256')
      .update(await readFile(model))
      .digest('hex'),
    inputs: inputsKey,
    start,
  })
  const fileName = 'logits.npy'
  const artefact = await store.produce(key, folder =>
    pool.predict({ model, inputs, logits: join(folder, fileName), ...(start !== undefined && { start }) }),
  )
  return { logits: join(artefact.folder, fileName), reused: artefact.reused }
}

/** Errors that cross a thread lose their class, and say nothing of the member. @param model path of its ONNX file */
export function inMember(error: unknown, level: string, seed: number, model: string): unknown {
  if (error instanceof PielineError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new RunError(`member ${seed} of ${level} cannot predict: ${reason}`, { file: model, cause: error })
}
