/** Training by TensorFlow.js: one tape, one update and one tidy scope a step. */
import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs'
import type { Architecture, Layer, Weight, WeightRole, WeightSpec } from '../../model/architecture.js'
import { weightSpecs } from '../../model/weights.js'
import { augment } from '../augmentation.js'
import { dropoutMask } from '../dropout.js'
import type { StepInputs, Trainer, TrainerOptions, TrainingData, TrainingState } from '../engine.js'
import { validateMasks, validateSteps, validateTraining } from '../validation.js'
import { crossEntropy, forward, normalize, type Tensorflow } from './network.js'

export function createTfjsTrainer(
  tf: Tensorflow,
  architecture: Architecture,
  data: TrainingData,
  options: TrainerOptions,
  initial: TrainingState,
): Trainer {
  validateTraining(architecture, data, options, initial)
  return new TfjsTrainer(tf, architecture, data, options, initial)
}

/** One array of the network with what the optimizer knows about it. */
interface Parameter {
  readonly spec: WeightSpec
  readonly value: Variable
  /** Null for what is not trained: frozen kernels and running statistics. */
  readonly momentum: Variable | null
  /** Null where no mask is set. */
  mask: Tensor | null
}

class TfjsTrainer implements Trainer {
  private readonly parameters: readonly Parameter[]
  private readonly byName: ReadonlyMap<string, Parameter>
  private readonly byLayer = new Map<Layer, Map<WeightRole, Parameter>>()

  constructor(
    private readonly tf: Tensorflow,
    private readonly architecture: Architecture,
    private readonly data: TrainingData,
    private readonly options: TrainerOptions,
    initial: TrainingState,
  ) {
    const weights = new Map(initial.weights.map(weight => [weight.name, weight]))
    const momenta = new Map(initial.momenta.map(momentum => [momentum.name, momentum]))
    this.parameters = weightSpecs(architecture).map(spec => ({
      spec,
      value: this.variable(spec, weights.get(spec.name)!.data),
      momentum: spec.trainable ? this.variable(spec, momenta.get(spec.name)?.data) : null,
      mask: null,
    }))
    this.byName = new Map(this.parameters.map(parameter => [parameter.spec.name, parameter]))
    for (const parameter of this.parameters) {
      const { layer, role } = parameter.spec
      const roles = this.byLayer.get(layer) ?? new Map<WeightRole, Parameter>()
      this.byLayer.set(layer, roles.set(role, parameter))
    }
  }

  async run(inputs: StepInputs): Promise<Float32Array> {
    validateSteps(this.data, this.options, inputs)
    const losses = Array.from({ length: inputs.steps }, (_, step) =>
      this.tf.tidy(() => this.step(inputs, step)),
    )
    const values = await Promise.all(losses.map(loss => loss.data()))
    this.tf.dispose(losses)
    return Float32Array.from(values, value => value[0])
  }

  async setMasks(masks: ReadonlyMap<string, Float32Array>): Promise<void> {
    validateMasks(this.architecture, this.options, masks)
    for (const [name, mask] of masks) {
      const parameter = this.byName.get(name)!
      parameter.mask?.dispose()
      // A copy: a tensor may keep the caller's array.
      parameter.mask = this.tf.tensor(mask.slice(), [...parameter.spec.shape])
    }
  }

  async state(): Promise<TrainingState> {
    const weight = async ({ name, shape }: WeightSpec, value: Variable): Promise<Weight> => {
      const data = (await value.data()) as Float32Array
      return { name, shape, data: data.slice() }
    }
    return {
      weights: await Promise.all(this.parameters.map(({ spec, value }) => weight(spec, value))),
      momenta: await Promise.all(
        this.parameters.flatMap(({ spec, momentum }) => (momentum ? [weight(spec, momentum)] : [])),
      ),
    }
  }

  async dispose(): Promise<void> {
    for (const { value, momentum, mask } of this.parameters) {
      value.dispose()
      momentum?.dispose()
      mask?.dispose()
    }
  }

  private variable(spec: WeightSpec, data: Float32Array | undefined): Variable {
    const { tf } = this
    const shape = [...spec.shape]
    return tf.tidy(() => tf.variable(data ? tf.tensor(data.slice(), shape) : tf.zeros(shape)))
  }

