/** Seeded random numbers, one independent stream for each name. */
import { createHash } from 'node:crypto'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/**
 * The stream of a name: what is drawn for one glyph does not change when another font is added.
 *
 * @param {number} seed
 * @param {string} name
 */
export function randomStream(seed, name) {
  const generator = xoroshiro128plus(createHash('sha256').update(`${seed}/${name}`).digest().readInt32LE())
  return {
    /** A float in [low, high). */
    between: ([low, high]) => low + (high - low) * uniformFloat64(generator),
    /** An integer from 0 to n − 1. */
    below: n => uniformInt(generator, 0, n - 1),
    /** A shuffled copy (Fisher and Yates). */
    shuffle(items) {
      const shuffled = [...items]
      for (let i = shuffled.length - 1; i > 0; i--) {
        const j = uniformInt(generator, 0, i)
        ;[shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]]
      }
      return shuffled
    },
  }
}
