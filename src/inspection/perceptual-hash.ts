/** What a picture looks like, roughly: a thumbnail, and 64 bits that stay much the same when it is scaled, recompressed or slightly changed in brightness. */
import type { Luminance } from './image-statistics.js'

/** Side to which pictures are brought, and frequencies of each direction that are kept. */
const side = 32
const kept = 8

/** cos(π (2 x + 1) u / 2 side), [u, x]. */
const cosines = Float64Array.from({ length: kept * side }, (_, i) =>
  Math.cos((Math.PI * (2 * (i % side) + 1) * Math.floor(i / side)) / (2 * side)),
)

/**
 * The perceptual hash by the cosine transform (Zauner 2010, section 3.2.1): the lowest 8 × 8 frequencies of the
 * picture at 32 × 32, each a bit, set where it lies above their median.
 * @param small as {@link resampled} gives it
 * @returns two halves of 32 bits, [low, high]
 */
export function perceptualHash(small: Float64Array): [number, number] {
  const rows = new Float64Array(side * kept)
  for (let y = 0; y < side; y++) {
    for (let u = 0; u < kept; u++) {
      let sum = 0
      for (let x = 0; x < side; x++) sum += small[y * side + x] * cosines[u * side + x]
      rows[y * kept + u] = sum
    }
  }
  const frequencies = new Float64Array(kept * kept)
  for (let v = 0; v < kept; v++) {
    for (let u = 0; u < kept; u++) {
      let sum = 0
      for (let y = 0; y < side; y++) sum += rows[y * kept + u] * cosines[v * side + y]
      frequencies[v * kept + u] = sum
    }
  }
  const sorted = frequencies.toSorted()
  const median = (sorted[31] + sorted[32]) / 2
  const halves: [number, number] = [0, 0]
  for (let i = 0; i < 64; i++) if (frequencies[i] > median) halves[i >> 5] |= 1 << (i & 31)
  return halves
}

/** Side of thumbnails. */
export const thumbnailSide = 16

/** The picture at 16 × 16 in bytes. @param small as {@link resampled} gives it */
export function thumbnailOf(small: Float64Array): Uint8Array {
  const thumbnail = new Uint8Array(thumbnailSide * thumbnailSide)
  for (let y = 0; y < thumbnailSide; y++) {
    for (let x = 0; x < thumbnailSide; x++) {
      const i = 2 * y * side + 2 * x
      thumbnail[y * thumbnailSide + x] = Math.round(
        (small[i] + small[i + 1] + small[i + side] + small[i + side + 1]) / 4,
      )
    }
  }
  return thumbnail
}

/**
 * Pearson's correlation of two thumbnails, −1 to 1; NaN where either is of one value.
 * @param thumbnails [examples, 16, 16]
 */
export function thumbnailCorrelation(thumbnails: Uint8Array, a: number, b: number): number {
  const size = thumbnailSide * thumbnailSide
  let [sumA, sumB, squaresA, squaresB, products] = [0, 0, 0, 0, 0]
  for (let i = 0; i < size; i++) {
    const [x, y] = [thumbnails[a * size + i], thumbnails[b * size + i]]
    sumA += x
    sumB += y
    squaresA += x * x
    squaresB += y * y
    products += x * y
  }
  const spread = (size * squaresA - sumA * sumA) * (size * squaresB - sumB * sumB)
  return (size * products - sumA * sumB) / Math.sqrt(spread)
}

/** The picture at 32 × 32, each value the mean over the area it covers. */
export function resampled({ width, height, data }: Luminance): Float64Array {
  const across = areas(width)
  const down = areas(height)
  const rows = new Float64Array(height * side)
  for (let y = 0; y < height; y++) {
    for (const [x, { first, weights }] of across.entries()) {
      for (let i = 0; i < weights.length; i++) rows[y * side + x] += weights[i] * data[y * width + first + i]
    }
  }
  const result = new Float64Array(side * side)
  for (const [y, { first, weights }] of down.entries()) {
    for (let i = 0; i < weights.length; i++) {
      for (let x = 0; x < side; x++) result[y * side + x] += weights[i] * rows[(first + i) * side + x]
    }
  }
  return result
}

interface Area {
  readonly first: number
  /** Of the pixels from `first` on; they sum to 1. */
  readonly weights: readonly number[]
}

const knownAreas = new Map<number, Area[]>()

/** Which pixels of a row of this length each of the 32 values covers, and how much of them. */
function areas(length: number): Area[] {
  let result = knownAreas.get(length)
  if (result === undefined) {
    const step = length / side
    result = Array.from({ length: side }, (_, i) => {
      const first = Math.floor(i * step)
      const last = Math.min(length, Math.ceil((i + 1) * step))
      const weights = Array.from({ length: last - first }, (_, j) => {
        const covered = Math.min((i + 1) * step, first + j + 1) - Math.max(i * step, first + j)
        return covered / step
      })
      return { first, weights }
    })
    knownAreas.set(length, result)
  }
  return result
}

/** In how many of 64 bits two hashes differ. @param hashes [examples, 2] */
export function hammingDistance(hashes: Int32Array, a: number, b: number): number {
  return bits(hashes[2 * a] ^ hashes[2 * b]) + bits(hashes[2 * a + 1] ^ hashes[2 * b + 1])
}

/** Ones in a 32-bit integer (Warren, Hacker's Delight, section 5-1). */
function bits(value: number): number {
  let x = value - ((value >>> 1) & 0x55555555)
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333)
  x = (x + (x >>> 4)) & 0x0f0f0f0f
  return Math.imul(x, 0x01010101) >>> 24
}
