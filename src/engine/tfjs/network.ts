/** A layer list as a TensorFlow.js computation; gradients come from TensorFlow.js's own tape. */
import type { GradSaveFunc, Tensor, Tensor4D } from '@tensorflow/tfjs'
import { RunError } from '../../errors.js'
import type { InputShape, Layer, Normalization, WeightRole } from '../../model/architecture.js'
import {
  largestActivationInteger,
  largestKernelInteger,
  smallestScale,
} from '../../model/fake-quantization.js'

/** Any of `@tensorflow/tfjs`, `tfjs-node` and `tfjs-node-gpu`: they share one interface. */
export type Tensorflow = typeof import('@tensorflow/tfjs')

type LayerOf<Kind extends Layer['kind']> = Extract<Layer, { kind: Kind }>

/** Ends of a range, [] or [1] each. */
interface Range {
  readonly low: Tensor
  readonly high: Tensor
}

/** What layers need besides their input. */
export interface Pass {
  /** As a layer behaves in training, or as it predicts: normalised by running statistics, nothing dropped. */
  readonly mode: 'training' | 'evaluation'
  /** The layer's weight as the forward pass sees it: masked where it has a mask. */
  weight(layer: Layer, role: WeightRole): Tensor
  /** Takes the statistics of this batch: mean and population variance, [channels]. */
  observe(layer: LayerOf<'batchNorm'>, mean: Tensor, variance: Tensor): void
  /** Takes the smallest and largest value of this batch, 0 among them, and gives the running ones, [1] each. */
  observeRange(layer: LayerOf<'fakeQuantize'>, batch: Range): Range
  /** Multipliers 0 or 1 / (1 − rate) for the next dropout layer, in the order in which layers run. */
  dropoutMask(length: number, rate: number): Float32Array
}

/** Channel-wise (x / 255 − mean) / deviation of images, (x − mean) / deviation of features. */
export function normalize(
  tf: Tensorflow,
  input: Tensor,
  shape: InputShape,
  normalization: Normalization,
): Tensor {
  const unit = shape.kind === 'image' ? tf.div(input, 255) : input
  return tf.div(tf.sub(unit, tf.tensor1d(normalization.mean)), tf.tensor1d(normalization.deviation))
}

/** Runs `layers` in order on `input`, [batch, height, width, channels] or [batch, features]. */
export function forward(tf: Tensorflow, layers: readonly Layer[], input: Tensor, pass: Pass): Tensor {
  return layers.reduce((value, layer) => forwardLayer(tf, layer, value, pass), input)
}

function forwardLayer(tf: Tensorflow, layer: Layer, input: Tensor, pass: Pass): Tensor {
  switch (layer.kind) {
    case 'conv2d': {
      const kernel = kernelAsSeen(tf, layer, pass) as Tensor4D
      const explicit = layer.padding !== 'same'
      const padded = explicit ? padPlane(tf, input, layer.padding as number, 0) : (input as Tensor4D)
      const output = tf.conv2d(padded, kernel, layer.stride, explicit ? 'valid' : 'same')
      return layer.bias ? tf.add(output, pass.weight(layer, 'bias')) : output
    }
    case 'dense': {
      const output = tf.matMul(input, kernelAsSeen(tf, layer, pass))
      return layer.bias ? tf.add(output, pass.weight(layer, 'bias')) : output
    }
    case 'batchNorm':
      return batchNorm(tf, layer, input, pass)
    case 'activation':
      return layer.function === 'relu' ? tf.relu(input) : gelu(tf, input)
    case 'maxPool': {
      const padded = padPlane(tf, input, layer.padding, Number.NEGATIVE_INFINITY)
      return tf.maxPool(padded, layer.size, layer.stride, 'valid')
    }
    case 'globalAveragePool':
      return tf.mean(input, [1, 2])
    case 'globalMaxPool': {
      // Not tf.max, whose gradient goes to every maximum of a tie: like any pool, to the first alone.
      const [batch, height, width, channels] = (input as Tensor4D).shape
      return tf.reshape(tf.maxPool(input as Tensor4D, [height, width], 1, 'valid'), [batch, channels])
    }
    case 'flatten':
      return tf.reshape(input, [input.shape[0], -1])
    case 'dropout':
      if (pass.mode === 'evaluation') return input
      return tf.mul(input, tf.tensor(pass.dropoutMask(input.size, layer.rate), input.shape))
    case 'multiply':
      return tf.mul(input, layer.factor)
    case 'fakeQuantize':
      return fakeQuantize(tf, layer, input, pass)
    case 'residual':
      return tf.add(forward(tf, layer.body, input, pass), forward(tf, layer.shortcut, input, pass))
    default:
      throw new RunError(
        `TensorFlow.js engine: unknown layer kind "${(layer satisfies never as Layer).kind}"`,
      )
  }
}

/** Pads rows and columns explicitly: the native backends of TensorFlow.js know no numeric padding in gradients. */
function padPlane(tf: Tensorflow, input: Tensor, width: number, value: number): Tensor4D {
  const plane = input as Tensor4D
  if (width === 0) return plane
  return tf.pad4d(
    plane,
    [
      [0, 0],
      [width, width],
      [width, width],
      [0, 0],
    ],
    value,
  )
}

