/**
 * The corruptions of ImageNet-C and CIFAR-10-C (Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to
 * Common Corruptions and Perturbations", 2019, arXiv 1903.12261) for pictures of any size, grey or colour.
 */
import { randomStream } from '../random.js'
import { defocusBlur, gaussianBlur, glassBlur, motionBlur, zoomBlur } from './blur.js'
import { contrast, elasticTransform, pixelate } from './digital.js'
import { jpegCompression } from './jpeg.js'
import type { CorruptionName } from './names.js'
import { gaussianNoise, impulseNoise, shotNoise, speckleNoise } from './noise.js'
import { bytesOf, type Corruption, type PictureShape, pictureOf } from './picture.js'
import type { Severity } from './severity.js'
import { spatter } from './spatter.js'
import { brightness, fog, frost, saturate, snow } from './weather.js'

const corruptions: Readonly<Record<Exclude<CorruptionName, 'jpeg_compression'>, Corruption>> = {
  gaussian_noise: gaussianNoise,
  shot_noise: shotNoise,
  impulse_noise: impulseNoise,
  defocus_blur: defocusBlur,
  glass_blur: glassBlur,
  motion_blur: motionBlur,
  zoom_blur: zoomBlur,
  snow,
  frost,
  fog,
  brightness,
  contrast,
  elastic_transform: elasticTransform,
  pixelate,
  speckle_noise: speckleNoise,
  gaussian_blur: gaussianBlur,
  spatter,
  saturate,
}

/** Raised when a corruption draws other pictures than before. */
export const corruptionsVersion = 1

/**
 * A corrupted copy of one picture. It depends on the picture, its id and the seed alone, so pictures may be
 * corrupted in any order and anywhere.
 *
 * @param bytes [height, width, channels]; 1 channel is grey, 3 are sRGB
 * @param exampleId names the picture: two pictures of one id get the same noise
 */
export async function corrupt(
  bytes: Uint8Array,
  shape: PictureShape,
  name: CorruptionName,
  severity: Severity,
  seed: number,
  exampleId: string,
): Promise<Uint8Array> {
  if (name === 'jpeg_compression') return jpegCompression(bytes, shape, severity)
  const random = randomStream(seed, 'corruption', name, severity, exampleId)
  return bytesOf(corruptions[name](pictureOf(bytes, shape), severity, random).values)
}
