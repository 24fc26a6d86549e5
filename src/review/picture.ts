/** Images as the review's page shows them. */
import { openRaster } from '../raster.js'

export interface Picture {
  readonly type: string
  readonly bytes: Uint8Array
}

const latin = (bytes: Uint8Array, begin: number, end: number): string =>
  String.fromCharCode(...bytes.subarray(begin, end))

/** The type of an image that every browser shows, by its first bytes and nothing else; undefined for others. */
export function browserType(bytes: Uint8Array): string | undefined {
  if (latin(bytes, 0, 8) === '\x89PNG\r\n\x1a\n') return 'image/png'
  if (latin(bytes, 0, 3) === '\xff\xd8\xff') return 'image/jpeg'
  if (/^GIF8[79]a$/.test(latin(bytes, 0, 6))) return 'image/gif'
  if (latin(bytes, 0, 4) === 'RIFF' && latin(bytes, 8, 12) === 'WEBP') return 'image/webp'
  if (/^ftypavi[fs]$/.test(latin(bytes, 4, 12))) return 'image/avif'
  return undefined
}

/**
 * The picture as a browser takes it: as it is where browsers know its format, else as PNG. Undefined where it is no
 * raster image that can be decoded: SVG is a document, in which scripts can stand, and is never shown.
 */
export async function browserPicture(bytes: Uint8Array): Promise<Picture | undefined> {
  const type = browserType(bytes)
  if (type !== undefined) return { type, bytes }
  try {
    return { type: 'image/png', bytes: await openRaster(bytes).autoOrient().png().toBuffer() }
  } catch {
    return undefined
  }
}
