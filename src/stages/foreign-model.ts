/** Model files from elsewhere: read as one, and what they expect of a pixel. */
import { readFileSync, realpathSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, resolve, sep } from 'node:path'
import { DataError } from '../errors.js'
import type { InputType, Preprocessing } from '../onnx/adapt.js'
import { inlineExternalData } from '../onnx/external-data.js'
import type { PreprocessConfig, preprocessPresets } from '../pipeline/config.js'

/**
 * The model as one file: weights that lie beside it are taken in.
 * @throws DataError if they lie elsewhere or cannot be read
 */
export async function readWholeModel(file: string): Promise<Uint8Array> {
  return inlineExternalData(await readFile(file), location => readBeside(file, location), file)
}

/** @throws DataError if the location leaves the folder of the model, by its name or by a link */
function readBeside(file: string, location: string): Uint8Array {
  const folder = dirname(file)
  const isInside = (path: string, root: string) => path.startsWith(root + sep)
  const path = resolve(folder, location)
  try {
    if (isInside(path, resolve(folder)) && isInside(realpathSync(path), realpathSync(folder))) {
      if (!statSync(path).isFile()) throw new Error('it is no file')
      return readFileSync(path)
    }
  } catch (cause) {
    throw new DataError(`keeps weights in "${location}", which cannot be read`, {
      file,
      mend: 'Put that file beside the model, or save the model as one file.',
      cause,
    })
  }
  throw new DataError(
    `keeps weights in "${location}", outside its folder: a model file must not reach other files`,
    {
      file,
      mend: 'Save the model as one file (onnx.save with save_as_external_data=False), or its weights beside it.',
    },
  )
}

const unit: Preprocessing = { scale: 1, mean: [], deviation: [], order: 'rgb' }
export const presets: Readonly<Record<(typeof preprocessPresets)[number], Preprocessing>> = {
  unit,
  bytes: { ...unit, scale: 255 },
  // (x / 127.5) − 1, as Keras' MobileNet and Inception take it.
  signed: { ...unit, mean: [0.5], deviation: [0.5] },
  // torchvision.transforms.Normalize of its ImageNet weights.
  imagenet: { ...unit, mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] },
  // Keras' ResNet and VGG, after Caffe.
  caffe: { scale: 255, mean: [103.939, 116.779, 123.68], deviation: [], order: 'bgr' },
}

export function preprocessingOf(config: PreprocessConfig): Preprocessing {
  return typeof config === 'string' ? presets[config] : config
}

/**
 * The preprocessing as a model with an input of this type takes it.
 * @param key where it stands in the pipeline file, for errors
 * @throws DataError if it is of other channels, or of bytes that are not to be changed
 */
export function preprocessingFor(
  preprocessing: Preprocessing,
  { type, channels }: { readonly type: InputType; readonly channels: number },
  file: string,
  key: string,
): Preprocessing {
  const { mean, deviation } = preprocessing
  const wrong = [mean, deviation].find(({ length }) => ![0, 1, channels].includes(length))
  if (wrong !== undefined) {
    throw new DataError(
      `has ${wrong.length} values for ${channels} ${channels === 1 ? 'channel' : 'channels'}`,
      {
        key,
        mend: 'Give one for each channel, or one for all; or set dataset.channels to what the models take.',
      },
    )
  }
  if (type !== 'uint8') return preprocessing
  if (preprocessing !== unit && preprocessing !== presets.bytes) {
    throw new DataError('takes bytes, which no mean is taken off', {
      file,
      key,
      mend: 'Leave it out: models with an input of uint8 preprocess it themselves.',
    })
  }
  return presets.bytes
}
