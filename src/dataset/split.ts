/**
 * Held-out share and cross-fit folds: stratified by class, drawn from a seed, and stable. What decides where an
 * example goes is the rank of a hash of its id within its class, so the order of the rows does not matter, and a
 * row added moves at most the few examples that lie at the ends of the ranges.
 */
import { createHash } from 'node:crypto'

export interface StratifiedExamples {
  /** Class of each example, [examples]; negative: takes no part. */
  readonly classes: Int32Array
  /** Hash of each example's id, [examples]. */
  readonly ids: BigUint64Array
}

/**
 * Marks round(share × n) examples of each class, but never all of one.
 * @param share 0 to 1
 * @returns 1 where the example is held out, [examples]
 */
export function holdOut(examples: StratifiedExamples, share: number, seed: number): Uint8Array {
  const heldOut = new Uint8Array(examples.classes.length)
  for (const members of rankedByClass(examples, `hold out ${seed}`)) {
    const count = Math.min(Math.round(share * members.length), members.length - 1)
    for (const example of members.subarray(0, Math.max(0, count))) heldOut[example] = 1
  }
  return heldOut
}

/**
 * Deals each class evenly over the folds: fold sizes within a class differ by one at most. The folds of a class
 * are consecutive ranges of its ranks; which range is which fold turns with the class, so that the remainders of
 * many classes do not pile up in one fold.
 * @param folds K ≥ 2
 * @returns fold of each example, 0 to K − 1; −1 where it takes no part, [examples]
 */
export function assignFolds(examples: StratifiedExamples, folds: number, seed: number): Int32Array {
  const assigned = new Int32Array(examples.classes.length).fill(-1)
  for (const [index, members] of rankedByClass(examples, `folds ${seed}`).entries()) {
    for (const [rank, example] of members.entries()) {
      assigned[example] = (Math.floor((rank * folds) / members.length) + index) % folds
    }
  }
  return assigned
}

/** The examples of each class, ordered by a hash of purpose and id, then by row. */
function rankedByClass({ classes, ids }: StratifiedExamples, purpose: string): Int32Array[] {
  const keys = BigUint64Array.from(ids, id => seededHash(purpose, id))
  const byClass: number[][] = []
  for (const [example, label] of classes.entries()) {
    if (label < 0) continue
    while (byClass.length <= label) byClass.push([])
    byClass[label].push(example)
  }
  return byClass.map(members =>
    Int32Array.from(members).sort((a, b) => (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : a - b)),
  )
}

function seededHash(purpose: string, id: bigint): bigint {
  return createHash('sha256').update(`${purpose}:${id}`).digest().readBigUInt64LE()
}
