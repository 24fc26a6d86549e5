/** What a family of architectures is: a name to match, layers to build, and the recipe it trains best with. */
import type { InputShape, Layer } from '../architecture.js'

/** Training settings tuned for a family at batch size 128 unless it says otherwise; the pipeline file overrides each. */
export interface Recipe {
  /** Peak learning rate for the mean loss of a batch of 128. */
  readonly learningRate: number
  readonly schedule: 'constant' | 'cosine' | 'step' | 'triangular'
  readonly warmupEpochs: number
  readonly momentum: number
  readonly weightDecay: number
  readonly labelSmoothing: number
  readonly flip: 'none' | 'random' | 'alternating'
  readonly shift: number
  /** Whether weights are drawn back to their running mean (Zhang et al. 2019, arXiv 1907.08610). */
  readonly lookahead?: true
}

export interface FamilyOptions {
  readonly input: InputShape
  readonly classes: number
  /** Factor on the number of filters or units. */
  readonly width: number
  /** Dropout rate before dense layers, 0 to 1. */
  readonly dropout: number
}

export interface Family {
  /** Matches the names of the family; groups are handed to `layers`. */
  readonly pattern: RegExp
  /** The name's form, for error messages. */
  readonly describe: string
  readonly recipe: Recipe
  /** @throws RangeError if there is no such member of the family or it cannot take such an input. */
  layers(options: FamilyOptions, match: RegExpMatchArray): Layer[]
}

/** A number of filters times the width factor, at least 1. */
export function scaled(filters: number, width: number): number {
  return Math.max(1, Math.round(filters * width))
}
