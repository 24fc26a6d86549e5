/** From an outline to a 28 × 28 grey PNG. */
import { createCanvas, Path2D } from '@napi-rs/canvas'
import { encode } from 'fast-png'

export const SIZE = 28

/** How the drawings of one glyph differ: uniform ranges, small enough to keep the whole glyph inside the image. */
export const JITTER = {
  /** The longer side of the glyph's bounding box, in pixels. */
  extent: [18, 22],
  /** Of the box's centre from the image's, along each axis, in pixels. */
  shift: [-1.5, 1.5],
  /** Counter-clockwise, in degrees. */
  turn: [-6, 6],
}

// Coordinates are rounded to this fraction of a pixel, so that the last bits of a sine or of a product, which may
// differ between processors, never reach the rasteriser.
const SUBPIXELS = 256

/**
 * Draws an outline in white on black, anti-aliased.
 *
 * @param outline a fontkit path in font units, y upwards
 * @param {{ extent: number, shiftX: number, shiftY: number, turn: number }} placement see JITTER
 * @returns {Uint8Array} SIZE × SIZE grey values, 0 (paper) to 255 (ink), row by row
 */
export function drawGlyph(outline, { extent, shiftX, shiftY, turn }) {
  const { minX, minY, maxX, maxY } = outline.bbox
  const scale = extent / Math.max(maxX - minX, maxY - minY)
  const centerX = (minX + maxX) / 2
  const centerY = (minY + maxY) / 2
  const cosine = Math.cos((turn * Math.PI) / 180) * scale
  const sine = Math.sin((turn * Math.PI) / 180) * scale
  const snap = value => Math.round(value * SUBPIXELS) / SUBPIXELS

  const path = new Path2D()
  for (const { command, args } of outline.commands) {
    const points = []
    for (let i = 0; i < args.length; i += 2) {
      const x = args[i] - centerX
      const y = args[i + 1] - centerY
      points.push(
        snap(SIZE / 2 + shiftX + x * cosine - y * sine),
        snap(SIZE / 2 + shiftY - x * sine - y * cosine),
      )
    }
    path[command](...points)
  }

  const context = createCanvas(SIZE, SIZE).getContext('2d')
  context.fillStyle = '#000'
  context.fillRect(0, 0, SIZE, SIZE)
  context.fillStyle = '#fff'
  context.fill(path)
  const { data } = context.getImageData(0, 0, SIZE, SIZE)
  return Uint8Array.from({ length: SIZE * SIZE }, (_, i) => data[4 * i])
}

/** Deflated in JavaScript: Node's own zlib gives other bytes on another release or processor. */
export function encodePng(grey) {
  return encode({ width: SIZE, height: SIZE, data: grey, channels: 1, depth: 8 }, { zlib: { level: 9 } })
}
