/**
 * Images, by sharp, whose decoders run in threads of their own. They are turned as their EXIF orientation says,
 * laid on white where they are transparent, brought to sRGB or grey with 8 bits a channel, and resized without
 * cropping: an image that is not square is squeezed, so that nothing of what a label may speak of is lost.
 */
import { mostPixels, openRaster } from '../raster.js'
import { readNamedImage } from './named-file.js'
import { BadExample, type Pixels, type RawImage } from './source.js'

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

/** An image in memory: encoded, or plain pixels. */
export type LoadedImage = Uint8Array | Pixels

/** @throws BadExample if there are neither bytes nor pixels; DataError if its file is not one that the data may name */
export async function loadImage({ pixels, bytes, named, path }: RawImage): Promise<LoadedImage> {
  if (pixels !== undefined) return pixels
  const loaded = named === undefined ? bytes : await readNamedImage(named, path)
  if (loaded === null || loaded.length === 0) {
    throw new BadExample(named === undefined ? 'the image has no bytes' : `the image file ${path} is empty`)
  }
  return loaded
}

/** What tells images of a data set apart: the encoded bytes, or the pixels. */
export const imageContent = (image: LoadedImage): Uint8Array =>
  image instanceof Uint8Array ? image : image.data

/** The bytes of an image file: the image's own, or a PNG of its pixels. */
export async function encodedImage(image: LoadedImage): Promise<Uint8Array> {
  if (image instanceof Uint8Array) return image
  return openRaster(image)
    .toColourspace(image.channels === 1 ? 'b-w' : 'srgb')
    .png()
    .toBuffer()
}

/** Size and colour of an image, from its header alone. @throws BadExample if it is no image */
export async function readHeader(image: LoadedImage): Promise<ImageHeader> {
  if (!(image instanceof Uint8Array)) {
    const { height, width, channels } = image
    return { height, width, grey: channels === 1 }
  }
  return decoded(async () => {
    const { autoOrient, space } = await openRaster(image).metadata()
    return { ...autoOrient, grey: space === 'b-w' || space === 'grey16' }
  })
}

/** The pixels, [height, width, channels]. @throws BadExample if the image cannot be decoded whole */
export async function decodeImage(image: LoadedImage, shape: ImageShape): Promise<Uint8Array> {
  const { height, width, channels } = shape
  if (!(image instanceof Uint8Array) && hasShape(image, shape)) return image.data
  return decoded(async () =>
    openRaster(image)
      .autoOrient()
      .flatten({ background: '#fff' })
      .resize({ width, height, fit: 'fill' })
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw({ depth: 'uchar' })
      .toBuffer(),
  )
}

const hasShape = (image: Pixels, { height, width, channels }: ImageShape): boolean =>
  image.height === height && image.width === width && image.channels === channels

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
