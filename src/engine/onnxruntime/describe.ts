/** What a classifier from elsewhere takes and gives, as its file and a first pass of zeros tell. */
import { type InferenceSession, Tensor } from 'onnxruntime-node'
import { DataError } from '../../errors.js'
import type { InputShape } from '../../model/architecture.js'
import {
  endsInSigmoid,
  type ForeignModel,
  finalSoftmax,
  type InputType,
  inputTypes,
} from '../../onnx/adapt.js'
import type { Model } from '../../onnx/model.js'
import type { ModelsConfig } from '../../pipeline/config.js'
import { createSession } from './predictor.js'

export type Wanted = Pick<ModelsConfig, 'layout' | 'output' | 'form'>

/** What the data set gives, and how many classes it has. */
export interface Given {
  readonly input: InputShape
  readonly classes: number
}

const key = (name: string) => `population.models.${name}`

/**
 * Finds out what is not configured.
 *
 * @param bytes of a model that is one file
 * @throws DataError where the model cannot take what the data set gives, does not give a value for each class, or
 * leaves open what has to be known
 */
export async function describeModel(
  bytes: Uint8Array,
  model: Model,
  wanted: Wanted,
  given: Given,
  file: string,
): Promise<ForeignModel> {
  const session = await createSession(bytes, { threads: 1, file })
  try {
    const { name, type, shape } = inputOf(session, file)
    const layout = layoutOf(shape, wanted, given.input, file)
    const [first] = shape
    const batch = typeof first === 'number' && first > 0 ? first : undefined
    const results = await runOnZeros(session, name, type, [batch ?? 1, ...sizesOf(given.input, layout)], file)
    const output = outputOf(results, wanted, given.classes, batch ?? 1, file)
    return {
      input: name,
      type,
      layout,
      batch,
      output,
      form: formOf(model, output, results[output]!, wanted, file),
    }
  } finally {
    await session.release()
  }
}

interface FoundInput {
  readonly name: string
  readonly type: InputType
  /** Names stand for sizes that are open. */
  readonly shape: readonly (number | string)[]
}

function inputOf(session: InferenceSession, file: string): FoundInput {
  const inputs = session.inputMetadata
  if (inputs.length !== 1) {
    throw new DataError(`has ${inputs.length} inputs: ${inputs.map(({ name }) => name).join(', ')}`, {
      file,
      mend: 'Export the model with the picture (or the features) as its only input.',
    })
  }
  const [found] = inputs
  if (!found.isTensor || !(found.type in inputTypes)) {
    throw new DataError(`takes ${found.isTensor ? found.type : 'no tensor'} as its input "${found.name}"`, {
      file,
      mend: `Export it with an input of ${Object.keys(inputTypes).join(', ')}.`,
    })
  }
  return { name: found.name, type: found.type as InputType, shape: found.shape }
}

/** Sizes of one example as the model takes it. */
function sizesOf(input: InputShape, layout: ForeignModel['layout']): number[] {
  if (input.kind === 'features') return [input.features]
  const { height, width, channels } = input
  return layout === 'nhwc' ? [height, width, channels] : [channels, height, width]
}

function layoutOf(
  [, ...sizes]: readonly (number | string)[],
  { layout: wanted }: Wanted,
  input: InputShape,
  file: string,
): ForeignModel['layout'] {
  const fits = (layout: ForeignModel['layout']) => {
    const own = sizesOf(input, layout)
    return (
      own.length === sizes.length && own.every((size, i) => typeof sizes[i] !== 'number' || size === sizes[i])
    )
  }
  const shown = `[${['N', ...sizes.map(size => (typeof size === 'number' ? size : '?'))].join(', ')}]`
  if (input.kind === 'features') {
    if (fits('features')) return 'features'
    throw new DataError(`takes ${shown}, and an example has ${input.features} features`, {
      file,
      mend: 'Name the columns that the model learned from in `dataset.features`, in their order.',
    })
  }
  const layouts = (['nchw', 'nhwc'] as const).filter(layout => fits(layout))
  const { height, width, channels } = input
  if (wanted === undefined ? layouts.length === 0 : !layouts.includes(wanted)) {
    throw new DataError(
      `takes ${shown}${wanted === undefined ? '' : ` (${wanted})`}, and the pictures are ${height} × ${width} with ${channels} ${channels === 1 ? 'channel' : 'channels'}`,
      { file, mend: mendOfSize(sizes) },
    )
  }
  if (wanted !== undefined) return wanted
  if (layouts.length > 1) {
    throw new DataError(`takes ${shown}, which does not say where the channels are`, {
      file,
      key: key('layout'),
      mend: 'Set it to nchw (PyTorch) or nhwc (TensorFlow, Keras).',
    })
  }
  return layouts[0]!
}

