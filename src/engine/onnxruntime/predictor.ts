/**
 * Logits from a member's ONNX file, as a function of each example alone: neither the examples beside it nor the
 * number of workers change a bit of them. To that end every call of the runtime sees a batch of the same size,
 * the last one filled up with zeros, and models that quantize activations on the fly (whose range is that of the
 * whole batch) see one example at a time.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { DataError } from '../../errors.js'
import { decodeModel } from '../../onnx/model.js'

export interface PredictorOptions {
  /** Threads inside one operator. */
  readonly threads: number
}

/** Bytes [examples, height, width, channels] for images, floats [examples, features] otherwise. */
export type PredictorInputs = Uint8Array | Float32Array

export interface Predictor {
  /** Elements of one example's input. */
  readonly inputLength: number
  /** Logits of one example. */
  readonly classes: number
  /**
   * @param inputs whole examples, any number of them
   * @returns logits, [examples, classes]
   */
  predict(inputs: PredictorInputs): Promise<Float32Array>
  /**
   * Named inner tensors for the same examples, batch by batch: what calibration looks at. Only for predictors
   * made by {@link createObserver}.
   */
  dispose(): Promise<void>
}
