/** A backbone from elsewhere in the form in which members are asked: pictures in, a row of features out. */
import { describeBackbone } from '../engine/onnxruntime/describe.js'
import { DataError } from '../errors.js'
import type { InputShape } from '../model/architecture.js'
import { adaptBackbone, type ForeignBackbone, liftConstants } from '../onnx/adapt.js'
import { cutToFeatures } from '../onnx/features.js'
import { decodeModel, encodeModel } from '../onnx/model.js'
import type { BackboneConfig } from '../pipeline/config.js'
import { preprocessingFor, preprocessingOf, readWholeModel } from './foreign-model.js'

export interface Backbone {
  /** Of an ONNX file as a predictor takes it. */
  readonly bytes: Uint8Array
  /** Features of an example. */
  readonly size: number
  /** What it takes and gives, in words. */
  readonly description: string
}

/** @throws DataError if it cannot take what the data set gives, gives no features, or leaves open what has to be known */
export async function openBackbone(config: BackboneConfig, input: InputShape): Promise<Backbone> {
  const file = config.path
  const model = decodeModel(await readWholeModel(file), file)
  if (config.cut) {
    liftConstants(model)
    if (cutToFeatures(model) === undefined) {
      throw new DataError('has no dense layer before which it could be cut', {
        file,
        key: 'model.backbone.cut',
        mend: 'Leave it out, and name the output that holds features.',
      })
    }
  }
  const found = await describeBackbone(encodeModel(model), config, input, file)
  const shape = input.kind === 'image' ? [input.channels, input.height, input.width] : [input.features]
  const taken = { type: found.type, channels: shape[0]! }
  const preprocessing = preprocessingFor(
    preprocessingOf(config.preprocess),
    taken,
    file,
    'model.backbone.preprocess',
  )
  adaptBackbone(model, found, { shape, preprocessing })
  return { bytes: encodeModel(model), size: found.size, description: describe(found, config) }
}

function describe(
  { input, type, layout, batch, output, pool, size }: ForeignBackbone,
  { preprocess }: BackboneConfig,
): string {
  const taken =
    type === 'uint8'
      ? 'bytes'
      : `preprocessing ${typeof preprocess === 'string' ? preprocess : 'as configured'}`
  const how = pool === 'flatten' ? '' : pool === 'first' ? ', of the first token' : ', averaged'
  return [
    `takes ${type} ${layout} as "${input}"`,
    batch === undefined ? 'any batch' : `batches of ${batch}`,
    taken,
    `gives ${size} features as "${output}"${how}`,
  ].join(', ')
}
