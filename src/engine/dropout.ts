/** Dropout masks, made outside the engines so that all of them drop the same units. */
import { randomStream } from '../random.js'

/**
 * A mask of 0 and 1 / (1 − rate), [length] (Srivastava et al. 2014, inverted form: nothing is left to scale
 * when predicting).
 * @param seed of the chunk of steps.
 * @param step within the chunk, from 0.
 * @param layer index of the dropout layer in forward order, from 0.
 */
export function dropoutMask(
  seed: number,
  step: number,
  layer: number,
  length: number,
  rate: number,
): Float32Array {
  const random = randomStream('dropout', seed, step, layer)
  const keep = 1 / (1 - rate)
  return Float32Array.from({ length }, () => (random.uniform() < rate ? 0 : keep))
}
