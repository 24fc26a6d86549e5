/**
 * Random pruning, the control of every other criterion (Gale et al. 2019, arXiv 1902.09574, use it so): it removes
 * as many weights as magnitude pruning does, at the same steps, and chooses them blindly.
 */
import { type RandomStream, randomStream, type Seed } from '../random.js'
import { chosenKernels, kernelsOf, maskKernels } from './kernels.js'
import { magnitudeMasks, type PruningScope } from './magnitude.js'
import type { CompressionMethod } from './method.js'

export interface RandomOptions {
  /** Share of the weights to set to zero, 0 to 1. */
  readonly sparsity: number
  readonly scope: PruningScope
  /** Decides which weights go. */
  readonly seed: Seed
  /** Names of the kernels to prune; all when absent. */
  readonly kernels?: readonly string[]
}

/**
 * Masks of 0 and 1 that remove exactly round(sparsity × n) of n weights, of each kernel or of all together. Every
 * weight draws a lot and the lowest lots go: with the same seed, what goes at one sparsity is gone at every higher
 * one; with another seed, nothing of the choice is the same.
 */
export function randomMasks(
  kernels: ReadonlyMap<string, Float32Array>,
  sparsity: number,
  scope: PruningScope,
  seed: Seed,
): Map<string, Float32Array> {
  const lots = new Map<string, Float32Array>()
  for (const [name, { length }] of kernels) lots.set(name, lotsOf(length, randomStream(...seed, name)))
  return magnitudeMasks(lots, sparsity, scope)
}

function lotsOf(length: number, random: RandomStream): Float32Array {
  const lots = new Float32Array(length)
  for (let i = 0; i < length; i++) lots[i] = random.uniform()
  return lots
}

/** Sets the weights of an ONNX model that the seed chooses to zero; shapes, types and the file's size stay. */
export const random: CompressionMethod<RandomOptions> = {
  async compress({ graph }, { sparsity, scope, seed, kernels: names }) {
    maskKernels(graph, randomMasks(chosenKernels(kernelsOf(graph), names), sparsity, scope, seed))
    return []
  },
}
