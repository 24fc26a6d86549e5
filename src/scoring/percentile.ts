/**
 * The value below which a share of the sample lies, interpolated linearly between neighbours (Hyndman & Fan, The
 * American Statistician 50, 1996, definition 7: NumPy's default). NaN of nothing; NaN values are left out.
 *
 * @param share 0 to 1
 */
export function percentile(sample: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(sample)
    .filter(value => !Number.isNaN(value))
    .sort()
  if (sorted.length === 0) return Number.NaN
  const place = share * (sorted.length - 1)
  const below = Math.floor(place)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below] + (place - below) * (sorted[above] - sorted[below])
}

/** The interval between the percentiles that leave out the same share at both ends: 0.95 leaves 2.5 % at each. */
export function percentileInterval(
  sample: ArrayLike<number>,
  confidence = 0.95,
): [low: number, high: number] {
  return [percentile(sample, (1 - confidence) / 2), percentile(sample, (1 + confidence) / 2)]
}
