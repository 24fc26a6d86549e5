/** Hue, saturation and value (Smith 1978) of sRGB values, all 0 … 1. */

export function hsvOf(red: number, green: number, blue: number): [number, number, number] {
  const value = Math.max(red, green, blue)
  const range = value - Math.min(red, green, blue)
  if (range === 0) return [0, 0, value]
  const sixths =
    value === red
      ? (green - blue) / range
      : value === green
        ? 2 + (blue - red) / range
        : 4 + (red - green) / range
  return [(sixths / 6 + 1) % 1, range / value, value]
}

export function rgbOf(hue: number, saturation: number, value: number): [number, number, number] {
  const part = (n: number) => {
    const k = (n + 6 * hue) % 6
    return value - value * saturation * Math.max(0, Math.min(k, 4 - k, 1))
  }
  return [part(5), part(3), part(1)]
}
