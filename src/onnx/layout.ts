/** Convolution kernels between this project's order, [height, width, in, out], and ONNX's, [out, in, height, width]. */

/** Calls `visit` with the position of each kernel value in both orders. */
function pairs(shape: readonly number[], visit: (hwio: number, oihw: number) => void): void {
  const [height, width, inputs, outputs] = shape as [number, number, number, number]
  const taps = height * width
  let hwio = 0
  for (let tap = 0; tap < taps; tap++) {
    for (let input = 0; input < inputs; input++) {
      for (let output = 0; output < outputs; output++) visit(hwio++, (output * inputs + input) * taps + tap)
    }
  }
}

/** @param shape [height, width, in, out] */
export function toOihw(kernel: Float32Array, shape: readonly number[]): Float32Array {
  const result = new Float32Array(kernel.length)
  pairs(shape, (hwio, oihw) => {
    result[oihw] = kernel[hwio]!
  })
  return result
}

/** @param shape [height, width, in, out] */
export function fromOihw(kernel: Float32Array, shape: readonly number[]): Float32Array {
  const result = new Float32Array(kernel.length)
  pairs(shape, (hwio, oihw) => {
    result[hwio] = kernel[oihw]!
  })
  return result
}
