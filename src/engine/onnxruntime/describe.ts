/** What a classifier or a backbone from elsewhere takes and gives, as its file and a first pass of zeros tell. */
import { type InferenceSession, Tensor } from 'onnxruntime-node'
import { DataError } from '../../errors.js'
import type { InputShape } from '../../model/architecture.js'
import {
  endsInSigmoid,
  type ForeignBackbone,
  type ForeignInput,
  type ForeignModel,
  finalSoftmax,
  type InputType,
  inputTypes,
} from '../../onnx/adapt.js'
import type { Model } from '../../onnx/model.js'
import type { BackboneConfig, ModelsConfig } from '../../pipeline/config.js'
import { createSession } from './predictor.js'

export type Wanted = Pick<ModelsConfig, 'layout' | 'output' | 'form'>

/** What the data set gives, and how many classes it has. */
export interface Given {
  readonly input: InputShape
  readonly classes: number
}

/** Where in the pipeline file the model is described, for errors. */
type Section = 'population.models' | 'model.backbone'

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
  const { input, results } = await tryOn(bytes, wanted, given.input, 'population.models', file)
  const output = outputOf(results, wanted, given.classes, input.batch ?? 1, file)
  return { ...input, output, form: formOf(model, output, results[output]!, wanted, file) }
}

/**
 * Finds out what is not configured.
 *
 * @param bytes of a backbone that is one file
 * @throws DataError where it cannot take what the data set gives, gives no features, or leaves open what has to be known
 */
export async function describeBackbone(
  bytes: Uint8Array,
  wanted: Pick<BackboneConfig, 'layout' | 'output' | 'pool'>,
  given: InputShape,
  file: string,
): Promise<ForeignBackbone> {
  const { input, results } = await tryOn(bytes, wanted, given, 'model.backbone', file)
  const output = featuresOutputOf(results, wanted.output, input.batch ?? 1, file)
  return { ...input, output, ...poolOf(output, results[output]!, wanted.pool, input.layout, file) }
}

/** What the model takes, and what it makes of zeros. */
async function tryOn(
  bytes: Uint8Array,
  wanted: Pick<Wanted, 'layout'>,
  given: InputShape,
  section: Section,
  file: string,
): Promise<{ input: ForeignInput; results: Results }> {
  const session = await createSession(bytes, { threads: 1, file })
  try {
    const { name, type, shape } = inputOf(session, file)
    const layout = layoutOf(shape, wanted, given, section, file)
    const [first] = shape
    const batch = typeof first === 'number' && first > 0 ? first : undefined
    const results = await runOnZeros(session, name, type, [batch ?? 1, ...sizesOf(given, layout)], file)
    return { input: { input: name, type, layout, batch }, results }
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
  { layout: wanted }: Pick<Wanted, 'layout'>,
  input: InputShape,
  section: Section,
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
      key: `${section}.layout`,
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
const outputKey = 'population.models.output'

/** Every output with its shape. */
function shapesOf(results: Results): string {
  return Object.entries(results)
    .map(
      ([name, tensor]) =>
        `${name} ${tensor.dims === undefined ? '(no tensor)' : `[${tensor.dims.join(', ')}]`}`,
    )
    .join(', ')
}

function outputOf(
  results: Results,
  { output: wanted }: Wanted,
  classes: number,
  batch: number,
  file: string,
): string {
  const shapes = shapesOf(results)
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
      { file, key: outputKey, mend: `It gives ${shapes}.` },
    )
  }
  if (fits.length === 1) return fits[0]![0]
  if (fits.length > 1) {
    throw new DataError(
      `has several outputs of ${classes} values: ${fits.map(([name]) => name).join(', ')}`,
      {
        file,
        key: outputKey,
        mend: 'Name the one that classifies.',
      },
    )
  }
  throw new DataError(`the data set has ${classes} classes, and it gives ${shapes} for a batch of ${batch}`, {
    file,
    mend: 'Use models of these classes, one value each; from scikit-learn export with zipmap=False.',
  })
}

/** The output wanted, else the only one of numbers, else the only one that is a row an example. */
function featuresOutputOf(results: Results, wanted: string | undefined, batch: number, file: string): string {
  const key = 'model.backbone.output'
  const fits = Object.entries(results).filter(
    ([, { type, dims }]) => floats.has(type) && dims[0] === batch && dims.length >= 2,
  )
  const shapes = shapesOf(results)
  if (wanted !== undefined) {
    if (fits.some(([name]) => name === wanted)) return wanted
    const message =
      wanted in results
        ? `its output "${wanted}" holds no features of each example`
        : `has no output "${wanted}"`
    throw new DataError(message, { file, key, mend: `It gives ${shapes} for a batch of ${batch}.` })
  }
  const rows = fits.filter(([, { dims }]) => dims.length === 2)
  const [only, ...others] = fits.length === 1 ? fits : rows
  if (only !== undefined && others.length === 0) return only[0]
  throw new DataError(
    fits.length === 0
      ? `gives no features: ${shapes} for a batch of ${batch}`
      : `has several outputs that may be features: ${shapes}`,
    {
      file,
      ...(fits.length > 0 && { key }),
      mend:
        fits.length > 0 ? 'Name the one to learn from.' : 'Export the model with its features as an output.',
    },
  )
}

/** How one row an example is made of the output, and how long it is. */
function poolOf(
  output: string,
  { dims }: Tensor,
  wanted: BackboneConfig['pool'],
  layout: ForeignInput['layout'],
  file: string,
): Pick<ForeignBackbone, 'pool' | 'size'> {
  const [, ...sizes] = dims
  const shown = `"${output}" gives [${['N', ...sizes].join(', ')}]`
  if (sizes.length === 2) {
    if (wanted === undefined) {
      throw new DataError(`${shown}, features of each of ${sizes[0]} tokens`, {
        file,
        key: 'model.backbone.pool',
        mend: 'Set it to first (the class token of most vision transformers) or mean.',
      })
    }
    return { pool: wanted === 'first' ? 'first' : { meanOver: [1] }, size: sizes[1]! }
  }
  if (wanted !== undefined) {
    throw new DataError(`${shown}, which has no tokens to choose from`, {
      file,
      key: 'model.backbone.pool',
      mend: 'Leave it out.',
    })
  }
  if (sizes.length === 1) return { pool: 'flatten', size: sizes[0]! }
  const channelsLast = layout === 'nhwc'
  if (sizes.length === 3) {
    return { pool: { meanOver: channelsLast ? [1, 2] : [2, 3] }, size: sizes[channelsLast ? 2 : 0]! }
  }
  throw new DataError(`${shown}, which is no row of features, no map of them and no list of tokens`, {
    file,
    mend: 'Export the model with features [N, size].',
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
      key: 'population.models.form',
      mend: 'Export what goes into the sigmoid, or set it to probabilities to take them as they are, in proportion.',
    })
  }
  return isDistribution(result) ? 'probabilities' : 'logits'
}
