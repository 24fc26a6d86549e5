/** What can be told of a picture without knowing what it shows, from its luminance alone. */

/** One value a pixel, 0 (black) to 255, row by row. */
export interface Luminance {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

export interface ImageStatistics {
  /** Mean luminance, 0 to 1. */
  readonly brightness: number
  /** 5th and 99th percentile of luminance, 0 to 1: a picture is bright as a whole, or dark as a whole. */
  readonly darkest: number
  readonly brightest: number
  /** Standard deviation of luminance, 0 to 0.5. */
  readonly contrast: number
  /** 0 (sharp) to 1, see {@link perceptualBlur}; NaN for a picture too small or without any edge. */
  readonly blur: number
  /** Shannon entropy of the 256-bin histogram, 0 to 8 bits. */
  readonly entropy: number
}

/**
 * Luminance of pixels by ITU-R BT.601, rounded: (299 R + 587 G + 114 B) / 1000.
 * @param pixels [height, width, channels], channels 1 or 3
 */
export function luminanceOf(
  pixels: Uint8Array,
  { width, height, channels }: { width: number; height: number; channels: number },
): Luminance {
  if (channels === 1) return { width, height, data: pixels }
  const data = new Uint8Array(width * height)
  for (let i = 0, from = 0; i < data.length; i++, from += 3) {
    data[i] = Math.round((299 * pixels[from] + 587 * pixels[from + 1] + 114 * pixels[from + 2]) / 1000)
  }
  return { width, height, data }
}

export function imageStatistics(luminance: Luminance): ImageStatistics {
  const { data } = luminance
  const histogram = new Float64Array(256)
  for (const value of data) histogram[value]++
  let sum = 0
  let squares = 0
  let entropy = 0
  for (let value = 0; value < 256; value++) {
    sum += value * histogram[value]
    squares += value * value * histogram[value]
    const share = histogram[value] / data.length
    if (share > 0) entropy -= share * Math.log2(share)
  }
  const mean = sum / data.length
  return {
    brightness: mean / 255,
    darkest: percentile(histogram, data.length, 0.05) / 255,
    brightest: percentile(histogram, data.length, 0.99) / 255,
    contrast: Math.sqrt(Math.max(0, squares / data.length - mean * mean)) / 255,
    blur: perceptualBlur(luminance),
    entropy: Math.abs(entropy),
  }
}

/** With linear interpolation between the values beside it (NumPy's default; Hyndman and Fan's seventh). */
function percentile(histogram: Float64Array, count: number, share: number): number {
  const place = (count - 1) * share
  const low = Math.floor(place)
  const lower = valueAt(histogram, low)
  return low === place ? lower : lower + (place - low) * (valueAt(histogram, low + 1) - lower)
}

/** The value at a place, from 0, of the sorted pixels. */
function valueAt(histogram: Float64Array, place: number): number {
  let seen = 0
  for (let value = 0; value < 256; value++) {
    seen += histogram[value]
    if (seen > place) return value
  }
  return 255
}

/** Pixels over which the picture is blurred once more. */
const reblur = 11

/**
 * How blurred a picture looks (Crété, Dolmière, Ladret and Nicolas 2007, “The blur effect”): blurring it once more
 * takes much from the edges of a sharp picture and little from those of a blurred one. Contrast does not matter.
 * The larger of both directions; edges by Sobel, as scikit-image's `blur_effect`, whose values these are.
 * @returns 0 (sharp) to 1, or NaN where no side has more than four pixels, or no edge is to be seen
 */
export function perceptualBlur({ width, height, data }: Luminance): number {
  if (width < 5 || height < 5) return Number.NaN
  const values = Float32Array.from(data)
  const across = directionalBlur(values, width, height)
  const down = directionalBlur(transposed(values, width, height), height, width)
  return Math.max(across, down)
}

/** The share of horizontal differences that a blur along rows leaves. */
function directionalBlur(values: Float32Array, width: number, height: number): number {
  const sharp = horizontalSobel(values, width, height)
  const soft = horizontalSobel(boxFiltered(values, width, height), width, height)
  let all = 0
  let lost = 0
  for (let y = 2; y < height - 1; y++) {
    for (let i = y * width + 2; i < y * width + width - 1; i++) {
      all += sharp[i]
      lost += Math.max(0, sharp[i] - soft[i])
    }
  }
  return all === 0 ? Number.NaN : (all - lost) / all
}

/** Mean over {@link reblur} pixels of a row; pictures go on mirrored beyond their edges (d c b a | a b c d | d c b a). */
function boxFiltered(values: Float32Array, width: number, height: number): Float32Array {
  const result = new Float32Array(values.length)
  const half = (reblur - 1) / 2
  for (let y = 0; y < height; y++) {
    const row = y * width
    let sum = 0
    for (let x = -half; x <= half; x++) sum += values[row + mirrored(x, width)]
    for (let x = 0; x < width; x++) {
      result[row + x] = sum / reblur
      sum += values[row + mirrored(x + half + 1, width)] - values[row + mirrored(x - half, width)]
    }
  }
  return result
}

/** Absolute horizontal Sobel response over 4, [height, width]; what {@link directionalBlur} does not read stays 0. */
function horizontalSobel(values: Float32Array, width: number, height: number): Float32Array {
  const result = new Float32Array(values.length)
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const i = y * width + x
      const right = values[i + 1 - width] + 2 * values[i + 1] + values[i + 1 + width]
      const left = values[i - 1 - width] + 2 * values[i - 1] + values[i - 1 + width]
      result[i] = Math.abs(right - left) / 8
    }
  }
  return result
}

function mirrored(position: number, size: number): number {
  const period = 2 * size
  const place = ((position % period) + period) % period
  return place < size ? place : period - 1 - place
}

function transposed(values: Float32Array, width: number, height: number): Float32Array {
  const result = new Float32Array(values.length)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) result[x * height + y] = values[y * width + x]
  return result
}
