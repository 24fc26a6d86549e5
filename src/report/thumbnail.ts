/** Pictures small enough to stand in the page. */
import { openRaster } from '../raster.js'

/** Side in pixels to which larger pictures are brought. */
const side = 192
/** Pictures of up to this many bytes stay as they are, pixel for pixel. */
const smallBytes = 6_000

/** Formats that every browser shows, by the bytes they begin with. */
const formats: readonly { readonly type: string; readonly test: (bytes: Uint8Array) => boolean }[] = [
  { type: 'image/png', test: bytes => begins(bytes, [0x89, 0x50, 0x4e, 0x47]) },
  { type: 'image/jpeg', test: bytes => begins(bytes, [0xff, 0xd8, 0xff]) },
  { type: 'image/gif', test: bytes => begins(bytes, [0x47, 0x49, 0x46, 0x38]) },
]

function begins(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, i) => bytes[i] === byte)
}

/** A data URI of the picture, as it is if it is small and of a format for browsers, else brought to a WebP of at most 192 × 192. */
export async function thumbnail(bytes: Uint8Array): Promise<string> {
  const format = bytes.length <= smallBytes ? formats.find(({ test }) => test(bytes)) : undefined
  if (format !== undefined) return dataUri(format.type, bytes)
  const webp = await openRaster(bytes)
    .autoOrient()
    .resize(side, side, { fit: 'inside', withoutEnlargement: true })
    .webp({ quality: 80 })
    .toBuffer()
  return dataUri('image/webp', webp)
}

function dataUri(type: string, bytes: Uint8Array): string {
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
  return `data:${type};base64,${base64}`
}
