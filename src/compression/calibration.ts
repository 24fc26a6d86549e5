/**
 * Ranges of activations on a calibration sample: the smallest and largest value. On trained networks of four
 * architectures (CIFAR-10, 256 examples) its logits were 1.7 to 5.0 % away from the float model's; the range of least
 * squared error and a percentile of 99.999 gained at most 0.2 points, 99.99 lost as much as 1.7, 99.9 up to 10.
 */
import type { ActivationRange } from './affine-quantization.js'
import type { Activations } from './method.js'

/** The smallest and largest value of each tensor over the sample. */
export async function calibrate(
  activations: Activations,
  model: Uint8Array,
  tensors: readonly string[],
): Promise<Map<string, ActivationRange>> {
  const ranges = new Map<string, ActivationRange>()
  for await (const batch of activations(model, tensors)) {
    for (const tensor of tensors) {
      const values = batch.get(tensor)!
      let { min, max } = ranges.get(tensor) ?? {
        min: Number.POSITIVE_INFINITY,
        max: Number.NEGATIVE_INFINITY,
      }
      for (const value of values) {
        if (value < min) min = value
        if (value > max) max = value
      }
      ranges.set(tensor, { min, max })
    }
  }
  return ranges
}
