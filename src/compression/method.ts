/** What a compression method is: ONNX in, ONNX out. */
import type { Model } from '../onnx/model.js'

/**
 * Float activations of a calibration sample, batch by batch: the callback runs `model` on the sample and gives
 * the elements of each named tensor. May be called more than once and must give the same batches each time.
 */
export type Activations = (
  model: Uint8Array,
  tensors: readonly string[],
) => AsyncIterable<ReadonlyMap<string, Float32Array>>

export interface CompressionMethod<Options> {
  /**
   * Rewrites `model` in place.
   *
   * @param activations needed by methods that calibrate
   * @returns sentences worth telling the user, such as weights that had to be clamped
   */
  compress(model: Model, options: Options, activations: Activations | undefined): Promise<string[]>
}
