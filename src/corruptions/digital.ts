/** What cameras and files do to a picture. */

import type { RandomStream } from '../random.js'
import { bilinear, smooth } from './filters.js'
import { type Corruption, drawn, mapValues, mirror, type Picture, reflect, sideOf } from './picture.js'
import { amount, length } from './severity.js'

const contrastKept = amount([0.75, 0.5, 0.4, 0.3, 0.15], [0.4, 0.3, 0.2, 0.1, 0.05])

/** Each channel is drawn towards its mean. */
export const contrast: Corruption = (picture, severity) => {
  const kept = contrastKept(sideOf(picture), severity)
  const { channels, values } = picture
  const means = new Float64Array(channels)
  values.forEach((value, i) => {
    means[i % channels] += (value * channels) / values.length
  })
  return mapValues(picture, (value, i) => (value - means[i % channels]) * kept + means[i % channels])
}

const scaleKept = amount([0.95, 0.9, 0.85, 0.75, 0.65], [0.6, 0.5, 0.4, 0.3, 0.25])

/** Made smaller by means over boxes, and large again. */
export const pixelate: Corruption = (picture, severity) => {
  const { height, width } = picture
  const kept = scaleKept(sideOf(picture), severity)
  const size = (side: number) => Math.max(1, Math.floor(side * kept))
  return boxed(boxed(picture, size(height), size(width)), height, width)
}

/** Resized by the mean over each pixel's box, rounded to bytes. */
function boxed(picture: Picture, height: number, width: number): Picture {
  const { channels, values } = picture
  const columns = boxes(picture.width, width)
  const rows = boxes(picture.height, height)
  const across = new Float64Array(picture.height * width * channels)
  for (let y = 0, to = 0; y < picture.height; y++) {
    for (const { first, last } of columns) {
      for (let c = 0; c < channels; c++, to++) {
        let sum = 0
        for (let x = first; x < last; x++) sum += values[(y * picture.width + x) * channels + c]
        across[to] = asByte(sum / (last - first))
      }
    }
  }
  const stride = width * channels
  const resized = new Float64Array(height * stride)
  rows.forEach(({ first, last }, y) => {
    for (let i = 0; i < stride; i++) {
      let sum = 0
      for (let row = first; row < last; row++) sum += across[row * stride + i]
      resized[y * stride + i] = asByte(sum / (last - first))
    }
  })
  return { height, width, channels, values: resized }
}

const asByte = (value: number): number => Math.round(255 * value) / 255

/** Which pixels of a line of `size` each of `count` new ones covers, from `first` up to before `last`. */
function boxes(size: number, count: number): { first: number; last: number }[] {
  const scale = size / count
  const reach = Math.max(scale, 1) / 2
  return Array.from({ length: count }, (_, i) => {
    const centre = (i + 0.5) * scale
    const first = Math.max(0, Math.floor(centre - reach - 0.5) + 1)
    const last = Math.min(size, Math.floor(centre + reach - 0.5) + 1)
    return { first, last: Math.max(last, first + 1) }
  })
}

const displacement = length([0, 1.6, 2.56, 3.2, 3.2], [488, 488, 12.2, 17.08, 29.28])
const displacementSigma = length([0, 6.4, 1.92, 1.28, 0.96], [170.8, 19.52, 2.44, 2.44, 2.44])
const cornerShift = length([2.56, 2.24, 1.92, 1.6, 0.96], [24.4, 48.8, 4.88, 4.88, 4.88])

/** Sheared as a whole, then each pixel pulled a little elsewhere (after Simard, Steinkraus and Platt 2003). */
export const elasticTransform: Corruption = (picture, severity, random) => {
  const { height, width, channels } = picture
  const side = sideOf(picture)
  const sheared = shear(picture, cornerShift(side, severity), random)
  const sigma = displacementSigma(side, severity)
  const strength = displacement(side, severity)
  const field = () =>
    smooth(
      drawn(height, width, () => 2 * random.uniform() - 1),
      sigma,
      reflect,
      3,
    ).values
  const right = field()
  const down = field()
  const values = new Float64Array(picture.values.length)
  for (let y = 0, pixel = 0; y < height; y++) {
    for (let x = 0; x < width; x++, pixel++) {
      for (let c = 0; c < channels; c++) {
        values[pixel * channels + c] = bilinear(
          sheared,
          y + strength * down[pixel],
          x + strength * right[pixel],
          c,
          reflect,
        )
      }
    }
  }
  return { ...picture, values }
}

/** The affine map that moves three points around the middle by up to `most` pixels in each direction. */
function shear(picture: Picture, most: number, random: RandomStream): Picture {
  const { height, width, channels } = picture
  const middle = { x: Math.floor(width / 2), y: Math.floor(height / 2) }
  const reach = Math.max(1, Math.floor(Math.min(height, width) / 3))
  const corners = [
    { x: middle.x + reach, y: middle.y + reach },
    { x: middle.x + reach, y: middle.y - reach },
    { x: middle.x - reach, y: middle.y - reach },
  ] as const
  const move = () => most * (2 * random.uniform() - 1)
  const [a, b, c] = corners.map(({ x, y }) => ({ x: x + move(), y: y + move() })) as [Point, Point, Point]
  // Two sides of the triangle span the plane: where a new pixel lies between the moved ones, it came from there.
  const one = { x: a.x - b.x, y: a.y - b.y }
  const two = { x: c.x - b.x, y: c.y - b.y }
  const area = one.x * two.y - one.y * two.x
  const values = new Float64Array(picture.values.length)
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const s = ((x - b.x) * two.y - (y - b.y) * two.x) / area
      const t = (one.x * (y - b.y) - one.y * (x - b.x)) / area
      const fromX = corners[1].x + s * (corners[0].x - corners[1].x) + t * (corners[2].x - corners[1].x)
      const fromY = corners[1].y + s * (corners[0].y - corners[1].y) + t * (corners[2].y - corners[1].y)
      for (let channel = 0; channel < channels; channel++, to++) {
        values[to] = bilinear(picture, fromY, fromX, channel, mirror)
      }
    }
  }
  return { ...picture, values }
}

interface Point {
  readonly x: number
  readonly y: number
}
