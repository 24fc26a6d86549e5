/** A network and its training for data that nobody has tuned for yet: what `init` writes. */
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
