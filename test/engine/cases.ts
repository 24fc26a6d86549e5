/** Small training problems, one for every layer and option, from which each suite of this folder starts. */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type {
  Distillation,
  OptimizerOptions,
  StepInputs,
  TrainerOptions,
  TrainingData,
  TrainingState,
} from '../../src/engine/engine.js'
import type { Architecture, InputShape, Layer, WeightSpec } from '../../src/model/architecture.js'
import { withFakeQuantization } from '../../src/model/fake-quantization.js'
import { elements, inputShapeOf } from '../../src/model/shapes.js'
import { weightSpecs } from '../../src/model/weights.js'

export interface TrainingCase {
  readonly name: string
  readonly layers: readonly Layer[]
  readonly input?: InputShape
  readonly optimizer?: Partial<OptimizerOptions>
  readonly labelSmoothing?: number
  readonly exampleWeights?: boolean
  readonly distillation?: Distillation
  readonly maxShift?: number
  readonly flips?: boolean
  /** Share of each of these kernels that a mask sets to zero. */
  readonly masked?: Readonly<Record<string, number>>
  readonly learningRate?: number
}

/** Everything that creating and running a trainer takes. */
export interface Problem {
  readonly architecture: Architecture
  readonly data: TrainingData
  readonly options: TrainerOptions
  readonly initial: TrainingState
  readonly inputs: StepInputs
  readonly masks: ReadonlyMap<string, Float32Array>
}

export const classes = 3
export const batchSize = 4
const examples = 10
const oddPicture: InputShape = { kind: 'image', height: 7, width: 6, channels: 2 }

const conv = (
  name: string,
  filters: number,
  rest: Partial<Extract<Layer, { kind: 'conv2d' }>> = {},
): Layer => ({
  kind: 'conv2d',
  name,
  filters,
  kernel: 3,
  stride: 1,
  padding: 'same',
  bias: true,
  ...rest,
})
const dense = (name: string, units: number, bias = true): Layer => ({ kind: 'dense', name, units, bias })
const norm = (name: string, scale = true): Layer => ({
  kind: 'batchNorm',
  name,
  momentum: 0.9,
  epsilon: 1e-3,
  scale,
})
const relu: Layer = { kind: 'activation', function: 'relu' }
const gelu: Layer = { kind: 'activation', function: 'gelu' }
const averagePool: Layer = { kind: 'globalAveragePool' }
const flatten: Layer = { kind: 'flatten' }
const maxPool = (size: number, stride: number, padding: number): Layer => ({
  kind: 'maxPool',
  size,
  stride,
  padding,
})
const residual = (body: Layer[], shortcut: Layer[] = []): Layer => ({ kind: 'residual', body, shortcut })
const image = (height: number, width: number, channels: number): InputShape => ({
  kind: 'image',
  height,
  width,
  channels,
})
const features: InputShape = { kind: 'features', features: 5 }

const mlp = [flatten, dense('hidden', 6), relu, dense('output', classes)]
const cnn = [conv('first', 4), relu, averagePool, dense('output', classes)]

