/**
 * Magnitude pruning: the weights nearest to zero go (Han et al. 2015, arXiv 1506.02626). The same masks serve
 * training, on kernels in the engine's layout, and pruning at once, on the kernels of an ONNX model.
 */
import { ConfigError } from '../errors.js'
import { chosenKernels, kernelsOf, maskKernels } from './kernels.js'
import type { CompressionMethod } from './method.js'

/** Whether every kernel reaches the sparsity on its own, or all of them together. */
export type PruningScope = 'layer' | 'global'

export interface MagnitudeOptions {
  /** Share of the weights to set to zero, 0 to 1. */
  readonly sparsity: number
  readonly scope: PruningScope
  /** Names of the kernels to prune; all when absent. */
  readonly kernels?: readonly string[]
}

/**
 * Mask of 0 and 1 that removes exactly round(sparsity × n) of n weights, those of smallest magnitude; among
 * equal magnitudes the lower index goes first.
 *
 * @throws ConfigError when the sparsity is not within 0 to 1
 */
export function magnitudeMask(weights: Float32Array, sparsity: number): Float32Array {
  return masksOf([weights], sparsity)[0]
}

/**
 * {@link magnitudeMask} of each kernel, or one mask over all kernels as if they were laid end to end in the order
 * of the map.
 */
export function magnitudeMasks(
  kernels: ReadonlyMap<string, Float32Array>,
  sparsity: number,
  scope: PruningScope,
): Map<string, Float32Array> {
  const arrays = [...kernels.values()]
  const masks =
    scope === 'global' ? masksOf(arrays, sparsity) : arrays.map(weights => magnitudeMask(weights, sparsity))
  return new Map([...kernels.keys()].map((name, k) => [name, masks[k]]))
}

/** Sets pruned weights of an ONNX model to zero; shapes, types and the file's size stay. */
export const magnitude: CompressionMethod<MagnitudeOptions> = {
  async compress({ graph }, { sparsity, scope, kernels: names }) {
    maskKernels(graph, magnitudeMasks(chosenKernels(kernelsOf(graph), names), sparsity, scope))
    return []
  },
}

function masksOf(arrays: readonly Float32Array[], sparsity: number): Float32Array[] {
  if (!(sparsity >= 0 && sparsity <= 1)) {
    throw new ConfigError(`sparsity ${sparsity} is not a share between 0 and 1`, { key: 'sparsity' })
  }
  const total = arrays.reduce((sum, weights) => sum + weights.length, 0)
  const pruned = Math.round(sparsity * total)
  if (pruned === 0) return arrays.map(weights => new Float32Array(weights.length).fill(1))
  const { threshold, below } = smallestMagnitudes(arrays, pruned)
  let ties = pruned - below
  return arrays.map(weights => {
    const magnitudes = magnitudeBits(weights)
    const mask = new Float32Array(weights.length)
    for (let i = 0; i < mask.length; i++) {
      const magnitude = magnitudes[i] & 0x7fffffff
      if (magnitude > threshold || (magnitude === threshold && ties-- <= 0)) mask[i] = 1
    }
    return mask
  })
}

/**
 * The `rank`-th smallest magnitude (from 1) and how many lie below it, by a radix selection on the bits, whose
 * order is that of the magnitudes: two counts over the data instead of a sort.
 */
function smallestMagnitudes(
  arrays: readonly Float32Array[],
  rank: number,
): { threshold: number; below: number } {
  const high = new Uint32Array(1 << 15)
  for (const weights of arrays) for (const word of magnitudeBits(weights)) high[(word & 0x7fffffff) >>> 16]++
  let below = 0
  let top = 0
  while (below + high[top] < rank) below += high[top++]
  const low = new Uint32Array(1 << 16)
  for (const weights of arrays) {
    for (const word of magnitudeBits(weights)) if ((word & 0x7fffffff) >>> 16 === top) low[word & 0xffff]++
  }
  let bottom = 0
  while (below + low[bottom] < rank) below += low[bottom++]
  return { threshold: top * 0x10000 + bottom, below }
}

/** A view of the weights' bits; the sign bit is still in it. */
function magnitudeBits(weights: Float32Array): Uint32Array {
  return new Uint32Array(weights.buffer, weights.byteOffset, weights.length)
}
