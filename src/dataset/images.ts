/**
 * Images, by sharp, whose decoders run in threads of their own. They are turned as their EXIF orientation says,
 * laid on white where they are transparent, brought to sRGB or grey with 8 bits a channel, and resized without
 * cropping: an image that is not square is squeezed, so that nothing of what a label may speak of is lost.
 */
import { readFile } from 'node:fs/promises'
import sharp, { type Sharp } from 'sharp'
import { BadExample, type RawImage } from './source.js'

// Data sets are read once from end to end: a cache would only hold memory.
sharp.cache(false)

/** Images of more pixels are refused before they are decoded. */
const mostPixels = 100_000_000

export interface ImageHeader {
  /** As the image is seen, after its orientation. */
  readonly width: number
  readonly height: number
  /** Whether it holds no colour. */
  readonly grey: boolean
}

export interface ImageShape {
  readonly height: number
  readonly width: number
  readonly channels: number
}

/** The encoded bytes. @throws BadExample if there are none */
export async function imageBytes(image: RawImage): Promise<Uint8Array> {
  const missing = (cause?: unknown) =>
    new BadExample(
      image.file === undefined ? 'the image has no bytes' : `there is no image file ${image.path}`,
      undefined,
      { cause },
    )
  const bytes =
    image.file === undefined
      ? image.bytes
      : await readFile(image.file).catch(cause => {
          throw missing(cause)
        })
  if (bytes === null || bytes.length === 0) throw missing()
  return bytes
}

/** Size and colour of an image, from its header alone. @throws BadExample if it is no image */
export async function readHeader(bytes: Uint8Array): Promise<ImageHeader> {
  return decoded(async () => {
    const { autoOrient, space } = await open(bytes).metadata()
    return { ...autoOrient, grey: space === 'b-w' || space === 'grey16' }
  })
}

/** The pixels, [height, width, channels]. @throws BadExample if the image cannot be decoded whole */
export async function decodeImage(bytes: Uint8Array, shape: ImageShape): Promise<Uint8Array> {
  const { height, width, channels } = shape
  return decoded(async () =>
    open(bytes)
      .autoOrient()
      .flatten({ background: '#fff' })
      .resize({ width, height, fit: 'fill' })
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw({ depth: 'uchar' })
      .toBuffer(),
  )
}

const open = (bytes: Uint8Array): Sharp => sharp(bytes, { failOn: 'error', limitInputPixels: mostPixels })

/**
 * The library's own messages may run into those of other images that are decoded at the same time, so they are
 * only kept as the cause.
 */
async function decoded<T>(decode: () => Promise<T>): Promise<T> {
  try {
    return await decode()
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : ''
    if (message.includes('exceeds pixel limit')) {
      throw new BadExample(`the image has more than ${mostPixels / 1e6} million pixels`, undefined, { cause })
    }
    if (message.includes('unsupported image format')) {
      throw new BadExample('this is no image of a known format', undefined, { cause })
    }
    throw new BadExample('the image cannot be decoded: it is cut off or damaged', undefined, { cause })
  }
}