/** One case a layer kind and layer option. */
export const layerCases: readonly TrainingCase[] = [
  {
    name: 'dense on features',
    input: features,
    layers: [dense('hidden', 6), relu, dense('output', classes)],
  },
  {
    name: 'dense without bias',
    input: features,
    layers: [dense('hidden', 6, false), relu, dense('output', classes, false)],
  },
  { name: 'flatten', layers: mlp },
  { name: 'conv2d same', layers: cnn },
  {
    name: 'conv2d of one channel',
    input: image(8, 8, 1),
    layers: [conv('first', 3), relu, conv('second', 4), averagePool, dense('output', classes)],
  },
  {
    name: 'conv2d without bias',
    layers: [conv('first', 4, { bias: false }), relu, averagePool, dense('output', classes)],
  },
  ...[image(7, 6, 2), image(8, 5, 2), image(8, 8, 1)].map(
    (input): TrainingCase => ({
      name: `conv2d stride 2, same, on ${input.kind === 'image' ? `${input.height}×${input.width}` : ''}`,
      input,
      layers: [
        conv('first', 3, { stride: 2 }),
        gelu,
        conv('second', 4, { stride: 2 }),
        gelu,
        averagePool,
        dense('output', classes),
      ],
    }),
  ),
  {
    name: 'conv2d stride 2, numeric padding',
    layers: [
      conv('first', 3, { stride: 2, padding: 1 }),
      gelu,
      conv('second', 4, { stride: 2, padding: 1, bias: false }),
      averagePool,
      dense('output', classes),
    ],
  },
  {
    name: 'conv2d without padding',
    layers: [
      conv('first', 3, { padding: 0 }),
      gelu,
      conv('second', 4, { kernel: 2, stride: 2, padding: 0 }),
      averagePool,
      dense('output', classes),
    ],
  },
  {
    name: 'conv2d with kernels 1, 2 and 5',
    layers: [
      conv('first', 3, { kernel: 5 }),
      gelu,
      conv('second', 4, { kernel: 2 }),
      gelu,
      conv('third', 4, { kernel: 1 }),
      averagePool,
      dense('output', classes),
    ],
  },
  {
    name: 'conv2d with kernel 1 and stride 2',
    layers: [
      conv('first', 3),
      gelu,
      conv('second', 4, { kernel: 1, stride: 2, bias: false }),
      averagePool,
      dense('output', classes),
    ],
  },
  {
    name: 'frozen conv2d',
    layers: [
      conv('whitening', 4, { kernel: 2, padding: 0, trainable: false }),
      gelu,
      conv('second', 4),
      averagePool,
      dense('output', classes),
    ],
  },
  {
    name: 'batchNorm',
    layers: [conv('first', 4, { bias: false }), norm('norm'), relu, averagePool, dense('output', classes)],
  },
  {
    name: 'batchNorm without scale',
    layers: [
      conv('first', 4, { bias: false }),
      norm('norm', false),
      gelu,
      averagePool,
      dense('output', classes),
    ],
  },
  {
    name: 'batchNorm whose shift learns faster',
    layers: [
      conv('first', 4, { bias: false }),
      { kind: 'batchNorm', name: 'norm', momentum: 0.6, epsilon: 1e-5, scale: false, shiftRate: 8 },
      gelu,
      averagePool,
      dense('output', classes),
    ],
    optimizer: { momentum: 0.8, nesterov: true },
    learningRate: 0.03,
  },
  {
    name: 'batchNorm on features',
    input: features,
    layers: [dense('hidden', 6, false), norm('norm'), relu, dense('output', classes)],
  },
  {
    name: 'batchNorm as the first layer',
    layers: [norm('norm'), conv('first', 4), relu, averagePool, dense('output', classes)],
  },
  { name: 'gelu', layers: [conv('first', 4), gelu, averagePool, dense('output', classes)] },
  {
    name: 'maxPool',
    layers: [
      conv('first', 4),
      gelu,
      maxPool(2, 2, 0),
      conv('second', 3),
      averagePool,
      dense('output', classes),
    ],
  },
  {
    name: 'maxPool with padding',
    layers: [
      conv('first', 4),
      gelu,
      maxPool(3, 2, 1),
      conv('second', 3),
      averagePool,
      dense('output', classes),
    ],
  },
  {
    name: 'maxPool, overlapping, of a ReLU',
    layers: [
      conv('first', 4),
      relu,
      maxPool(3, 1, 1),
      conv('second', 3),
      averagePool,
      dense('output', classes),
    ],
  },
  {
    name: 'globalMaxPool',
    layers: [conv('first', 4), gelu, { kind: 'globalMaxPool' }, dense('output', classes)],
  },
  {
    name: 'dropout',
    layers: [
      conv('first', 4),
      relu,
      { kind: 'dropout', rate: 0.25 },
      flatten,
      dense('hidden', 6),
      relu,
      { kind: 'dropout', rate: 0.5 },
      dense('output', classes),
    ],
  },
  { name: 'multiply', layers: [...mlp, { kind: 'multiply', factor: 0.3 }] },
  {
    name: 'residual with identity',
    layers: [
      conv('first', 4),
      residual([norm('norm'), relu, conv('body', 4, { bias: false })]),
      relu,
      averagePool,
      dense('output', classes),
    ],
  },
  {
    name: 'residual with projection',
    layers: [
      conv('first', 3),
      residual(
        [norm('norm1'), relu, conv('body1', 4, { stride: 2 }), norm('norm2'), relu, conv('body2', 4)],
        [conv('project', 4, { kernel: 1, stride: 2, bias: false })],
      ),
      averagePool,
      dense('output', classes),
    ],
  },
  {
    name: 'nested residuals',
    layers: [
      conv('first', 3),
      residual([residual([gelu, conv('inner', 3)]), gelu, conv('outer', 3)]),
      residual([conv('last', 3)], [{ kind: 'dropout', rate: 0.3 }, gelu]),
      averagePool,
      dense('output', classes),
    ],
  },
]

