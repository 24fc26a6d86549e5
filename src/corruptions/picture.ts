/** Pictures as numbers: [height, width, channels], 0 … 1, and what happens at their borders. */
import type { RandomStream } from '../random.js'
import type { Severity } from './severity.js'

/** 1 channel is grey, 3 are sRGB. */
export interface PictureShape {
  readonly height: number
  readonly width: number
  readonly channels: number
}

export interface Picture extends PictureShape {
  /** [height, width, channels], 0 … 1. */
  readonly values: Float64Array
}

/** A corrupted copy of a picture; what is outside 0 … 1 is cut afterwards. */
export type Corruption = (picture: Picture, severity: Severity, random: RandomStream) => Picture

export const pictureOf = (bytes: Uint8Array, shape: PictureShape): Picture => ({
  height: shape.height,
  width: shape.width,
  channels: shape.channels,
  values: Float64Array.from(bytes, byte => byte / 255),
})

/** Bytes, cut off as the published pictures are and not rounded; the slack keeps untouched bytes as they were. */
export function bytesOf(values: Float64Array): Uint8Array {
  return Uint8Array.from(values, value => Math.floor(255 * Math.min(1, Math.max(0, value)) + 1e-6))
}

/** The same picture with each value replaced. */
export function mapValues(picture: Picture, value: (value: number, index: number) => number): Picture {
  return { ...picture, values: picture.values.map(value) }
}

/** The geometric mean of height and width: what severities are scaled by. */
export const sideOf = ({ height, width }: PictureShape): number => Math.sqrt(height * width)

/** A grey picture of values drawn one after another. */
export function drawn(height: number, width: number, draw: () => number): Picture {
  return { height, width, channels: 1, values: Float64Array.from({ length: height * width }, draw) }
}

/** Maps an index outside 0 … size − 1 to one inside. */
export type Border = (index: number, size: number) => number

/** a a a | a b c d | d d d */
export const nearest: Border = (index, size) => Math.min(size - 1, Math.max(0, index))

/** d c b a | a b c d | d c b a */
export function reflect(index: number, size: number): number {
  const turn = 2 * size
  const folded = ((index % turn) + turn) % turn
  return folded < size ? folded : turn - 1 - folded
}

/** d c b | a b c d | c b a */
export function mirror(index: number, size: number): number {
  if (size === 1) return 0
  const turn = 2 * size - 2
  const folded = ((index % turn) + turn) % turn
  return folded < size ? folded : turn - folded
}

/** The luma of ITU-R BT.601. */
export const luma = (red: number, green: number, blue: number): number =>
  0.299 * red + 0.587 * green + 0.114 * blue

/** A colour as a picture of so many channels has it, 0 … 1 each. */
export function paint(channels: number, [red, green, blue]: readonly [number, number, number]): number[] {
  return channels === 1 ? [luma(red, green, blue)] : [red, green, blue]
}
