/** The arms of the retraining comparison: what each one makes of the training set. */
import type { RetrainArm } from '../pipeline/config.js'
import { permutation, randomStream, type Seed } from '../random.js'
import { noClass } from '../scoring/known-truth.js'

/** What scoring found about each training example. */
export interface Verdicts {
  readonly labels: Int32Array
  /** 1 for PIEs of the level that the comparison goes by. */
  readonly pies: Uint8Array
  /** 1 for label issues. */
  readonly issues: Uint8Array
  readonly suggested: Int32Array
  /** Probability that the suggested label is right, 0 to 1. */
  readonly suggestedP: Float32Array
  /** Label quality, 0 to 1. */
  readonly quality: Float32Array
  /** True labels, `noClass` or `unknownTruth`; present where an arm trains on them. */
  readonly truth?: Int32Array
}

export interface ArmData {
  /** Rows of the training set to train on, ascending. */
  readonly rows: Int32Array
  /** Class of each training example. */
  readonly labels: Int32Array
  /** Weight of each training example in the loss, mean 1; absent: all 1. */
  readonly weights?: Float32Array
}

/**
 * @param sure probability from which `relabeled-or-dropped` takes a suggested label
 * @param seed of the rows that the random arms leave out, the same for all of them
 */
export function armData(arm: RetrainArm, verdicts: Verdicts, sure: number, seed: Seed): ArmData {
  const { labels, pies, issues, suggested, suggestedP, quality } = verdicts
  const all = Int32Array.from(labels, (_, row) => row)
  const cleaned = all.filter(row => issues[row] === 0)
  const sureOrClean = all.filter(row => issues[row] === 0 || suggestedP[row]! >= sure)
  const relabeled = labels.map((label, row) => (issues[row] === 1 ? suggested[row]! : label))
  const total = quality.reduce((sum, value) => sum + value, 0)
  const without = (removed: number) => ({
    rows: permutation(all.length, randomStream(...seed))
      .slice(removed)
      .sort(),
    labels,
  })
  switch (arm) {
    case 'all':
      return { rows: all, labels }
    case 'non-pie':
      return { rows: all.filter(row => pies[row] === 0), labels }
    case 'cleaned':
      return { rows: cleaned, labels }
    case 'relabeled':
      return { rows: all, labels: relabeled }
    case 'relabeled-or-dropped':
      return { rows: sureOrClean, labels: relabeled }
    case 'weighted':
      // A mean of 1 leaves the size of a step as it is.
      return { rows: all, labels, weights: quality.map(value => (value * all.length) / total) }
    case 'random':
      return without(pies.reduce((sum, pie) => sum + pie, 0))
    case 'random-cleaned':
      return without(all.length - cleaned.length)
    case 'random-relabeled-or-dropped':
      return without(all.length - sureOrClean.length)
    case 'random-weighted':
      return without(Math.round(all.length - total))
    case 'true-labels': {
      const truth = verdicts.truth!
      return {
        rows: all.filter(row => truth[row] !== noClass),
        labels: labels.map((label, row) => (truth[row]! < 0 ? label : truth[row]!)),
      }
    }
  }
}
