/** Training by TensorFlow.js: one tape, one update and one tidy scope a step. */
import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs'
import type { Architecture, Layer, Weight, WeightRole, WeightSpec } from '../../model/architecture.js'
import { isActivationRange, weightSpecs } from '../../model/weights.js'
import { augment } from '../augmentation.js'
import { dropoutMask } from '../dropout.js'
import type {
  Gradients,
  LabelledExamples,
  StepInputs,
  Trainer,
  TrainerOptions,
  TrainingData,
  TrainingState,
} from '../engine.js'
import { validateExamples, validateMasks, validateSteps, validateTraining } from '../validation.js'
import { crossEntropy, divergence, forward, normalize, type Pass, type Tensorflow } from './network.js'

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
  /** Null without lookahead, and for what it leaves alone. */
  readonly slow: Variable | null
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
      slow:
        options.lookahead && !isActivationRange(spec.role)
          ? this.variable(spec, weights.get(spec.name)!.data)
          : null,
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

  async updateSlowWeights(share: number): Promise<void> {
    for (const { value, slow } of this.parameters) {
      if (slow === null) continue
      this.tf.tidy(() => {
        slow.assign(this.tf.add(slow, this.tf.mul(this.tf.sub(value, slow), share)))
        value.assign(this.tf.clone(slow))
      })
    }
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

  async gradients(examples: LabelledExamples): Promise<Gradients> {
    validateExamples(this.architecture, this.options, examples)
    const { batchSize, maskedWeights } = this.options
    const masked = maskedWeights.map(name => this.byName.get(name)!)
    const sums = new Map(
      masked.map(({ spec }) => [spec.name, new Float32Array(spec.shape.reduce((a, b) => a * b, 1))]),
    )
    let loss = 0
    for (let start = 0; start < examples.labels.length; start += batchSize) {
      const [value, ...slopes] = this.tf.tidy(() => this.slopes(masked, examples, start))
      loss += (await value.data())[0]
      for (const [at, { spec }] of masked.entries()) {
        const part = await slopes[at].data()
        const sum = sums.get(spec.name)!
        for (let i = 0; i < sum.length; i++) sum[i] += part[i]
      }
      this.tf.dispose([value, ...slopes])
    }
    return { loss, kernels: sums }
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
    for (const { value, momentum, slow, mask } of this.parameters) {
      value.dispose()
      momentum?.dispose()
      slow?.dispose()
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
    const loss = this.loss(inputs, step)
    const trained = this.parameters.filter(({ momentum }) => momentum !== null)
    const { value, grads } = tf.variableGrads(
      () => loss(this.logits(inputs, step)) as Scalar,
      trained.map(parameter => parameter.value),
    )
    for (const parameter of trained) {
      this.descend(parameter, grads[parameter.value.name], inputs.learningRates[step])
    }
    return value
  }

  /** Of a step, by the logits: the cross-entropy with the labels, mixed with the divergence from teachers if there are any. */
  private loss(inputs: StepInputs, step: number): (logits: Tensor) => Tensor {
    const { tf } = this
    const targets = this.targets(inputs, step)
    const { distillation, batchSize } = this.options
    if (distillation === undefined) return logits => crossEntropy(tf, logits, targets)
    const { temperature, weight } = distillation
    const { softTargets, exampleWeights } = this.data
    const { classes } = this.architecture
    const examples = inputs.examples.subarray(step * batchSize, (step + 1) * batchSize)
    const rows = new Float32Array(batchSize * classes)
    for (const [slot, example] of examples.entries()) {
      rows.set(softTargets!.subarray(example * classes, (example + 1) * classes), slot * classes)
    }
    const teachers = tf.tensor(rows, [batchSize, classes])
    const shares = Float32Array.from(examples, example => (exampleWeights?.[example] ?? 1) / batchSize)
    const weights = tf.tensor(shares, [batchSize, 1])
    return logits =>
      tf.add(
        tf.mul(crossEntropy(tf, logits, targets), 1 - weight),
        tf.mul(divergence(tf, logits, teachers, weights, temperature), weight * temperature ** 2),
      )
  }

  private logits(inputs: StepInputs, step: number): Tensor {
    let dropoutLayers = 0
    return this.forward(this.batch(inputs, step), {
      mode: 'training',
      weight: (layer, role) => this.seen(this.parameter(layer, role)),
      observe: (layer, mean, variance) => {
        this.average(this.parameter(layer, 'runningMean').value, mean, layer.momentum)
        this.average(this.parameter(layer, 'runningVariance').value, variance, layer.momentum)
      },
      observeRange: (layer, batch) => {
        const range = this.range(layer)
        // A range of no width has seen nothing yet.
        const isNew = range.low.dataSync()[0] === range.high.dataSync()[0]
        const momentum = isNew ? 0 : layer.momentum
        this.average(range.low, this.tf.reshape(batch.low, [1]), momentum)
        this.average(range.high, this.tf.reshape(batch.high, [1]), momentum)
        return range
      },
      dropoutMask: (length, rate) => dropoutMask(inputs.dropoutSeed, step, dropoutLayers++, length, rate),
    })
  }

  /** @param batch floats 0 to 255 of images, else features. */
  private forward(batch: Tensor, pass: Pass): Tensor {
    const { input, normalization, layers } = this.architecture
    return forward(this.tf, layers, normalize(this.tf, batch, input, normalization), pass)
  }

  /** The share of one batch in the mean loss of the examples, and its gradients by the masked kernels. */
  private slopes(masked: readonly Parameter[], examples: LabelledExamples, start: number): Tensor[] {
    const { tf } = this
    const { inputs, labels } = examples
    const { input, classes } = this.architecture
    const size = inputs.length / labels.length
    const end = Math.min(start + this.options.batchSize, labels.length)
    const targets = new Float32Array((end - start) * classes)
    for (let index = start; index < end; index++) {
      targets[(index - start) * classes + labels[index]] = 1 / labels.length
    }
    const shape = input.kind === 'image' ? [input.height, input.width, input.channels] : [input.features]
    const batch = tf.tensor(Float32Array.from(inputs.subarray(start * size, end * size)), [
      end - start,
      ...shape,
    ])
    const loss = (...kernels: Tensor[]) => {
      const seen = new Map(masked.map((parameter, at) => [parameter, kernels[at]]))
      const logits = this.forward(batch, {
        mode: 'evaluation',
        weight: (layer, role) => {
          const parameter = this.parameter(layer, role)
          return seen.get(parameter) ?? this.seen(parameter)
        },
        observe: () => {},
        observeRange: layer => this.range(layer),
        dropoutMask: length => new Float32Array(length).fill(1),
      })
      return crossEntropy(tf, logits, tf.tensor(targets, [end - start, classes])) as Scalar
    }
    const { value, grads } = tf.valueAndGrads(loss)(masked.map(parameter => this.seen(parameter)))
    return [value, ...grads]
  }

  private range(layer: Layer): { low: Variable; high: Variable } {
    return {
      low: this.parameter(layer, 'runningMinimum').value,
      high: this.parameter(layer, 'runningMaximum').value,
    }
  }

  /** A weight as the forward pass sees it. */
  private seen({ value, mask }: Parameter): Tensor {
    return mask ? this.tf.mul(value, mask) : value
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
