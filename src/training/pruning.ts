/** Gradual pruning while a member trains (Zhu and Gupta 2017, arXiv 1710.01878). */
import { cubicSparsity } from '../compression/cubic-schedule.js'
import { type FilterGroup, type FilterNorm, filterMasks } from '../compression/filter.js'
import { magnitudeMasks, type PruningScope } from '../compression/magnitude.js'
import { randomMasks } from '../compression/random.js'
import type { Weight } from '../model/architecture.js'
import type { Seed } from '../random.js'
import type { FirstOrder } from './first-order.js'

/** By what weights are chosen, other than by their magnitude. */
export type Criterion =
  /** Cumulative: what one update of the masks removed stays removed. Independent: every update draws anew. */
  | { readonly kind: 'random'; readonly draw: 'cumulative' | 'independent' }
  /** Whole output channels, and with each all weights that read it. */
  | { readonly kind: 'filter'; readonly norm: FilterNorm; readonly groups: readonly FilterGroup[] }
  /** By how much the loss would change without them. */
  | ({ readonly kind: 'first-order' } & FirstOrder)
  /** None but those that are zero already, whatever the sparsity. */
  | { readonly kind: 'zeros' }

export interface PruningPlan {
  /** Names of the kernels to prune. */
  readonly kernels: readonly string[]
  /** Share of their weights that is zero in the end, 0 to 1. */
  readonly sparsity: number
  readonly scope: PruningScope
  /** Absent: magnitude. */
  readonly criterion?: Criterion
  /** Step at which masks are first set; the final ones are set at `end`. */
  readonly begin: number
  readonly end: number
  /** Steps between two updates of the masks. */
  readonly frequency: number
}

/** Whether the masks change before this step. */
export function updatesMasks(plan: PruningPlan, step: number): boolean {
  if (step < plan.begin || step > plan.end) return false
  return step === plan.end || (step - plan.begin) % plan.frequency === 0
}

/** The first step after `step` before which masks change, or undefined after the last. */
export function nextMaskUpdate(plan: PruningPlan, step: number): number | undefined {
  if (step < plan.begin) return plan.begin
  if (step >= plan.end) return undefined
  const periods = Math.floor((step - plan.begin) / plan.frequency) + 1
  return Math.min(plan.end, plan.begin + periods * plan.frequency)
}

/**
 * The masks to set before this step.
 * @param weights for `first-order` the saliencies of the kernels in their place
 * @param seed the member's
 */
export function masksAt(
  plan: PruningPlan,
  step: number,
  weights: readonly Weight[],
  seed: Seed,
): Map<string, Float32Array> {
  const kernels = new Map(
    weights.filter(({ name }) => plan.kernels.includes(name)).map(({ name, data }) => [name, data]),
  )
  const { scope, criterion } = plan
  const sparsity = cubicSparsity(step, plan.sparsity, plan.begin, plan.end)
  switch (criterion?.kind) {
    case undefined:
    case 'first-order':
      return magnitudeMasks(kernels, sparsity, scope)
    case 'random': {
      const drawing = criterion.draw === 'independent' ? [step] : []
      return randomMasks(kernels, sparsity, scope, [...seed, 'random pruning', ...drawing])
    }
    case 'filter':
      return filterMasks(kernels, criterion.groups, sparsity, criterion.norm)
    case 'zeros':
      return new Map(
        [...kernels].map(([name, kernel]) => [name, kernel.map(weight => (weight === 0 ? 0 : 1))]),
      )
  }
}

/** The weights with the masked ones set to zero. */
export function applyMasks(weights: readonly Weight[], masks: ReadonlyMap<string, Float32Array>): Weight[] {
  return weights.map(weight => {
    const mask = masks.get(weight.name)
    if (mask === undefined) return weight
    return { ...weight, data: weight.data.map((value, i) => (mask[i] === 0 ? 0 : value)) }
  })
}
