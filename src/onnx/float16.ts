/** IEEE 754 binary16, kept as its bits in a Uint16Array: the form in which ONNX files and ONNX Runtime hold it. */

/** The largest finite half-precision number. */
export const float16Max = 65504

const word = new Float32Array(1)
const bits = new Uint32Array(word.buffer)

/**
 * Bits of the half-precision number nearest to `value`, ties to even (IEEE 754 roundTiesToEven). Magnitudes of
 * 65520 and more become infinite, NaN stays NaN.
 */
export function float16Bits(value: number): number {
  word[0] = value
  const x = bits[0]
  const sign = (x >>> 16) & 0x8000
  const magnitude = x & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  // 0x477ff000 is 65520, half-way between the largest finite half and 65536.
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // Below 2⁻¹⁴ halves are multiples of 2⁻²⁴; that quotient is exact in float64, so one rounding remains.
    return sign | roundTiesToEven(Math.abs(word[0]) * 2 ** 24)
  }
  // Re-bias the exponent (127 − 15 = 112) and round the 13 mantissa bits that go; a carry moves into the exponent.
  const rebiased = magnitude - (112 << 23)
  return sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13)
}

/** The number that half-precision bits stand for; exact. */
export function float16Value(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >>> 10) & 0x1f
  const mantissa = half & 0x3ff
  if (exponent === 0) return sign * mantissa * 2 ** -24
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1024 + mantissa) * 2 ** (exponent - 25)
}

/** {@link float16Bits} of each value. */
export function toFloat16(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length)
  for (let i = 0; i < values.length; i++) halves[i] = float16Bits(values[i])
  return halves
}

/** {@link float16Value} of each half. */
export function fromFloat16(halves: Uint16Array): Float32Array {
  const values = new Float32Array(halves.length)
  for (let i = 0; i < halves.length; i++) values[i] = float16Value(halves[i])
  return values
}

function roundTiesToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}
