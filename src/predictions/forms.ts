/** What is wrong with predictions that are not of the form they are said to be, and logits out of either form. */
import type { PredictionForm } from '../scoring/matrix-scores.js'
import type { Numbers } from './npy.js'

/** How far the sum of a row of probabilities may be from 1: those of float16 and of rounded decimals pass. */
const tolerance = 0.01

/**
 * What stands for p in log p where p is 0: the least that float32 holds in full precision, below which a softmax
 * in float32 rounds to 0.
 */
const least = 2 ** -126

export interface Fault {
  /** Row of the block. */
  readonly row: number
  readonly message: string
  readonly mend: string
}

/** The first row, of [rows, classes], that is not of this form; undefined where all are. */
export function firstFault(values: Numbers, classes: number, form: PredictionForm): Fault | undefined {
  const isSound = form === 'probabilities' ? isDistribution : areFinite
  for (let begin = 0; begin < values.length; begin += classes) {
    if (!isSound(values, begin, begin + classes)) {
      return { row: begin / classes, ...faultOf(Array.from(values.subarray(begin, begin + classes))) }
    }
  }
  return undefined
}

function isDistribution(values: Numbers, begin: number, end: number): boolean {
  let sum = 0
  let lowest = 0
  for (let at = begin; at < end; at++) {
    const value = values[at]
    sum += value
    if (value < lowest) lowest = value
  }
  return lowest === 0 && Math.abs(sum - 1) <= tolerance
}

function areFinite(values: Numbers, begin: number, end: number): boolean {
  // Only a finite number is 0 away from itself.
  let sum = 0
  for (let at = begin; at < end; at++) sum += values[at] - values[at]
  return sum === 0
}

function faultOf(row: readonly number[]): Omit<Fault, 'row'> {
  const odd = row.findIndex(value => !Number.isFinite(value))
  if (odd >= 0) {
    const what = Number.isNaN(row[odd]) ? 'missing or not a number' : String(row[odd])
    return {
      message: `the value of class ${odd} is ${what}`,
      mend: 'Predict the example anew, or leave it out.',
    }
  }
  const negative = row.findIndex(value => value < 0)
  const sum = row.reduce((total, value) => total + value, 0)
  return {
    message:
      negative >= 0
        ? `the probability of class ${negative} is ${row[negative]}`
        : `the probabilities sum to ${Number(sum.toPrecision(4))}, not to 1`,
    mend: 'If these are logits, say so: --logits, or --form logits beside --predictions.',
  }
}

/** Logits whose softmax the rows are, [rows, classes]: log p of probabilities, logits as they are. */
export function toLogits(values: Numbers, form: PredictionForm): Float32Array {
  const logits = new Float32Array(values.length)
  if (form === 'logits') logits.set(values)
  else for (let at = 0; at < values.length; at++) logits[at] = Math.log(Math.max(values[at], least))
  return logits
}
