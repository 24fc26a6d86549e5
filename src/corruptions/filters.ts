/** Linear filters and resampling of pictures. */
import { type Border, mirror, nearest, type Picture } from './picture.js'

/** One row of a banded matrix: its weights from column `first` on. */
interface Band {
  readonly first: number
  readonly weights: Float64Array
}

const smoothing = new Map<string, readonly Band[]>()

/** The matrix that smooths a line of `size` values; what a tap reads beyond the border is folded back. */
function smoothingBands(size: number, sigma: number, truncate: number, border: Border): readonly Band[] {
  const key = `${size} ${sigma} ${truncate} ${border.name}`
  let bands = smoothing.get(key)
  if (bands !== undefined) return bands
  const radius = Math.floor(truncate * sigma + 0.5)
  const taps = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    radius === 0 ? 1 : Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)),
  )
  const total = taps.reduce((sum, tap) => sum + tap, 0)
  bands = Array.from({ length: size }, (_, i) => {
    const row = new Float64Array(size)
    let first = size
    let last = -1
    taps.forEach((tap, k) => {
      const column = border(i + k - radius, size)
      row[column] += tap / total
      first = Math.min(first, column)
      last = Math.max(last, column)
    })
    return { first, weights: row.slice(first, last + 1) }
  })
  smoothing.set(key, bands)
  return bands
}

/**
 * Gaussian smoothing, cut at `truncate` standard deviations.
 *
 * @param sigma in pixels; 0 changes nothing
 */
export function smooth(picture: Picture, sigma: number, border: Border = nearest, truncate = 4): Picture {
  const { height, width, channels, values } = picture
  if (Math.floor(truncate * sigma + 0.5) === 0) return picture
  const rows = smoothingBands(width, sigma, truncate, border)
  const across = new Float64Array(values.length)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const { first, weights } = rows[x]
      for (let c = 0; c < channels; c++) {
        let sum = 0
        let from = (y * width + first) * channels + c
        for (let k = 0; k < weights.length; k++, from += channels) sum += weights[k] * values[from]
        across[(y * width + x) * channels + c] = sum
      }
    }
  }
  const columns = smoothingBands(height, sigma, truncate, border)
  const stride = width * channels
  const smoothed = new Float64Array(values.length)
  for (let y = 0; y < height; y++) {
    const { first, weights } = columns[y]
    for (let k = 0; k < weights.length; k++) {
      const weight = weights[k]
      const from = (first + k) * stride
      for (let x = 0; x < stride; x++) {
        smoothed[y * stride + x] += weight * across[from + x]
      }
    }
  }
  return { ...picture, values: smoothed }
}

/** A square of weights with an odd side, row by row. */
export interface Kernel {
  readonly side: number
  readonly weights: ArrayLike<number>
}

/** Correlation with a kernel; borders are mirrored without their edge. */
export function correlate(picture: Picture, kernel: Kernel): Picture {
  const { height, width, channels, values } = picture
  const radius = (kernel.side - 1) / 2
  const result = new Float64Array(values.length)
  for (let k = 0; k < kernel.weights.length; k++) {
    const weight = kernel.weights[k]
    if (weight === 0) continue
    const dy = Math.floor(k / kernel.side) - radius
    const dx = (k % kernel.side) - radius
    const columns = Int32Array.from({ length: width }, (_, x) => mirror(x + dx, width) * channels)
    for (let y = 0; y < height; y++) {
      const row = mirror(y + dy, height) * width * channels
      let to = y * width * channels
      for (let x = 0; x < width; x++) {
        const from = row + columns[x]
        for (let c = 0; c < channels; c++, to++) result[to] += weight * values[from + c]
      }
    }
  }
  return { ...picture, values: result }
}

