/** The arms of the retraining comparison: what each one makes of the training set. */
import type { RetrainArm } from '../pipeline/config.js'
import { permutation, randomStream, type Seed } from '../random.js'

/** What scoring found about each training example. */
export interface Verdicts {
  readonly labels: Int32Array
  /** 1 for PIEs of the level that the comparison goes by. */
  readonly pies: Uint8Array
  /** 1 for label issues. */
  readonly issues: Uint8Array
  readonly suggested: Int32Array
}

export interface ArmData {
  /** Rows of the training set to train on, ascending. */
  readonly rows: Int32Array
  /** Class of each training example. */
  readonly labels: Int32Array
}

/** @param seed of the rows that `random` leaves out. */
export function armData(arm: RetrainArm, verdicts: Verdicts, seed: Seed): ArmData {
  const { labels, pies, issues, suggested } = verdicts
  const all = Int32Array.from(labels, (_, row) => row)
  switch (arm) {
    case 'all':
      return { rows: all, labels }
    case 'non-pie':
      return { rows: all.filter(row => pies[row] === 0), labels }
    case 'random': {
      const removed = pies.reduce((sum, pie) => sum + pie, 0)
      return {
        rows: permutation(all.length, randomStream(...seed))
          .slice(removed)
          .sort(),
        labels,
      }
    }
    case 'cleaned':
      return { rows: all.filter(row => issues[row] === 0), labels }
    case 'relabeled':
      return { rows: all, labels: labels.map((label, row) => (issues[row] === 1 ? suggested[row]! : label)) }
  }
}
