/** Fractal height maps. */
import type { RandomStream } from '../random.js'

/**
 * Diamond-square on a torus (Fournier, Fussell and Carpenter 1982): each round halves the step and divides the
 * random part by `decay`.
 *
 * @param size a power of two
 * @returns [size, size], 0 … 1
 */
export function plasma(size: number, decay: number, random: RandomStream): Float64Array {
  const map = new Float64Array(size * size)
  const at = (y: number, x: number) => map[((y + size) % size) * size + ((x + size) % size)]
  let spread = 100
  const mean = (sum: number) => sum / 4 + spread * spread * (2 * random.uniform() - 1)
  for (let step = size; step >= 2; step /= 2) {
    const half = step / 2
    for (let y = half; y < size; y += step) {
      for (let x = half; x < size; x += step) {
        map[y * size + x] = mean(
          at(y - half, x - half) + at(y - half, x + half) + at(y + half, x - half) + at(y + half, x + half),
        )
      }
    }
    for (let y = 0; y < size; y += half) {
      for (let x = (y + half) % step; x < size; x += step) {
        map[y * size + x] = mean(at(y - half, x) + at(y + half, x) + at(y, x - half) + at(y, x + half))
      }
    }
    spread /= decay
  }
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (const value of map) {
    least = Math.min(least, value)
    most = Math.max(most, value)
  }
  const range = most > least ? most - least : 1
  return map.map(value => (value - least) / range)
}

/** The corner of a height map that covers a picture, [height, width]. */
export function plasmaOver(height: number, width: number, decay: number, random: RandomStream): Float64Array {
  const size = 2 ** Math.ceil(Math.log2(Math.max(2, height, width)))
  const map = plasma(size, decay, random)
  return Float64Array.from(
    { length: height * width },
    (_, i) => map[Math.floor(i / width) * size + (i % width)],
  )
}