/** Ioffe and Szegedy 2015: in training normalised by the batch's mean and population variance (algorithm 1). */
function batchNorm(tf: Tensorflow, layer: LayerOf<'batchNorm'>, input: Tensor, pass: Pass): Tensor {
  const { mean, variance } = statistics(tf, layer, input, pass)
  const normalized = tf.mul(tf.sub(input, mean), tf.rsqrt(tf.add(variance, layer.epsilon)))
  const scaled = layer.scale ? tf.mul(normalized, pass.weight(layer, 'scale')) : normalized
  return tf.add(scaled, pass.weight(layer, 'shift'))
}

function statistics(
  tf: Tensorflow,
  layer: LayerOf<'batchNorm'>,
  input: Tensor,
  pass: Pass,
): { mean: Tensor; variance: Tensor } {
  if (pass.mode === 'evaluation') {
    return { mean: pass.weight(layer, 'runningMean'), variance: pass.weight(layer, 'runningVariance') }
  }
  const axes = input.shape.slice(0, -1).map((_, axis) => axis)
  const { mean, variance } = tf.moments(input, axes)
  pass.observe(layer, mean, variance)
  return { mean, variance }
}

/** Hendrycks and Gimpel 2016 in its exact form: x Φ(x) = x (1 + erf(x / √2)) / 2. */
function gelu(tf: Tensorflow, input: Tensor): Tensor {
  return tf.mul(tf.mul(input, 0.5), tf.add(tf.erf(tf.mul(input, Math.SQRT1_2)), 1))
}

/** The kernel as the forward pass sees it: rounded where it has {@link LayerOf.kernelBits}, with its own gradient. */
function kernelAsSeen(tf: Tensorflow, layer: LayerOf<'conv2d' | 'dense'>, pass: Pass): Tensor {
  const kernel = pass.weight(layer, 'kernel')
  if (layer.kernelBits === undefined) return kernel
  const levels = largestKernelInteger(layer.kernelBits)
  const inputs = kernel.shape.slice(0, -1).map((_, axis) => axis)
  return straightThrough(tf, kernel, value => {
    const scale = positive(tf, tf.div(tf.max(tf.abs(value), inputs, true), levels))
    return { rounded: tf.mul(tf.round(tf.div(value, scale)), scale) }
  })
}

/** Rounds to 0 … 255 with a scale and a zero point from the running range; no gradient where the value left it. */
function fakeQuantize(tf: Tensorflow, layer: LayerOf<'fakeQuantize'>, input: Tensor, pass: Pass): Tensor {
  const batch = { low: tf.minimum(tf.min(input), 0), high: tf.maximum(tf.max(input), 0) }
  const { low, high } = pass.observeRange(layer, batch)
  const scale = positive(tf, tf.div(tf.sub(high, low), largestActivationInteger))
  const zeroPoint = tf.round(tf.neg(tf.div(low, scale)))
  return straightThrough(tf, input, value => {
    const integers = tf.round(tf.div(value, scale))
    const bounded = tf.minimum(
      tf.maximum(integers, tf.neg(zeroPoint)),
      tf.sub(largestActivationInteger, zeroPoint),
    )
    return { rounded: tf.mul(bounded, scale), passes: tf.cast(tf.equal(integers, bounded), 'float32') }
  })
}

/** Straight-through estimator (Bengio et al. 2013, arXiv 1308.3432): the gradient as if nothing were rounded. */
function straightThrough(
  tf: Tensorflow,
  input: Tensor,
  round: (value: Tensor) => { rounded: Tensor; passes?: Tensor },
): Tensor {
  return tf.customGrad((value, save) => {
    const { rounded, passes } = round(value as Tensor)
    // What is not saved is gone before the backward pass.
    if (passes !== undefined) (save as GradSaveFunc)([passes])
    return {
      value: rounded,
      gradFunc: (gradient, [kept]) => (kept === undefined ? gradient : tf.mul(gradient, kept)),
    }
  })(input)
}

/** Scales too small to count become 1. */
function positive(tf: Tensorflow, scale: Tensor): Tensor {
  return tf.where(tf.less(scale, smallestScale), tf.onesLike(scale), scale)
}

/** Σ weightedTargets × −log softmax(logits): cross-entropy whose targets already carry weight / batch size. */
export function crossEntropy(tf: Tensorflow, logits: Tensor, weightedTargets: Tensor): Tensor {
  return tf.neg(tf.sum(tf.mul(weightedTargets, tf.logSoftmax(logits))))
}

/** Σ over examples and classes of q (log q − log softmax(logits / T)): the divergence from teachers at temperature T, not averaged. */
export function divergence(
  tf: Tensorflow,
  logits: Tensor,
  softTargets: Tensor,
  weights: Tensor,
  temperature: number,
): Tensor {
  const teacher = tf.log(tf.maximum(softTargets, 2 ** -126))
  const student = tf.logSoftmax(tf.div(logits, temperature))
  return tf.sum(tf.mul(tf.mul(softTargets, tf.sub(teacher, student)), weights))
}
