/** What a compressed member learns from besides its labels when it is trained on: weights by class, and teachers. */
import { createPredictor } from '../engine/onnxruntime/predictor.js'

/**
 * Weights of the classes, one step of the exponentiated gradient ascent of group distributionally robust optimization
 * (Sagawa et al. 2020, arXiv 1911.08731, algorithm 1) with classes as groups and, as the loss of a group, the recall
 * that compression cost it (a baseline taken off, as in Oren et al. 2019, arXiv 1909.02060): w ∝ exp(strength · (dense
 * recall − recall)).
 *
 * @param before recall of each class by the dense members, 0 to 1
 * @param after by the compressed member
 * @param counts how many examples each class has; the mean weight over all of them is 1
 */
export function classWeights(
  before: Float64Array,
  after: Float64Array,
  counts: Float64Array,
  strength: number,
): Float64Array {
  const raised = before.map((recall, c) => Math.exp(strength * (recall - after[c]!)))
  const total = counts.reduce((sum, count) => sum + count, 0)
  const weight = raised.reduce((sum, value, c) => sum + value * counts[c]!, 0)
  return raised.map(value => (value * total) / weight)
}

/** Share of the examples of each class that are predicted as such, [classes]; 1 for a class without examples. */
export function recallsOf(logits: Float32Array, labels: Int32Array, counts: Float64Array): Float64Array {
  const classes = counts.length
  const right = new Float64Array(classes)
  for (const [at, label] of labels.entries()) {
    const row = logits.subarray(at * classes, (at + 1) * classes)
    if (row.every(logit => logit <= row[label]!)) right[label]!++
  }
  return right.map((value, c) => (counts[c] === 0 ? 1 : value / counts[c]!))
}

/** Adds softmax(logits / temperature) / `of` of each example to `sum`, [examples, classes]. */
export function addSoftened(
  sum: Float32Array,
  logits: Float32Array,
  classes: number,
  temperature: number,
  of: number,
): void {
  for (let from = 0; from < logits.length; from += classes) {
    const row = logits.subarray(from, from + classes)
    const largest = row.reduce((a, b) => Math.max(a, b))
    const powers = Float64Array.from(row, logit => Math.exp((logit - largest) / temperature))
    const total = powers.reduce((a, b) => a + b)
    for (let c = 0; c < classes; c++) sum[from + c]! += powers[c]! / (total * of)
  }
}

/** What the dense members teach, as {@link TrainingData} takes it. */
export interface Lessons {
  readonly exampleWeights?: Float32Array
  readonly softTargets?: Float32Array
}

export interface LessonPlan {
  /** Give examples weights by class; see {@link classWeights}. */
  readonly strength?: number
  /** Give soft targets at this temperature. */
  readonly temperature?: number
}

/**
 * Asks the dense members, and the compressed one, about the rows on which it trains, each as it lies in the data set.
 * Other rows get weight and targets of 0.
 *
 * @param dense the ONNX files of the dense members, at least one
 * @param compressed that of the member before it is trained on
 * @param gotFurther called after every part of the rows
 */
export async function lessonsOf(
  plan: LessonPlan,
  dense: readonly Uint8Array[],
  compressed: Uint8Array,
  data: { readonly inputs: Uint8Array | Float32Array; readonly labels: Int32Array },
  rows: Int32Array,
  classes: number,
  gotFurther: () => void = () => {},
): Promise<Lessons> {
  const { strength, temperature } = plan
  const { inputs, labels } = data
  const own = rows.map(row => labels[row]!)
  const counts = new Float64Array(classes)
  for (const label of own) counts[label]!++
  const before = new Float64Array(classes)
  const softened = new Float32Array(temperature === undefined ? 0 : rows.length * classes)
  for (const model of dense) {
    const logits = await logitsOf(model, inputs, labels.length, rows, gotFurther)
    for (const [c, recall] of recallsOf(logits, own, counts).entries()) before[c]! += recall / dense.length
    if (temperature !== undefined) addSoftened(softened, logits, classes, temperature, dense.length)
  }
  const spread = (values: Float32Array, width: number) => {
    const all = new Float32Array(labels.length * width)
    for (const [at, row] of rows.entries()) {
      all.set(values.subarray(at * width, (at + 1) * width), row * width)
    }
    return all
  }
  let exampleWeights: Float32Array | undefined
  if (strength !== undefined) {
    const after = recallsOf(await logitsOf(compressed, inputs, labels.length, rows, gotFurther), own, counts)
    const weights = classWeights(before, after, counts, strength)
    exampleWeights = spread(
      Float32Array.from(own, label => weights[label]!),
      1,
    )
  }
  return {
    ...(exampleWeights && { exampleWeights }),
    ...(temperature !== undefined && { softTargets: spread(softened, classes) }),
  }
}

/** Examples that are copied together before a predictor takes them batch by batch. */
const gathered = 1024

/** Logits of the rows, [rows, classes]. */
async function logitsOf(
  model: Uint8Array,
  inputs: Uint8Array | Float32Array,
  examples: number,
  rows: Int32Array,
  gotFurther: () => void,
): Promise<Float32Array> {
  const size = inputs.length / examples
  const predictor = await createPredictor(model, { threads: 1 })
  try {
    const logits = new Float32Array(rows.length * predictor.classes)
    for (let start = 0; start < rows.length; start += gathered) {
      const part = rows.subarray(start, start + gathered)
      const length = part.length * size
      const chosen = inputs instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length)
      for (const [at, row] of part.entries()) {
        chosen.set(inputs.subarray(row * size, (row + 1) * size), at * size)
      }
      logits.set(await predictor.predict(chosen), start * predictor.classes)
      gotFurther()
    }
    return logits
  } finally {
    await predictor.dispose()
  }
}
