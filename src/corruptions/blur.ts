/** Blur: of the lens, of frosted glass, of movement. */
import { blurAlong, correlate, diskKernel, type Kernel, smooth, zoomIn } from './filters.js'
import { bytesOf, type Corruption, pictureOf, sideOf } from './picture.js'
import { amount, length } from './severity.js'

const gaussianSigma = length([0.4, 0.6, 0.7, 0.8, 1], [1, 2, 3, 4, 6])

export const gaussianBlur: Corruption = (picture, severity) =>
  smooth(picture, gaussianSigma(sideOf(picture), severity))

const diskRadius = length([0.3, 0.4, 0.5, 1, 1.5], [3, 4, 6, 8, 10])
const diskEdge = amount([0.4, 0.5, 0.6, 0.2, 0.1], [0.1, 0.5, 0.5, 0.5, 0.5])
const disks = new Map<string, Kernel>()

/** Out of focus. */
export const defocusBlur: Corruption = (picture, severity) => {
  const side = sideOf(picture)
  const key = `${side} ${severity}`
  let disk = disks.get(key)
  if (disk === undefined) {
    disk = diskKernel(diskRadius(side, severity), diskEdge(side, severity))
    disks.set(key, disk)
  }
  return correlate(picture, disk)
}

const glassSigma = length([0.05, 0.25, 0.4, 0.25, 0.4], [0.7, 0.9, 1, 1.1, 1.5])
const glassReach = length([1, 1, 1, 1, 1], [1, 2, 2, 3, 4])
const glassRounds = amount([1, 1, 1, 2, 2], [2, 1, 3, 2, 2])

/**
 * Frosted glass: pixels take the colour of one nearby, between two smoothings. They take it and do not trade it:
 * the published generator overwrites a pixel before it reads it, and its pictures are what others compare with.
 */
export const glassBlur: Corruption = (picture, severity, random) => {
  const { height, width, channels } = picture
  const side = sideOf(picture)
  const sigma = glassSigma(side, severity)
  const reach = Math.max(1, Math.round(glassReach(side, severity)))
  const rounds = Math.max(1, Math.round(glassRounds(side, severity)))
  const bytes = bytesOf(smooth(picture, sigma).values)
  for (let round = 0; round < rounds; round++) {
    for (let y = height - reach; y > reach; y--) {
      for (let x = width - reach; x > reach; x--) {
        const dx = random.integer(2 * reach) - reach
        const dy = random.integer(2 * reach) - reach
        const from = ((y + dy) * width + x + dx) * channels
        bytes.copyWithin((y * width + x) * channels, from, from + channels)
      }
    }
  }
  return smooth(pictureOf(bytes, picture), sigma)
}

const motionRadius = length([6, 6, 6, 8, 9], [10, 15, 15, 15, 20])
const motionSigma = length([1, 1.5, 2, 2, 2.5], [3, 5, 8, 12, 15])

/** The camera moves, at up to 45 degrees to the horizontal. */
export const motionBlur: Corruption = (picture, severity, random) => {
  const side = sideOf(picture)
  const radius = Math.max(1, Math.round(motionRadius(side, severity)))
  const angle = (random.uniform() - 0.5) * (Math.PI / 2)
  return blurAlong(picture, radius, motionSigma(side, severity), angle)
}

const zoomMost = amount([0.05, 0.1, 0.15, 0.2, 0.25], [0.1, 0.15, 0.2, 0.24, 0.3])
const zoomCount = amount([6, 11, 16, 21, 26], [11, 16, 11, 13, 11])

/** The camera moves towards its object: the mean of the picture and of its magnifications from 1 up. */
export const zoomBlur: Corruption = (picture, severity) => {
  const side = sideOf(picture)
  const count = Math.round(zoomCount(side, severity))
  const step = zoomMost(side, severity) / (count - 1)
  const sum = picture.values.slice()
  for (let i = 0; i < count; i++) {
    const { values } = zoomIn(picture, 1 + i * step)
    for (let at = 0; at < sum.length; at++) sum[at] += values[at]
  }
  return { ...picture, values: sum.map(value => value / (count + 1)) }
}
