/** All compression methods, by the name that pipeline files give them. */
import { DataError } from '../errors.js'
import { decodeModel, encodeModel } from '../onnx/model.js'
import { filter } from './filter.js'
import { float16 } from './float16.js'
import { int4 } from './int4.js'
import { int8Aware } from './int8-aware.js'
import { int8Dynamic } from './int8-dynamic.js'
import { int8Static } from './int8-static.js'
import { kernelNodes } from './kernels.js'
import { magnitude } from './magnitude.js'
import type { Activations, CompressionMethod } from './method.js'
import { random } from './random.js'

export const methods = {
  magnitude,
  random,
  filter,
  float16,
  'int8-dynamic': int8Dynamic,
  'int8-static': int8Static,
  'int8-aware': int8Aware,
  int4,
}

export type MethodName = keyof typeof methods
export type MethodOptions<Name extends MethodName> =
  (typeof methods)[Name] extends CompressionMethod<infer Options> ? Options : never

export interface Compressed {
  /** The compressed model's file. */
  readonly bytes: Uint8Array
  /** Sentences worth telling the user, such as weights that had to be clamped. */
  readonly notes: readonly string[]
}

/**
 * Compresses an ONNX model. Same model, options and activations, same bytes.
 *
 * @param activations runs a calibration sample; only `int8-static` needs it
 * @throws DataError when the bytes are no model that can be compressed (see {@link decodeModel})
 * @throws ConfigError when the options do not fit the method
 */
export async function compress<Name extends MethodName>(
  bytes: Uint8Array,
  name: Name,
  options: MethodOptions<Name>,
  activations?: Activations,
): Promise<Compressed> {
  const model = decodeModel(bytes)
  if (kernelNodes(model.graph).length === 0) {
    throw new DataError('the model has no convolution or dense layer with a constant kernel to compress')
  }
  const method = methods[name] as CompressionMethod<MethodOptions<Name>>
  const notes = await method.compress(model, options, activations)
  return { bytes: encodeModel(model), notes }
}
