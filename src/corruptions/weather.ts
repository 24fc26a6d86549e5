/** Weather: between the camera and its object. */
import { hsvOf, rgbOf } from './colour.js'
import { blurAlong, zoomIn } from './filters.js'
import { frostTexture } from './frost-texture.js'
import { type Corruption, drawn, luma, mapValues, type Picture, sideOf } from './picture.js'
import { plasmaOver } from './plasma.js'
import { amount, length } from './severity.js'

const flakeMean = amount([0.1, 0.1, 0.15, 0.25, 0.3], [0.1, 0.2, 0.55, 0.55, 0.55])
const flakeSpread = amount([0.2, 0.2, 0.3, 0.3, 0.3], [0.3, 0.3, 0.3, 0.3, 0.3])
const flakeSize = amount([1, 1, 1.75, 2.25, 1.25], [3, 2, 4, 4.5, 2.5])
const flakeThreshold = amount([0.6, 0.5, 0.55, 0.6, 0.65], [0.5, 0.5, 0.9, 0.85, 0.85])
const fallRadius = length([8, 10, 10, 12, 14], [10, 12, 12, 12, 12])
const fallSigma = length([3, 4, 4, 6, 12], [4, 4, 8, 8, 12])
const clearness = amount([0.95, 0.9, 0.9, 0.85, 0.8], [0.8, 0.7, 0.7, 0.65, 0.55])

/** Snow falls in two layers over a whitened picture. */
export const snow: Corruption = (picture, severity, random) => {
  const { height, width, channels } = picture
  const side = sideOf(picture)
  const mean = flakeMean(side, severity)
  const spread = flakeSpread(side, severity)
  const threshold = flakeThreshold(side, severity)
  const noise = drawn(height, width, () => mean + spread * random.normal())
  const flakes = zoomIn(noise, Math.max(1, flakeSize(side, severity))).values.map(value =>
    value < threshold ? 0 : Math.min(1, value),
  )
  const angle = -Math.PI / 4 - (Math.PI / 2) * random.uniform()
  const radius = Math.max(1, Math.round(fallRadius(side, severity)))
  const layer = blurAlong({ ...noise, values: flakes }, radius, fallSigma(side, severity), angle).values
  const clear = clearness(side, severity)
  const last = layer.length - 1
  return mapValues(picture, (value, i) => {
    const pixel = Math.floor(i / channels)
    const whitened = Math.max(value, 1.5 * greyAt(picture, pixel) + 0.5)
    return clear * value + (1 - clear) * whitened + layer[pixel] + layer[last - pixel]
  })
}

function greyAt({ values, channels }: Picture, pixel: number): number {
  const at = pixel * channels
  return channels === 1 ? values[at] : luma(values[at], values[at + 1], values[at + 2])
}

const frostPicture = amount([1, 1, 0.9, 0.85, 0.75], [1, 0.8, 0.7, 0.65, 0.6])
const frostIce = amount([0.2, 0.3, 0.4, 0.4, 0.45], [0.4, 0.6, 0.7, 0.7, 0.75])

/** Ice on the lens; the texture is drawn, see {@link frostTexture}. */
export const frost: Corruption = (picture, severity, random) => {
  const { height, width, channels } = picture
  const side = sideOf(picture)
  const kept = frostPicture(side, severity)
  const added = frostIce(side, severity)
  const ice = frostTexture(height, width, channels, random).values
  return mapValues(picture, (value, i) => kept * value + added * ice[i])
}

const fogStrength = amount([0.2, 0.5, 0.75, 1, 1.5], [1.5, 2, 2.5, 2.5, 3])
const fogDecay = amount([3, 3, 2.5, 2, 1.75], [2, 2, 1.7, 1.5, 1.4])

/** Fog of a fractal density; the brightest value stays as bright. */
export const fog: Corruption = (picture, severity, random) => {
  const { height, width, channels, values } = picture
  const side = sideOf(picture)
  const strength = fogStrength(side, severity)
  const density = plasmaOver(height, width, fogDecay(side, severity), random)
  const brightest = values.reduce((most, value) => Math.max(most, value), 0)
  return mapValues(
    picture,
    (value, i) =>
      ((value + strength * density[Math.floor(i / channels)]) * brightest) / (brightest + strength),
  )
}

const light = amount([0.05, 0.1, 0.15, 0.2, 0.3], [0.1, 0.2, 0.3, 0.4, 0.5])

/** More light: a higher value in HSV. */
export const brightness: Corruption = (picture, severity) => {
  const added = light(sideOf(picture), severity)
  return recolour(picture, (hue, saturation, value) => [hue, saturation, Math.min(1, value + added)])
}

const colourFactor = amount([0.3, 0.1, 1.5, 2, 2.5], [0.3, 0.1, 2, 5, 20])
const colourAdded = amount([0, 0, 0, 0.1, 0.2], [0, 0, 0, 0.1, 0.2])

/** Paler, then more colourful. A grey picture has no colours: it stays as it is. */
export const saturate: Corruption = (picture, severity) => {
  const factor = colourFactor(sideOf(picture), severity)
  const added = colourAdded(sideOf(picture), severity)
  return recolour(picture, (hue, saturation, value) => [
    hue,
    Math.min(1, Math.max(0, factor * saturation + added)),
    value,
  ])
}

type Hsv = [number, number, number]

function recolour(
  picture: Picture,
  change: (hue: number, saturation: number, value: number) => Hsv,
): Picture {
  const { channels, values } = picture
  if (channels === 1) return mapValues(picture, value => change(0, 0, value)[2])
  const result = new Float64Array(values.length)
  for (let i = 0; i < values.length; i += channels) {
    result.set(rgbOf(...change(...hsvOf(values[i], values[i + 1], values[i + 2]))), i)
  }
  return { ...picture, values: result }
}
