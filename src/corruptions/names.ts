/** What the corruptions of ImageNet-C are called, apart from what makes them: the pipeline file names them too. */

/** As the paper sorts them; `extra` are those it keeps for validation. */
export type CorruptionCategory = 'noise' | 'blur' | 'weather' | 'digital' | 'extra'

/** In the paper's order. */
export const corruptionNames = [
  'gaussian_noise',
  'shot_noise',
  'impulse_noise',
  'defocus_blur',
  'glass_blur',
  'motion_blur',
  'zoom_blur',
  'snow',
  'frost',
  'fog',
  'brightness',
  'contrast',
  'elastic_transform',
  'pixelate',
  'jpeg_compression',
  'speckle_noise',
  'gaussian_blur',
  'spatter',
  'saturate',
] as const

export type CorruptionName = (typeof corruptionNames)[number]

export const corruptionCategory: Readonly<Record<CorruptionName, CorruptionCategory>> = {
  gaussian_noise: 'noise',
  shot_noise: 'noise',
  impulse_noise: 'noise',
  defocus_blur: 'blur',
  glass_blur: 'blur',
  motion_blur: 'blur',
  zoom_blur: 'blur',
  snow: 'weather',
  frost: 'weather',
  fog: 'weather',
  brightness: 'weather',
  contrast: 'digital',
  elastic_transform: 'digital',
  pixelate: 'digital',
  jpeg_compression: 'digital',
  speckle_noise: 'extra',
  gaussian_blur: 'extra',
  spatter: 'extra',
  saturate: 'extra',
}
