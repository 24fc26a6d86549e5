/** Tries models from elsewhere on a sample: wrong preprocessing or another order of classes gives no error, only nonsense. */
import type { PredictorInputs } from '../engine/onnxruntime/predictor.js'
import { createPredictor } from '../engine/onnxruntime/predictor.js'

export interface Sample {
  readonly inputs: PredictorInputs
  /** Class of each example, [examples]. */
  readonly labels: Int32Array
}

export interface Trial {
  /** Share of the sample's given labels that are predicted. */
  readonly accuracy: number
  /** Class that the model predicts, [examples]. */
  readonly predicted: Int32Array
}

/** @param bytes a member's file */
export async function tryModel(bytes: Uint8Array, { inputs, labels }: Sample, file: string): Promise<Trial> {
  const predictor = await createPredictor(bytes, { threads: 1, file })
  try {
    const logits = await predictor.predict(inputs)
    const { classes } = predictor
    const predicted = labels.map((_, i) => {
      const row = logits.subarray(i * classes, (i + 1) * classes)
      return row.indexOf(row.reduce((a, b) => Math.max(a, b)))
    })
    const right = predicted.reduce((sum, label, i) => sum + (label === labels[i] ? 1 : 0), 0)
    return { accuracy: right / labels.length, predicted }
  } finally {
    await predictor.dispose()
  }
}

/**
 * Accuracy above which a model knows something: that of always guessing the commonest class, and three standard
 * errors of a share.
 */
export function chanceBound(labels: Int32Array): number {
  const counts = new Map<number, number>()
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1)
  const chance = Math.max(...counts.values()) / labels.length
  return chance + 3 * Math.sqrt((chance * (1 - chance)) / labels.length)
}

/**
 * The class of the data set that each class of the model mostly stands for, where that is another order of the same
 * classes under which the labels agree with the predictions; undefined where there is none.
 */
export function likelyOrder(
  predicted: Int32Array,
  labels: Int32Array,
  classes: number,
): Int32Array | undefined {
  const together = new Int32Array(classes * classes)
  for (let i = 0; i < labels.length; i++) together[predicted[i]! * classes + labels[i]!]!++
  const order = Int32Array.from({ length: classes }, (_, own) => {
    const row = together.subarray(own * classes, (own + 1) * classes)
    return row.indexOf(Math.max(...row))
  })
  if (new Set(order).size < classes) return undefined
  const right = labels.reduce((sum, label, i) => sum + (order[predicted[i]!] === label ? 1 : 0), 0)
  return right / labels.length > chanceBound(labels) ? order : undefined
}