/** A disk of equal weights with its edge smoothed: what a lens out of focus makes of a point. */
export function diskKernel(radius: number, edgeSigma: number): Kernel {
  const reach = Math.max(8, Math.ceil(radius))
  const side = 2 * reach + 1
  const inside = Float64Array.from({ length: side * side }, (_, i) => {
    const y = Math.floor(i / side) - reach
    const x = (i % side) - reach
    return x * x + y * y <= radius * radius ? 1 : 0
  })
  const area = inside.reduce((sum, weight) => sum + weight, 0)
  const edge = radius <= 8 ? 1 : 2
  const taps = Array.from({ length: 2 * edge + 1 }, (_, i) =>
    Math.exp(-((i - edge) ** 2) / (2 * edgeSigma * edgeSigma)),
  )
  const total = taps.reduce((sum, tap) => sum + tap, 0)
  const disk = { height: side, width: side, channels: 1, values: inside.map(weight => weight / area) }
  const square = taps.flatMap(down => taps.map(across => (down * across) / (total * total)))
  return { side, weights: correlate(disk, { side: taps.length, weights: square }).values }
}

/**
 * A picture that moved while it was taken: half a Gaussian along a line, as ImageMagick's motion blur has it.
 *
 * @param radius of the line in whole pixels
 * @param sigma of the Gaussian in pixels
 * @param angle in radians, 0 to the right
 */
export function blurAlong(picture: Picture, radius: number, sigma: number, angle: number): Picture {
  const { height, width, channels, values } = picture
  const taps = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-(i * i) / (2 * sigma * sigma)),
  )
  const total = taps.reduce((sum, tap) => sum + tap, 0)
  const result = new Float64Array(values.length)
  taps.forEach((tap, i) => {
    const weight = tap / total
    const dy = Math.ceil(i * Math.sin(angle) - 0.5)
    const dx = Math.ceil(i * Math.cos(angle) - 0.5)
    for (let y = 0; y < height; y++) {
      const row = nearest(y + dy, height) * width
      let to = y * width * channels
      for (let x = 0; x < width; x++) {
        const from = (row + nearest(x + dx, width)) * channels
        for (let c = 0; c < channels; c++, to++) result[to] += weight * values[from + c]
      }
    }
  })
  return { ...picture, values: result }
}

/** The value at a place between pixels, linearly from the four around it. */
export function bilinear(picture: Picture, y: number, x: number, channel: number, border: Border): number {
  const { height, width, channels, values } = picture
  const top = Math.floor(y)
  const left = Math.floor(x)
  const upper = border(top, height) * width
  const lower = border(top + 1, height) * width
  const first = border(left, width)
  const second = border(left + 1, width)
  const right = x - left
  const above =
    (1 - right) * values[(upper + first) * channels + channel] +
    right * values[(upper + second) * channels + channel]
  const below =
    (1 - right) * values[(lower + first) * channels + channel] +
    right * values[(lower + second) * channels + channel]
  return above + (y - top) * (below - above)
}

/** The middle of a picture, magnified linearly so that it fills the whole. @param factor 1 or more */
export function zoomIn(picture: Picture, factor: number): Picture {
  const { height, width, channels, values } = picture
  const stride = width * channels
  const rows = zoomedLine(height, factor)
  const columns = zoomedLine(width, factor)
  const across = new Float64Array(values.length)
  for (let x = 0; x < width; x++) {
    const left = Math.floor(columns[x])
    const right = Math.min(width - 1, left + 1)
    const part = columns[x] - left
    for (let c = 0; c < channels; c++) {
      const to = x * channels + c
      for (let row = 0; row < values.length; row += stride) {
        const near = values[row + left * channels + c]
        across[row + to] = near + part * (values[row + right * channels + c] - near)
      }
    }
  }
  const zoomed = new Float64Array(values.length)
  for (let y = 0; y < height; y++) {
    const top = Math.floor(rows[y])
    const bottom = Math.min(height - 1, top + 1)
    const part = rows[y] - top
    for (let i = 0; i < stride; i++) {
      const near = across[top * stride + i]
      zoomed[y * stride + i] = near + part * (across[bottom * stride + i] - near)
    }
  }
  return { ...picture, values: zoomed }
}

/** Where the positions of a magnified line lie in the line itself: the cut's ends stay its ends. */
function zoomedLine(size: number, factor: number): Float64Array {
  const cut = Math.ceil(size / factor)
  const start = Math.floor((size - cut) / 2)
  const magnified = Math.round(cut * factor)
  const trimmed = Math.floor((magnified - size) / 2)
  const step = magnified === 1 ? 0 : (cut - 1) / (magnified - 1)
  return Float64Array.from({ length: size }, (_, i) => start + (i + trimmed) * step)
}
