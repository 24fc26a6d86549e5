/** A population and its training for data that nobody has tuned for yet: what `init` writes. */
import type { InputShape } from '../model/architecture.js'
import type { ModelConfig } from './config.js'

export type RecommendedModel = Pick<ModelConfig, 'architecture' | 'width' | 'epochs' | 'batchSize' | 'flip'>

/** The shortest side that cnn-fast can pool three times. */
const smallestSide = 9
/** Side up to which a colour picture is worth half of cnn-fast's filters; the cost grows with the square. */
const moderateSide = 40
/** Steps after which cnn-fast tells letters apart, and photographs well enough to judge their labels. */
const steps = { grey: 450, colour: 900 } as const
const tabularExamplesSeen = 200_000

/** At least a few passes, so that every example is seen, and no more than pay. */
function epochsFor(wanted: number, batches: number): number {
  return Math.max(2, Math.min(30, Math.ceil(wanted / batches)))
}

/** @param examples for training. */
export function recommendModel(input: InputShape, examples: number): RecommendedModel {
  const batchSize = examples < 2000 ? 32 : examples < 20_000 ? 64 : 128
  const batches = Math.max(1, Math.floor(examples / batchSize))
  if (input.kind === 'features') {
    const epochs = epochsFor(tabularExamplesSeen / batchSize, batches)
    return { architecture: 'mlp', width: 1, epochs, batchSize, flip: undefined }
  }
  const grey = input.channels === 1
  const side = Math.max(input.height, input.width)
  const small = Math.min(input.height, input.width) < smallestSide
  return {
    architecture: small ? 'cnn-small' : 'cnn-fast',
    width: grey ? 0.25 : side <= moderateSide ? 0.5 : 0.25,
    epochs: epochsFor(grey ? steps.grey : steps.colour, batches),
    batchSize,
    // Small grey pictures are mostly characters and scans, which a mirror makes into something else.
    flip: grey ? 'none' : undefined,
  }
}

const usualSeeds = 5
/** Passes after which cnn-fast, with its smoothed labels, has not yet memorized photographs (docs/label-quality.md). */
const mostUnmemorized = 12
/** Held-out examples from which what members owe to their own labels can be told. */
const fewestHeldOut = 500

/**
 * How many members, and whether each leaves out a fold. Where training is too short to memorize labels, every member
 * may judge all of them, and five that judge find more than one that has not seen the label.
 *
 * @param heldOut examples for testing
 * @param smallestClass examples of the rarest class
 */
export function recommendPopulation(
  { architecture, epochs, flip }: RecommendedModel,
  input: InputShape,
  { heldOut, smallestClass }: { readonly heldOut: number; readonly smallestClass: number },
): { seeds: number; crossFit: number } {
  const photographs = input.kind === 'image' && input.channels === 3 && flip === undefined
  if (photographs && architecture === 'cnn-fast' && epochs <= mostUnmemorized && heldOut >= fewestHeldOut) {
    return { seeds: usualSeeds, crossFit: 0 }
  }
  const folds = Math.max(2, Math.min(usualSeeds, smallestClass))
  return { seeds: folds, crossFit: folds }
}
