/** JPEG compression, the one corruption that needs a library. */
import sharp from 'sharp'
import { type PictureShape, sideOf } from './picture.js'
import { amount, type Severity } from './severity.js'

const quality = amount([80, 65, 58, 50, 40], [25, 18, 15, 10, 7])

/** Written as JPEG with halved chroma and read again. @param bytes [height, width, channels] */
export async function jpegCompression(
  bytes: Uint8Array,
  { height, width, channels }: PictureShape,
  severity: Severity,
): Promise<Uint8Array> {
  const raw = { height, width, channels: channels === 1 ? 1 : 3 } as const
  const file = await sharp(bytes, { raw })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .jpeg({ quality: Math.round(quality(sideOf(raw), severity)), chromaSubsampling: '4:2:0' })
    .toBuffer()
  return sharp(file)
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw()
    .toBuffer()
}