/** Fake quantization, on top of each other architecture's corners; its gradients are none of finite differences. */
export const quantizedCases: readonly TrainingCase[] = [
  {
    name: 'fake quantization of dense layers',
    input: features,
    layers: withQuantization([dense('hidden', 6), relu, dense('output', classes)]),
  },
  {
    name: 'fake quantization of convolutions',
    layers: withQuantization([
      conv('first', 4, { bias: false }),
      norm('norm'),
      relu,
      conv('second', 4, { stride: 2 }),
      gelu,
      averagePool,
      dense('output', classes),
    ]),
    optimizer: { momentum: 0.9, nesterov: true, weightDecay: 0.05 },
    labelSmoothing: 0.1,
  },
  {
    name: 'fake quantization of a frozen layer, residuals, pooling and dropout, masked',
    layers: withQuantization([
      conv('whitening', 4, { kernel: 2, padding: 0, trainable: false }),
      gelu,
      residual([conv('body', 4, { bias: false }), norm('inner'), relu], [conv('project', 4, { kernel: 1 })]),
      relu,
      maxPool(2, 2, 0),
      conv('last', 3),
      { kind: 'globalMaxPool' },
      { kind: 'dropout', rate: 0.25 },
      dense('output', classes),
    ]),
    masked: { 'body/kernel': 0.5 },
  },
]

function withQuantization(layers: readonly Layer[]): readonly Layer[] {
  return withFakeQuantization({ layers } as Architecture, 8).layers
}

/** One case an option of the optimizer, the loss, the augmentation or the masks. */
export const optionCases: readonly TrainingCase[] = [
  { name: 'momentum', layers: cnn, optimizer: { momentum: 0.9 } },
  { name: 'Nesterov', layers: cnn, optimizer: { momentum: 0.9, nesterov: true } },
  { name: 'weight decay', layers: cnn, optimizer: { weightDecay: 0.05 } },
  {
    name: 'momentum with weight decay',
    layers: cnn,
    optimizer: { momentum: 0.9, weightDecay: 0.05 },
  },
  {
    name: 'Nesterov with weight decay',
    layers: layerCases.find(({ name }) => name === 'batchNorm')!.layers,
    optimizer: { momentum: 0.9, nesterov: true, weightDecay: 0.05 },
  },
  { name: 'label smoothing', layers: cnn, labelSmoothing: 0.2 },
  { name: 'example weights', layers: cnn, exampleWeights: true },
  {
    name: 'label smoothing and example weights on features',
    input: features,
    layers: layerCases[0].layers,
    labelSmoothing: 0.1,
    exampleWeights: true,
  },
  { name: 'distillation', layers: cnn, distillation: { temperature: 3, weight: 0.7 } },
  {
    name: 'distillation with label smoothing and example weights',
    layers: cnn,
    distillation: { temperature: 0.5, weight: 0.3 },
    labelSmoothing: 0.1,
    exampleWeights: true,
  },
  { name: 'shifts', layers: mlp, maxShift: 2 },
  { name: 'flips', layers: mlp, flips: true },
  { name: 'shifts and flips', layers: mlp, maxShift: 3, flips: true },
  { name: 'shifts of one channel', input: image(8, 5, 1), layers: cnn, maxShift: 1 },
  { name: 'masks', layers: mlp, masked: { 'hidden/kernel': 0.5, 'output/kernel': 0.2 } },
  {
    name: 'masks on convolutions with everything',
    layers: [
      conv('first', 4, { bias: false }),
      norm('norm'),
      relu,
      conv('second', 4, { stride: 2 }),
      gelu,
      maxPool(2, 2, 1),
      averagePool,
      { kind: 'dropout', rate: 0.2 },
      dense('output', classes),
    ],
    masked: { 'first/kernel': 0.3, 'second/kernel': 0.9, 'output/kernel': 0.3 },
    optimizer: { momentum: 0.9, nesterov: true, weightDecay: 0.05 },
    labelSmoothing: 0.1,
    exampleWeights: true,
    maxShift: 2,
    flips: true,
  },
]