  private step(inputs: StepInputs, step: number): Scalar {
    const { tf } = this
    const targets = this.targets(inputs, step)
    const trained = this.parameters.filter(({ momentum }) => momentum !== null)
    const { value, grads } = tf.variableGrads(
      () => crossEntropy(tf, this.logits(inputs, step), targets) as Scalar,
      trained.map(parameter => parameter.value),
    )
    for (const parameter of trained) {
      this.descend(parameter, grads[parameter.value.name], inputs.learningRates[step])
    }
    return value
  }

  private logits(inputs: StepInputs, step: number): Tensor {
    const { tf } = this
    const { input, normalization, layers } = this.architecture
    let dropoutLayers = 0
    return forward(tf, layers, normalize(tf, this.batch(inputs, step), input, normalization), {
      weight: (layer, role) => {
        const { value, mask } = this.parameter(layer, role)
        return mask ? tf.mul(value, mask) : value
      },
      observe: (layer, mean, variance) => {
        this.average(this.parameter(layer, 'runningMean').value, mean, layer.momentum)
        this.average(this.parameter(layer, 'runningVariance').value, variance, layer.momentum)
      },
      dropoutMask: (length, rate) => dropoutMask(inputs.dropoutSeed, step, dropoutLayers++, length, rate),
    })
  }

  private parameter(layer: Layer, role: WeightRole): Parameter {
    return this.byLayer.get(layer)!.get(role)!
  }

  /** The step's examples, gathered and augmented: floats 0 to 255 for images. */
  private batch(inputs: StepInputs, step: number): Tensor {
    const { input } = this.architecture
    const { batchSize } = this.options
    const size = this.data.inputs.length / this.data.examples
    const batch = new Float32Array(batchSize * size)
    for (let index = 0; index < batchSize; index++) {
      const position = step * batchSize + index
      const from = inputs.examples[position] * size
      const example = this.data.inputs.subarray(from, from + size)
      const out = batch.subarray(index * size, (index + 1) * size)
      if (input.kind === 'image' && example instanceof Uint8Array) {
        const down = inputs.shifts?.[2 * position] ?? 0
        const right = inputs.shifts?.[2 * position + 1] ?? 0
        const flip = inputs.flips?.[position] === 1
        augment(example, input.height, input.width, input.channels, down, right, flip, out)
      } else out.set(example)
    }
    const shape = input.kind === 'image' ? [input.height, input.width, input.channels] : [input.features]
    return this.tf.tensor(batch, [batchSize, ...shape])
  }

  /** Smoothed one-hot targets times example weight / batch size, [batch, classes]. */
  private targets(inputs: StepInputs, step: number): Tensor {
    const { classes } = this.architecture
    const { batchSize, labelSmoothing } = this.options
    const targets = new Float32Array(batchSize * classes)
    for (let index = 0; index < batchSize; index++) {
      const example = inputs.examples[step * batchSize + index]
      const share = (this.data.exampleWeights?.[example] ?? 1) / batchSize
      targets.fill((share * labelSmoothing) / classes, index * classes, (index + 1) * classes)
      targets[index * classes + this.data.labels[example]] += share * (1 - labelSmoothing)
    }
    return this.tf.tensor(targets, [batchSize, classes])
  }

  /** One step of SGD on one array: m ← μm + g, then w ← w − ηm, or w ← w − η(g + μm) with Nesterov. */
  private descend({ spec, value, momentum, mask }: Parameter, lossGradient: Tensor, rate: number): void {
    const { tf } = this
    const { momentum: decay, nesterov, weightDecay } = this.options.optimizer
    let gradient = lossGradient
    if (spec.role === 'kernel' && weightDecay > 0) {
      const regularizer = tf.mul(value, weightDecay)
      gradient = tf.add(gradient, mask ? tf.mul(regularizer, mask) : regularizer)
    }
    const buffer = tf.add(tf.mul(momentum!, decay), gradient)
    const direction = nesterov ? tf.add(gradient, tf.mul(buffer, decay)) : buffer
    momentum!.assign(buffer)
    const { layer, role } = spec
    const factor = layer.kind === 'batchNorm' && role === 'shift' ? (layer.shiftRate ?? 1) : 1
    value.assign(tf.sub(value, tf.mul(direction, factor * rate)))
  }

  /** running ← running × momentum + batch × (1 − momentum), as ONNX's BatchNormalization in training mode. */
  private average(running: Variable, batch: Tensor, momentum: number): void {
    const { tf } = this
    running.assign(tf.add(tf.mul(running, momentum), tf.mul(batch, 1 - momentum)))
  }
}
