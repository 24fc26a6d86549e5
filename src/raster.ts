/**
 * Opens images that may come from anybody: raster formats alone, whose headers are looked at before anything is
 * decoded. Vector formats are programs in disguise (a picture of a few bytes may take hours to draw), and are refused
 * wherever images are read.
 */
import sharp, { type Sharp } from 'sharp'

/** Images of more pixels are refused before they are decoded. */
export const mostPixels = 100_000_000

/** Images of more bytes are refused before they are read: four a pixel of the largest, which nothing needs encoded. */
export const mostImageBytes = 4 * mostPixels

// Data sets are read once from end to end: a cache would only hold memory.
sharp.cache(false)
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Tiff', 'Heif'].map(format => `VipsForeignLoad${format}`),
})

/** Pixels without encoding, [height, width, channels]. */
export interface RawPixels {
  readonly height: number
  readonly width: number
  readonly channels: 1 | 3
  readonly data: Uint8Array
}

/** An image of JPEG, PNG, WebP, GIF, TIFF or AVIF, or of plain pixels, to be decoded when it is asked for. */
export function openRaster(image: Uint8Array | RawPixels): Sharp {
  const limits = { failOn: 'error', limitInputPixels: mostPixels } as const
  if (image instanceof Uint8Array) return sharp(image, limits)
  const { data, ...raw } = image
  return sharp(data, { ...limits, raw })
}
