/**
 * What a shift and a flip do to a picture, byte for byte. Every engine's augmentation equals this one: the
 * picture is mirrored left to right first, then moved down and right, and what comes in over the edges is the
 * picture's own reflection.
 */

/**
 * The position in [0, length) that `position` reflects to, the border itself not repeated: for length 4,
 * −2 −1 | 0 1 2 3 | 4 5 is 2 1 | 0 1 2 3 | 2 1 (numpy's `reflect`).
 */
export function reflect(position: number, length: number): number {
  if (length === 1) return 0
  const period = 2 * (length - 1)
  const folded = ((position % period) + period) % period
  return folded < length ? folded : period - folded
}

/**
 * Writes `image`, mirrored if `flip` and then moved `down` and `right`, to `out`:
 * out(y, x) = mirrored(reflect(y − down), reflect(x − right)).
 *
 * @param image - bytes [height, width, channels]
 * @param down - rows by which the picture moves down; negative moves it up
 * @param right - columns by which the picture moves right; negative moves it left
 * @param out - bytes or floats [height, width, channels], another array than `image`
 */
export function augment(
  image: Uint8Array,
  height: number,
  width: number,
  channels: number,
  down: number,
  right: number,
  flip: boolean,
  out: Uint8Array | Float32Array,
): void {
  for (let y = 0, to = 0; y < height; y++) {
    const row = reflect(y - down, height) * width
    for (let x = 0; x < width; x++) {
      const column = reflect(x - right, width)
      const from = (row + (flip ? width - 1 - column : column)) * channels
      for (let channel = 0; channel < channels; channel++) out[to++] = image[from + channel]
    }
  }
}
