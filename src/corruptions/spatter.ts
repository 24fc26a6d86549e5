/** Drops of water or mud on the lens. */
import { correlate, smooth } from './filters.js'
import { type Corruption, drawn, mapValues, nearest, type Picture, paint, sideOf } from './picture.js'
import { amount, length, type Severity } from './severity.js'

const wetMean = amount([0.62, 0.65, 0.65, 0.65, 0.65], [0.65, 0.65, 0.65, 0.65, 0.67])
const wetSpread = amount([0.1, 0.1, 0.3, 0.1, 0.1], [0.3, 0.3, 0.3, 0.3, 0.4])
const wetSigma = length([0.7, 0.8, 1, 0.7, 0.5], [4, 3, 2, 1, 1])
const wetThreshold = amount([0.7, 0.7, 0.69, 0.69, 0.68], [0.69, 0.68, 0.68, 0.65, 0.65])
/** Opacity of water, sigma in pixels of the edges of mud. */
const waterOpacity = amount([0.5, 0.5, 0.5, 0.6, 0.6], [0.6, 0.6, 0.5, 1.5, 1.5])
const mudSigma = length([0.5, 0.5, 0.5, 0.6, 0.6], [0.6, 0.6, 0.5, 1.5, 1.5])

const firstMud: Severity = 4
const turquoise = [175 / 255, 238 / 255, 238 / 255] as const
const brown = [63 / 255, 42 / 255, 20 / 255] as const

export const spatter: Corruption = (picture, severity, random) => {
  const { height, width, channels } = picture
  const side = sideOf(picture)
  const mean = wetMean(side, severity)
  const spread = wetSpread(side, severity)
  const threshold = wetThreshold(side, severity)
  const noise = drawn(height, width, () => mean + spread * random.normal())
  const liquid = mapValues(smooth(noise, wetSigma(side, severity)), value => (value < threshold ? 0 : value))
  if (severity < firstMud) {
    const cover = water(liquid, waterOpacity(side, severity))
    const colour = paint(channels, turquoise)
    return mapValues(picture, (value, i) => value + cover[Math.floor(i / channels)] * colour[i % channels])
  }
  const mud = smooth(
    mapValues(liquid, value => (value > threshold ? 1 : 0)),
    mudSigma(side, severity),
  ).values.map(value => (value < 0.8 ? 0 : value))
  const colour = paint(channels, brown)
  return mapValues(picture, (value, i) => {
    const cover = mud[Math.floor(i / channels)]
    return (1 - cover) * value + cover * colour[i % channels]
  })
}

const emboss = { side: 3, weights: [-2, -1, 0, -1, 1, 1, 0, 1, 2] }
const mean3 = { side: 3, weights: new Float64Array(9).fill(1 / 9) }
/** Pixels beyond which the distance to an edge of the liquid no longer grows. */
const farthest = 20

/** Light through drops: thick where they are, embossed by the distance to their edges; its peak is the opacity. */
function water(liquid: Picture, opacity: number): Float64Array {
  const bytes = mapValues(liquid, value => Math.floor(255 * Math.min(1, Math.max(0, value))))
  const distance = mapValues(edgeDistance(bytes), value => Math.min(farthest, value))
  const levelled = equalized(mapValues(correlate(distance, mean3), value => Math.floor(value + 1e-9)))
  const embossed = mapValues(correlate(levelled, emboss), value =>
    Math.min(255, Math.max(0, Math.round(value))),
  )
  const relief = mapValues(correlate(embossed, mean3), value => Math.round(value)).values
  const cover = bytes.values.map((value, i) => value * relief[i])
  const peak = cover.reduce((most, value) => Math.max(most, value), 0)
  return cover.map(value => (peak === 0 ? 0 : (opacity * value) / peak))
}

const weakEdge = 50
const strongEdge = 150

/** Where Canny (1986) finds edges: 1 there, else 0. Sobel gradients, L1 magnitudes. @param picture bytes, grey */
function edges({ height, width, values }: Picture): Uint8Array {
  const size = height * width
  const across = new Float64Array(size)
  const down = new Float64Array(size)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (dy: number, dx: number) => values[nearest(y + dy, height) * width + nearest(x + dx, width)]
      across[y * width + x] = at(-1, 1) + 2 * at(0, 1) + at(1, 1) - at(-1, -1) - 2 * at(0, -1) - at(1, -1)
      down[y * width + x] = at(1, -1) + 2 * at(1, 0) + at(1, 1) - at(-1, -1) - 2 * at(-1, 0) - at(-1, 1)
    }
  }
  const magnitude = (y: number, x: number) =>
    y < 0 || y >= height || x < 0 || x >= width
      ? 0
      : Math.abs(across[y * width + x]) + Math.abs(down[y * width + x])
  const candidates = new Uint8Array(size)
  const found = new Uint8Array(size)
  const open: number[] = []
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x
      const own = magnitude(y, x)
      if (own <= weakEdge) continue
      const slope = Math.abs(down[i]) / Math.abs(across[i])
      const turn = across[i] < 0 !== down[i] < 0 ? -1 : 1
      const highest =
        slope < Math.tan(Math.PI / 8)
          ? own > magnitude(y, x - 1) && own >= magnitude(y, x + 1)
          : slope > Math.tan((3 * Math.PI) / 8)
            ? own > magnitude(y - 1, x) && own >= magnitude(y + 1, x)
            : own > magnitude(y - 1, x - turn) && own > magnitude(y + 1, x + turn)
      if (!highest) continue
      candidates[i] = 1
      if (own > strongEdge) {
        found[i] = 1
        open.push(i)
      }
    }
  }
  for (let i = open.pop(); i !== undefined; i = open.pop()) {
    const y = Math.floor(i / width)
    const x = i % width
    for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
      for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
        const next = row * width + column
        if (candidates[next] === 0 || found[next] === 1) continue
        found[next] = 1
        open.push(next)
      }
    }
  }
  return found
}

/** Steps of the 5 × 5 chamfer distance (Borgefors 1986): [down, right, length]. */
const steps = [
  [0, -1, 1],
  [-1, 0, 1],
  [-1, -1, 1.4],
  [-1, 1, 1.4],
  [-1, -2, 2.1969],
  [-1, 2, 2.1969],
  [-2, -1, 2.1969],
  [-2, 1, 2.1969],
] as const

/** How far each pixel is from an edge, in pixels. */
function edgeDistance(picture: Picture): Picture {
  const { height, width } = picture
  const distance = Float64Array.from(edges(picture), edge => (edge === 1 ? 0 : height + width))
  const relax = (y: number, x: number, sense: 1 | -1) => {
    for (const [down, right, length] of steps) {
      const row = y + sense * down
      const column = x + sense * right
      if (row < 0 || row >= height || column < 0 || column >= width) continue
      const i = y * width + x
      distance[i] = Math.min(distance[i], distance[row * width + column] + length)
    }
  }
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) relax(y, x, 1)
  for (let y = height - 1; y >= 0; y--) for (let x = width - 1; x >= 0; x--) relax(y, x, -1)
  return { ...picture, values: distance }
}

/** Bytes spread so that all levels are about as frequent. */
function equalized(picture: Picture): Picture {
  const counts = new Uint32Array(256)
  for (const value of picture.values) counts[value] += 1
  const least = counts.findIndex(count => count > 0)
  const rest = picture.values.length - counts[least]
  if (rest === 0) return picture
  const levels = new Uint8Array(256)
  let sum = 0
  for (let value = least + 1; value < 256; value++) {
    sum += counts[value]
    levels[value] = Math.round((255 * sum) / rest)
  }
  return mapValues(picture, value => levels[value])
}
