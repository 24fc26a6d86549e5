/**
 * The arithmetic of 8-bit affine quantization: real = scale × (integer − zero point) (Jacob et al. 2018,
 * arXiv 1712.05877, eq. 1). Kernels are symmetric signed bytes with a scale for each output channel; activations
 * are unsigned bytes with one scale and zero point a tensor.
 */

import { smallestScale } from '../model/fake-quantization.js'

export interface QuantizedKernel {
  /** −127 to 127, or −8 to 7 where they have four bits, in the kernel's own layout. */
  readonly values: Int8Array
  /** One for each output channel, or each block. */
  readonly scales: Float32Array
}

/**
 * Quantizes each output channel of a kernel to −127 … 127 by its own largest magnitude.
 *
 * @param stride elements between two neighbours along the channel axis
 * @param smallestScales lower bounds on the scales, which keep a bias within 32 bits; see {@link quantizeBias}
 */
export function quantizeKernel(
  weights: Float32Array,
  channels: number,
  stride: number,
  smallestScales?: Float64Array,
): QuantizedKernel {
  const largest = new Float64Array(channels)
  for (let i = 0; i < weights.length; i++) {
    const channel = Math.floor(i / stride) % channels
    largest[channel] = Math.max(largest[channel], Math.abs(weights[i]))
  }
  const scales = Float32Array.from(largest, (magnitude, c) => {
    const scale = Math.max(Math.fround(magnitude / 127), smallestScales?.[c] ?? 0)
    return scale >= smallestScale ? scale : 1
  })
  const values = new Int8Array(weights.length)
  for (let i = 0; i < weights.length; i++) {
    const channel = Math.floor(i / stride) % channels
    values[i] = Math.max(-127, Math.min(127, roundTiesToEven(weights[i] / scales[channel])))
  }
  return { values, scales }
}

/** Quantized biases stay within ±2³⁰, which leaves the accumulator room for the products. */
const largestBias = 2 ** 30

/** The smallest kernel scales with which {@link quantizeBias} stays within its range, for activations of this scale. */
export function smallestKernelScales(bias: Float32Array, activationScale: number): Float64Array {
  return Float64Array.from(bias, value => Math.abs(value) / (activationScale * largestBias))
}

/** A bias as the accumulator holds it: int32 with scale = activation scale × kernel scale, zero point 0. */
export function quantizeBias(
  bias: Float32Array,
  activationScale: number,
  kernelScales: Float32Array,
): { values: Int32Array; scales: Float32Array } {
  const scales = kernelScales.map(scale => activationScale * scale)
  return { values: Int32Array.from(bias, (value, c) => roundTiesToEven(value / scales[c])), scales }
}

export interface ActivationRange {
  readonly min: number
  readonly max: number
}

/**
 * Scale and zero point that map a range, widened to contain 0, to 0 … 255. Zero is represented exactly, so that
 * padding adds nothing.
 */
export function activationParameters({ min, max }: ActivationRange): { scale: number; zeroPoint: number } {
  const low = Math.min(min, 0)
  const high = Math.max(max, 0)
  const scale = Math.fround((high - low) / 255)
  if (!(scale >= smallestScale)) return { scale: 1, zeroPoint: 0 }
  return { scale, zeroPoint: Math.max(0, Math.min(255, roundTiesToEven(-low / scale))) }
}

/** Rounding as ONNX's QuantizeLinear does it. */
export function roundTiesToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}