/** Seeded draws: `uniform` in [0, 1), `normal` by Box and Muller, `below` a whole number in [0, n). */
export function seededDraws(seed: number) {
  const generator = xoroshiro128plus(seed)
  const uniform = () => uniformFloat64(generator)
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    below: (n: number) => Math.floor(uniform() * n),
  }
}

/** The problem of a case; the same case, steps and seed give the same problem. */
export function problem(training: TrainingCase, steps: number, seed = 1): Problem {
  const { uniform, normal, below } = seededDraws(seed)
  const input = training.input ?? oddPicture
  const size = elements(inputShapeOf(input))
  const channels = input.kind === 'image' ? input.channels : input.features
  const architecture: Architecture = {
    name: training.name,
    input,
    normalization: {
      mean: Float32Array.from({ length: channels }, () => 0.4 + 0.2 * uniform()),
      deviation: Float32Array.from({ length: channels }, () => 0.2 + 0.2 * uniform()),
    },
    classes,
    layers: training.layers,
  }
  const pixels = { length: examples * size }
  const data: TrainingData = {
    inputs:
      input.kind === 'image'
        ? Uint8Array.from(pixels, () => below(256))
        : Float32Array.from(pixels, () => 0.5 + 0.3 * normal()),
    examples,
    labels: Int32Array.from({ length: examples }, () => below(classes)),
    ...(training.exampleWeights && {
      exampleWeights: Float32Array.from({ length: examples }, (_, index) =>
        index === 0 ? 0 : 2 * uniform(),
      ),
    }),
  }
  const specs = weightSpecs(architecture)
  const initial: TrainingState = {
    weights: specs.map(({ name, shape, role, fanIn }) => ({
      name,
      shape,
      data: Float32Array.from({ length: elements(shape) }, () => start(role, fanIn, normal())),
    })),
    momenta: specs
      .filter(({ trainable }) => trainable)
      .map(({ name, shape }) => ({ name, shape, data: new Float32Array(elements(shape)) })),
  }
  const masks = new Map(
    Object.entries(training.masked ?? {}).map(([name, share]): [string, Float32Array] => {
      const { shape } = specs.find(spec => spec.name === name)!
      return [name, Float32Array.from({ length: elements(shape) }, () => (uniform() < share ? 0 : 1))]
    }),
  )
  const softTargets = new Float32Array(examples * classes)
  if (training.distillation) {
    // One class of the first example is impossible to its teachers.
    const odds = softTargets.map((_, index) => (index === 0 ? 0 : uniform()))
    for (let index = 0; index < odds.length; index++) {
      const from = index - (index % classes)
      const sum = odds.subarray(from, from + classes).reduce((a, b) => a + b)
      softTargets[index] = odds[index] / sum
    }
  }
  const slots = steps * batchSize
  const { maxShift = 0, flips = false } = training
  return {
    architecture,
    data: training.distillation ? { ...data, softTargets } : data,
    options: {
      batchSize,
      labelSmoothing: training.labelSmoothing ?? 0,
      optimizer: { momentum: 0, nesterov: false, weightDecay: 0, ...training.optimizer },
      maxShift,
      flips,
      maskedWeights: [...masks.keys()],
      ...(training.distillation && { distillation: training.distillation }),
    },
    initial,
    inputs: {
      steps,
      examples: Int32Array.from({ length: slots }, () => below(examples)),
      learningRates: Float32Array.from(
        { length: steps },
        (_, step) => (training.learningRate ?? 0.1) * (1 - step / (2 * steps)),
      ),
      ...(maxShift > 0 && {
        shifts: Int32Array.from({ length: 2 * slots }, () => below(2 * maxShift + 1) - maxShift),
      }),
      ...(flips && { flips: Uint8Array.from({ length: slots }, () => below(2)) }),
      dropoutSeed: seed,
    },
    masks,
  }
}

/** A value about which training has something to do: He et al. 2015 for kernels, near 0 or 1 for the others. */
function start(role: WeightSpec['role'], fanIn: number, normal: number): number {
  switch (role) {
    case 'kernel':
      return normal * Math.sqrt(2 / fanIn)
    case 'scale':
      return 1 + 0.1 * normal
    case 'runningMinimum':
    case 'runningMaximum':
      return 0
    case 'runningVariance':
      return 1 + 0.1 * Math.abs(normal)
    default:
      return 0.1 * normal
  }
}
