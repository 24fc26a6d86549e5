/**
 * Filter pruning: whole output channels go, those whose kernels have the smallest norm (Li et al. 2017, arXiv
 * 1608.08710), and with each of them its bias, its normalisation, and what later layers have to read it. The network
 * becomes a narrower one, smaller and faster on any runtime.
 *
 * Every layer loses the same share of its filters and keeps at least one. The norm of a channel that several layers
 * make together, because their outputs are added, is that of all their kernels side by side.
 */
import { ConfigError, DataError } from '../errors.js'
import { dimsOf, floatArray, type Graph } from '../onnx/model.js'
import { type ChannelGroup, channelGroups, keepChannels } from './channels.js'
import { channelStride } from './kernels.js'
import type { CompressionMethod } from './method.js'

export type FilterNorm = 'l1' | 'l2'

export interface FilterOptions {
  /** Share of the filters of each layer to remove, 0 to 1. */
  readonly sparsity: number
  readonly norm: FilterNorm
  /** Names of the kernels that may shrink; all when absent. */
  readonly kernels?: readonly string[]
}

/** A group of channels by the names of the kernels: how training knows it. */
export interface FilterGroup {
  readonly channels: number
  /** Kernels whose filters make the channels. */
  readonly makers: readonly string[]
  /** Kernels that read them, and how many output channels of their own each has. */
  readonly readers: readonly { readonly kernel: string; readonly outputs: number }[]
}

/** Removes filters of an ONNX model; the file shrinks with them. */
export const filter: CompressionMethod<FilterOptions> = {
  async compress({ graph }, { sparsity, norm, kernels }) {
    const groups = prunableGroups(channelGroups(graph), kernels)
    if (groups.length === 0) {
      throw new DataError('the model has no layer of which filters could be removed', {
        mend: 'Leave the filter levels out of `compress` for this model.',
      })
    }
    const kept = groups.map(group => {
      const norms = new Norms(group.channels, norm)
      for (const { kernel, outputAxis } of group.makers) {
        norms.add(floatArray(kernel), channelStride(dimsOf(kernel), outputAxis))
      }
      const isRemoved = removedFilters(norms.values(), sparsity)
      return [group, Array.from(isRemoved.keys()).filter(channel => isRemoved[channel] === 0)] as const
    })
    keepChannels(graph, new Map(kept))
    return []
  },
}

/**
 * The groups for {@link filterMasks}.
 *
 * @param graph whose kernels have the names they have in training
 * @param kernels names of the kernels that may be pruned
 */
export function filterGroups(graph: Graph, kernels: readonly string[]): FilterGroup[] {
  return prunableGroups(channelGroups(graph), kernels).map(({ channels, makers, readers }) => ({
    channels,
    makers: makers.map(({ kernel }) => kernel.name),
    readers: readers.map(({ kernel, outputAxis }) => ({
      kernel: kernel.name,
      outputs: dimsOf(kernel)[outputAxis],
    })),
  }))
}

function prunableGroups(
  groups: readonly ChannelGroup[],
  kernels: readonly string[] | undefined,
): ChannelGroup[] {
  if (kernels === undefined) return [...groups]
  const prunable = new Set(kernels)
  return groups.filter(({ makers, readers }) =>
    [...makers, ...readers].every(({ kernel }) => prunable.has(kernel.name)),
  )
}

/**
 * Masks of 0 and 1 for training, on kernels of [height, width, in, out] or [in, out]: they blank the filters that
 * {@link filter} would remove and all weights that read them, so that what is left of a channel, its bias and its
 * normalisation, reaches nobody, and removing it afterwards changes no logit.
 */
export function filterMasks(
  kernels: ReadonlyMap<string, Float32Array>,
  groups: readonly FilterGroup[],
  sparsity: number,
  norm: FilterNorm,
): Map<string, Float32Array> {
  const masks = new Map([...kernels].map(([name, { length }]) => [name, new Float32Array(length).fill(1)]))
  for (const { channels, makers, readers } of groups) {
    const norms = new Norms(channels, norm)
    for (const name of makers) norms.add(kernels.get(name)!, 1)
    const isRemoved = removedFilters(norms.values(), sparsity)
    for (const name of makers) blank(masks.get(name)!, isRemoved, 1)
    for (const { kernel, outputs } of readers) blank(masks.get(kernel)!, isRemoved, outputs)
  }
  return masks
}

function blank(mask: Float32Array, isRemoved: Uint8Array, stride: number): void {
  for (let i = 0; i < mask.length; i++) {
    if (isRemoved[Math.floor(i / stride) % isRemoved.length] === 1) mask[i] = 0
  }
}

/** Norms of the channels of one kernel or several. */
class Norms {
  readonly #sums: Float64Array
  readonly #norm: FilterNorm

  constructor(channels: number, norm: FilterNorm) {
    this.#sums = new Float64Array(channels)
    this.#norm = norm
  }

  /** @param stride elements between two neighbours along the channel axis */
  add(weights: Float32Array, stride: number): void {
    const sums = this.#sums
    for (let i = 0; i < weights.length; i++) {
      const channel = Math.floor(i / stride) % sums.length
      sums[channel] += this.#norm === 'l1' ? Math.abs(weights[i]) : weights[i] ** 2
    }
  }

  values(): Float64Array {
    return this.#norm === 'l1' ? this.#sums : this.#sums.map(Math.sqrt)
  }
}

/**
 * 1 for each of round(sparsity × n) of n filters, though never all, of the smallest norm; among equal norms the
 * lower index goes first.
 */
function removedFilters(norms: Float64Array, sparsity: number): Uint8Array {
  if (!(sparsity >= 0 && sparsity <= 1)) {
    throw new ConfigError(`sparsity ${sparsity} is not a share between 0 and 1`, { key: 'sparsity' })
  }
  const order = Array.from(norms.keys()).sort((a, b) => norms[a] - norms[b] || a - b)
  const isRemoved = new Uint8Array(norms.length)
  const count = Math.min(Math.round(sparsity * norms.length), norms.length - 1)
  for (const channel of order.slice(0, count)) isRemoved[channel] = 1
  return isRemoved
}
