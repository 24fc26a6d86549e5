/** Seeded randomness: one independent stream a purpose, named by what it is for. */
import { createHash } from 'node:crypto'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus'

export interface RandomStream {
  /** A float in [0, 1) with 32 random bits. */
  uniform(): number
  /** An integer in [0, bound). */
  integer(bound: number): number
  /** A standard normal variate (Box and Muller 1958). */
  normal(): number
}

/** Names a family of random streams, such as those of one member; append a purpose to get a stream. */
export type Seed = readonly (number | string)[]

/**
 * The stream that belongs to these names and numbers, such as `(seed, 'shuffle', epoch)`. Streams of different
 * parts have nothing to do with each other; the same parts give the same stream everywhere.
 */
export function randomStream(...parts: Seed): RandomStream {
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest()
  const generator = xoroshiro128plusFromState([0, 4, 8, 12].map(offset => digest.readInt32LE(offset)))
  const uniform = () => (generator.next() >>> 0) / 2 ** 32
  let spare: number | undefined
  return {
    uniform,
    integer: bound => uniformInt(generator, 0, bound - 1),
    normal() {
      if (spare !== undefined) {
        const value = spare
        spare = undefined
        return value
      }
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()))
      const angle = 2 * Math.PI * uniform()
      spare = radius * Math.sin(angle)
      return radius * Math.cos(angle)
    },
  }
}

/** The numbers 0 … length − 1 in random order (Fisher and Yates). */
export function permutation(length: number, random: RandomStream): Int32Array {
  const order = Int32Array.from({ length }, (_, i) => i)
  for (let i = length - 1; i > 0; i--) {
    const j = random.integer(i + 1)
    const kept = order[i]!
    order[i] = order[j]!
    order[j] = kept
  }
  return order
}
