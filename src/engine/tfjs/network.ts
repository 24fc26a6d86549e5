/** A layer list as a TensorFlow.js computation in training mode; gradients come from TensorFlow.js's own tape. */
import type { Tensor, Tensor4D } from '@tensorflow/tfjs'
import { RunError } from '../../errors.js'
import type { InputShape, Layer, Normalization, WeightRole } from '../../model/architecture.js'

/** Any of `@tensorflow/tfjs`, `tfjs-node` and `tfjs-node-gpu`: they share one interface. */
export type Tensorflow = typeof import('@tensorflow/tfjs')

type LayerOf<Kind extends Layer['kind']> = Extract<Layer, { kind: Kind }>

/** What layers need besides their input in one training step. */
export interface TrainingPass {
  /** The layer's weight as the forward pass sees it: masked where it has a mask. */
  weight(layer: Layer, role: WeightRole): Tensor
  /** Takes the statistics of this batch: mean and population variance, [channels]. */
  observe(layer: LayerOf<'batchNorm'>, mean: Tensor, variance: Tensor): void
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
export function forward(tf: Tensorflow, layers: readonly Layer[], input: Tensor, pass: TrainingPass): Tensor {
  return layers.reduce((value, layer) => forwardLayer(tf, layer, value, pass), input)
}

function forwardLayer(tf: Tensorflow, layer: Layer, input: Tensor, pass: TrainingPass): Tensor {
  switch (layer.kind) {
    case 'conv2d': {
      const kernel = pass.weight(layer, 'kernel') as Tensor4D
      const explicit = layer.padding !== 'same'
      const padded = explicit ? padPlane(tf, input, layer.padding as number, 0) : (input as Tensor4D)
      const output = tf.conv2d(padded, kernel, layer.stride, explicit ? 'valid' : 'same')
      return layer.bias ? tf.add(output, pass.weight(layer, 'bias')) : output
    }
    case 'dense': {
      const output = tf.matMul(input, pass.weight(layer, 'kernel'))
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
      return tf.mul(input, tf.tensor(pass.dropoutMask(input.size, layer.rate), input.shape))
    case 'multiply':
      return tf.mul(input, layer.factor)
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

/** Ioffe and Szegedy 2015, algorithm 1: normalised by the batch's mean and population variance. */
function batchNorm(tf: Tensorflow, layer: LayerOf<'batchNorm'>, input: Tensor, pass: TrainingPass): Tensor {
  const { mean, variance } = tf.moments(
    input,
    input.shape.slice(0, -1).map((_, axis) => axis),
  )
  pass.observe(layer, mean, variance)
  const normalized = tf.mul(tf.sub(input, mean), tf.rsqrt(tf.add(variance, layer.epsilon)))
  const scaled = layer.scale ? tf.mul(normalized, pass.weight(layer, 'scale')) : normalized
  return tf.add(scaled, pass.weight(layer, 'shift'))
}

/** Hendrycks and Gimpel 2016 in its exact form: x Φ(x) = x (1 + erf(x / √2)) / 2. */
function gelu(tf: Tensorflow, input: Tensor): Tensor {
  return tf.mul(tf.mul(input, 0.5), tf.add(tf.erf(tf.mul(input, Math.SQRT1_2)), 1))
}

/** Σ weightedTargets × −log softmax(logits): cross-entropy whose targets already carry weight / batch size. */
export function crossEntropy(tf: Tensorflow, logits: Tensor, weightedTargets: Tensor): Tensor {
  return tf.neg(tf.sum(tf.mul(weightedTargets, tf.logSoftmax(logits))))
}
