/**
 * Which pixels a convolution or pooling window reads, as indices into a picture's pixels. One extra pixel stands
 * behind the picture's own: whatever a window reads outside the picture comes from there.
 */
import { windowAxis } from '../../../model/shapes.js'

export interface WindowGeometry {
  readonly height: number
  readonly width: number
  readonly kernel: number
  readonly stride: number
  readonly padding: 'same' | number
}

export interface Windows {
  readonly outputHeight: number
  readonly outputWidth: number
  readonly outputPixels: number
  /** Whether any window reaches outside the picture. */
  readonly padded: boolean
  /** Names the geometry: equal keys, equal indices. */
  readonly key: string
  /** For each tap and output pixel the input pixel, [taps · output pixels]; height · width where outside. */
  gather(): Int32Array
  /** As {@link gather} for one tap, [output pixels]. */
  gatherTap(tap: number): Int32Array
  /** The most windows that read one input pixel. */
  readonly readers: number
  /**
   * For each input pixel who reads it, [readers · input pixels], as tap · tapStride + output pixel, filled up with
   * `nobody`.
   */
  scatter(tapStride: number, nobody: number): Int32Array
}

export function windowsOf(geometry: WindowGeometry): Windows {
  const { height, width, kernel, stride, padding } = geometry
  const rowAxis = windowAxis(height, kernel, stride, padding)
  const columnAxis = windowAxis(width, kernel, stride, padding)
  const taps = kernel * kernel
  const outputPixels = rowAxis.size * columnAxis.size
  const outside = height * width
  const source = (tap: number, pixel: number): number => {
    const row = Math.floor(pixel / columnAxis.size) * stride + Math.floor(tap / kernel) - rowAxis.before
    const column = (pixel % columnAxis.size) * stride + (tap % kernel) - columnAxis.before
    return row < 0 || column < 0 || row >= height || column >= width ? outside : row * width + column
  }
  const gatherTap = (tap: number) =>
    Int32Array.from({ length: outputPixels }, (_, pixel) => source(tap, pixel))
  const gather = () => {
    const indices = new Int32Array(taps * outputPixels)
    for (let tap = 0; tap < taps; tap++) indices.set(gatherTap(tap), tap * outputPixels)
    return indices
  }
  const readers = Math.ceil(kernel / stride) ** 2
  return {
    outputHeight: rowAxis.size,
    outputWidth: columnAxis.size,
    outputPixels,
    padded: gather().includes(outside),
    key: [height, width, kernel, stride, padding].join(),
    gather,
    gatherTap,
    readers,
    scatter(tapStride, nobody) {
      const indices = new Int32Array(readers * outside).fill(nobody)
      const count = new Int32Array(outside)
      for (let tap = 0; tap < taps; tap++) {
        for (let pixel = 0; pixel < outputPixels; pixel++) {
          const input = source(tap, pixel)
          if (input !== outside) indices[count[input]!++ * outside + input] = tap * tapStride + pixel
        }
      }
      return indices
    },
  }
}

/**
 * The input pixels of one phase of a strided convolution's input gradient: pixels whose row and column leave the
 * same remainders by the stride are read through the same taps.
 */
export interface Phase {
  /** Taps through which the phase's pixels are read; empty if nobody reads them. */
  readonly taps: readonly number[]
  /** Input pixels of the phase in row order. */
  readonly pixels: readonly number[]
  /** For each tap and pixel the output pixel that reads it, [taps · pixels]; the number of output pixels where there is none. */
  readonly readers: Int32Array
}

export function phasesOf(geometry: WindowGeometry): Phase[] {
  const { height, width, kernel, stride, padding } = geometry
  const rowAxis = windowAxis(height, kernel, stride, padding)
  const columnAxis = windowAxis(width, kernel, stride, padding)
  const nobody = rowAxis.size * columnAxis.size
  const offsets = Array.from({ length: kernel }, (_, offset) => offset)
  const every = (length: number, phase: number) =>
    Array.from({ length: Math.ceil((length - phase) / stride) }, (_, i) => phase + i * stride)
  const phases: Phase[] = []
  for (let rowPhase = 0; rowPhase < Math.min(stride, height); rowPhase++) {
    for (let columnPhase = 0; columnPhase < Math.min(stride, width); columnPhase++) {
      const rows = every(height, rowPhase)
      const columns = every(width, columnPhase)
      const rowOffsets = offsets.filter(offset => (rowPhase + rowAxis.before - offset) % stride === 0)
      const columnOffsets = offsets.filter(
        offset => (columnPhase + columnAxis.before - offset) % stride === 0,
      )
      const readers: number[] = []
      for (const rowOffset of rowOffsets) {
        for (const columnOffset of columnOffsets) {
          for (const row of rows) {
            const r = (row + rowAxis.before - rowOffset) / stride
            for (const column of columns) {
              const c = (column + columnAxis.before - columnOffset) / stride
              const inside = r >= 0 && c >= 0 && r < rowAxis.size && c < columnAxis.size
              readers.push(inside ? r * columnAxis.size + c : nobody)
            }
          }
        }
      }
      phases.push({
        taps: rowOffsets.flatMap(row => columnOffsets.map(column => row * kernel + column)),
        pixels: rows.flatMap(row => columns.map(column => row * width + column)),
        readers: Int32Array.from(readers),
      })
    }
  }
  return phases
}
