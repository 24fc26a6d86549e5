/** Noise: independent at every value of a picture. */
import type { RandomStream } from '../random.js'
import { type Corruption, mapValues, sideOf } from './picture.js'
import { amount } from './severity.js'

const gaussianScale = amount([0.04, 0.06, 0.08, 0.09, 0.1], [0.08, 0.12, 0.18, 0.26, 0.38])

/** Poor light: normal noise. */
export const gaussianNoise: Corruption = (picture, severity, random) => {
  const scale = gaussianScale(sideOf(picture), severity)
  return mapValues(picture, value => value + scale * random.normal())
}

const photons = amount([500, 250, 100, 75, 50], [60, 25, 12, 5, 3])

/** Light comes in quanta: Poisson counts, so many photons to a white value. */
export const shotNoise: Corruption = (picture, severity, random) => {
  const white = photons(sideOf(picture), severity)
  const tables = new Map<number, Float64Array>()
  return mapValues(picture, value => {
    let table = tables.get(value)
    if (table === undefined) {
      table = poissonTable(value * white)
      tables.set(value, table)
    }
    return draw(table, random) / white
  })
}

/** The cumulative Poisson distribution of a mean up to several hundred, until it is 1 in all of a stream's bits. */
function poissonTable(mean: number): Float64Array {
  const table: number[] = []
  let probability = Math.exp(-mean)
  let sum = probability
  for (let count = 1; sum < 1 - 2 ** -33 && count < 10 * mean + 50; count++) {
    table.push(sum)
    probability *= mean / count
    sum += probability
  }
  return Float64Array.from(table)
}

/** The first place whose cumulative probability is above a uniform number. */
function draw(cumulative: Float64Array, random: RandomStream): number {
  const uniform = random.uniform()
  let low = 0
  let high = cumulative.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (cumulative[middle] > uniform) high = middle
    else low = middle + 1
  }
  return low
}

const impulses = amount([0.01, 0.02, 0.03, 0.05, 0.07], [0.03, 0.06, 0.09, 0.17, 0.27])

/** Salt and pepper: a share of the values become 0 or 1. */
export const impulseNoise: Corruption = (picture, severity, random) => {
  const share = impulses(sideOf(picture), severity)
  return mapValues(picture, value => {
    const uniform = random.uniform()
    return uniform >= share ? value : uniform < share / 2 ? 0 : 1
  })
}

const speckleScale = amount([0.06, 0.1, 0.12, 0.16, 0.2], [0.15, 0.2, 0.35, 0.45, 0.6])

/** Normal noise in proportion to the value. */
export const speckleNoise: Corruption = (picture, severity, random) => {
  const scale = speckleScale(sideOf(picture), severity)
  return mapValues(picture, value => value + value * scale * random.normal())
}
