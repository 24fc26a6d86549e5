/**
 * Which pixels a convolution or pooling window reads, as row indices into an image's matrix. One extra row
 * stands behind the image's own: whatever a window reads outside the picture comes from there.
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
  /** Whether any window reaches outside the picture. */
  readonly padded: boolean
  /** Names the geometry: equal keys, equal indices. */
  readonly key: string
  /** For each output pixel and tap the input row, [output pixels · kernel²]; height · width where outside. */
  gather(): Int32Array
  /** As {@link gather} for one tap, [output pixels]. */
  gatherTap(tap: number): Int32Array
  /**
   * For each input pixel the rows of [output pixels · kernel²] that read it, [input pixels · {@link readers}],
   * filled up with `outside`.
   */
  scatter(outside: number): Int32Array
  /** The most output pixels and taps that read one input pixel. */
  readonly readers: number
}

export function windowsOf(geometry: WindowGeometry): Windows {
  const { height, width, kernel, stride, padding } = geometry
  const rowAxis = windowAxis(height, kernel, stride, padding)
  const columnAxis = windowAxis(width, kernel, stride, padding)
  const taps = kernel * kernel
  const pixels = rowAxis.size * columnAxis.size
  const source = (pixel: number, tap: number): number => {
    const row = Math.floor(pixel / columnAxis.size) * stride + Math.floor(tap / kernel) - rowAxis.before
    const column = (pixel % columnAxis.size) * stride + (tap % kernel) - columnAxis.before
    return row < 0 || column < 0 || row >= height || column >= width ? height * width : row * width + column
  }
  const gather = () => {
    const indices = new Int32Array(pixels * taps)
    for (let pixel = 0; pixel < pixels; pixel++) {
      for (let tap = 0; tap < taps; tap++) indices[pixel * taps + tap] = source(pixel, tap)
    }
    return indices
  }
  const readers = Math.ceil(kernel / stride) ** 2
  return {
    outputHeight: rowAxis.size,
    outputWidth: columnAxis.size,
    padded: gather().includes(height * width),
    key: [height, width, kernel, stride, padding].join(),
    gather,
    gatherTap: tap => Int32Array.from({ length: pixels }, (_, pixel) => source(pixel, tap)),
    readers,
    scatter(outside) {
      const indices = new Int32Array(height * width * readers).fill(outside)
      const count = new Int32Array(height * width + 1)
      gather().forEach((input, reader) => {
        if (input < height * width) indices[input * readers + count[input]!++] = reader
      })
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
  /** For each pixel and tap the output pixel that reads it, [pixels · taps]; outputHeight · outputWidth where there is none. */
  readonly readers: Int32Array
}

export function phasesOf(geometry: WindowGeometry): Phase[] {
  const { height, width, kernel, stride, padding } = geometry
  const rowAxis = windowAxis(height, kernel, stride, padding)
  const columnAxis = windowAxis(width, kernel, stride, padding)
  const none = rowAxis.size * columnAxis.size
  const offsets = Array.from({ length: kernel }, (_, offset) => offset)
  const phases: Phase[] = []
  for (let rowPhase = 0; rowPhase < Math.min(stride, height); rowPhase++) {
    for (let columnPhase = 0; columnPhase < Math.min(stride, width); columnPhase++) {
      const rowOffsets = offsets.filter(offset => (rowPhase + rowAxis.before - offset) % stride === 0)
      const columnOffsets = offsets.filter(
        offset => (columnPhase + columnAxis.before - offset) % stride === 0,
      )
      const pixels: number[] = []
      const readers: number[] = []
      for (let row = rowPhase; row < height; row += stride) {
        for (let column = columnPhase; column < width; column += stride) {
          pixels.push(row * width + column)
          for (const rowOffset of rowOffsets) {
            for (const columnOffset of columnOffsets) {
              const r = (row + rowAxis.before - rowOffset) / stride
              const c = (column + columnAxis.before - columnOffset) / stride
              const inside = r >= 0 && c >= 0 && r < rowAxis.size && c < columnAxis.size
              readers.push(inside ? r * columnAxis.size + c : none)
            }
          }
        }
      }
      phases.push({
        taps: rowOffsets.flatMap(row => columnOffsets.map(column => row * kernel + column)),
        pixels,
        readers: Int32Array.from(readers),
      })
    }
  }
  return phases
}