/** The settings of the data set that would fit the model, where its shape tells them. */
function mendOfSize(sizes: readonly (number | string)[]): string {
  if (sizes.length === 3) {
    const isChannel = (size: number | string | undefined) => size === 1 || size === 3
    const channelsFirst = isChannel(sizes[0])
    const channels = channelsFirst ? sizes[0] : sizes[2]
    const [height, width] = channelsFirst ? sizes.slice(1) : sizes
    if (isChannel(channels) && typeof height === 'number' && height === width) {
      return `Set dataset.size to ${height} and dataset.channels to ${channels}.`
    }
  }
  return 'Export the model with an input [N, channels, height, width] or [N, height, width, channels].'
}

type Results = Readonly<Record<string, Tensor>>

async function runOnZeros(
  session: InferenceSession,
  name: string,
  type: InputType,
  dims: readonly number[],
  file: string,
): Promise<Results> {
  const length = dims.reduce((product, size) => product * size, 1)
  const arrays = {
    float32: () => new Float32Array(length),
    float64: () => new Float64Array(length),
    float16: () => new Uint16Array(length),
    uint8: () => new Uint8Array(length),
  }
  try {
    return await session.run({ [name]: new Tensor(type, arrays[type]() as Float32Array, dims) })
  } catch (cause) {
    throw new DataError(`ONNX Runtime does not run it: ${cause instanceof Error ? cause.message : cause}`, {
      file,
      cause,
    })
  }
}

const floats = new Set(['float32', 'float16', 'float64'])

function outputOf(
  results: Results,
  { output: wanted }: Wanted,
  classes: number,
  batch: number,
  file: string,
): string {
  const shapes = Object.entries(results)
    .map(
      ([name, tensor]) =>
        `${name} ${tensor.dims === undefined ? '(no tensor)' : `[${tensor.dims.join(', ')}]`}`,
    )
    .join(', ')
  const fits = Object.entries(results).filter(
    ([, tensor]) =>
      floats.has(tensor.type) && tensor.dims[0] === batch && tensor.data.length === batch * classes,
  )
  if (wanted !== undefined) {
    if (fits.some(([name]) => name === wanted)) return wanted
    throw new DataError(
      wanted in results
        ? `its output "${wanted}" has no value for each of ${classes} classes`
        : `has no output "${wanted}"`,
      { file, key: key('output'), mend: `It gives ${shapes}.` },
    )
  }
  if (fits.length === 1) return fits[0]![0]
  if (fits.length > 1) {
    throw new DataError(
      `has several outputs of ${classes} values: ${fits.map(([name]) => name).join(', ')}`,
      {
        file,
        key: key('output'),
        mend: 'Name the one that classifies.',
      },
    )
  }
  throw new DataError(`the data set has ${classes} classes, and it gives ${shapes} for a batch of ${batch}`, {
    file,
    mend: 'Use models of these classes, one value each; from scikit-learn export with zipmap=False.',
  })
}

/** Values of a softmax over some classes for the first example: none negative, 1 in all. */
function isDistribution(tensor: Tensor): boolean {
  if (tensor.type !== 'float32') return false
  const row = (tensor.data as Float32Array).subarray(0, tensor.data.length / tensor.dims[0]!)
  const sum = row.reduce((total, value) => total + value, 0)
  return Math.abs(sum - 1) < 1e-3 && row.every(value => value >= 0 && value <= 1)
}

function formOf(
  model: Model,
  output: string,
  result: Tensor,
  { form }: Wanted,
  file: string,
): ForeignModel['form'] {
  if (finalSoftmax(model, output) !== undefined) return 'logits'
  if (form !== undefined) return form
  if (endsInSigmoid(model, output)) {
    throw new DataError('ends in a sigmoid for each class: its values are no distribution over the classes', {
      file,
      key: key('form'),
      mend: 'Export what goes into the sigmoid, or set it to probabilities to take them as they are, in proportion.',
    })
  }
  return isDistribution(result) ? 'probabilities' : 'logits'
}
