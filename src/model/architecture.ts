/**
 * A network as a list of layers, independent of the engine that trains it and of the file it ends up in.
 * Activations are laid out [batch, height, width, channels] (or [batch, features]); convolution kernels are
 * [height, width, in, out] and dense kernels [in, out].
 */

/** What goes into a network. Pixels are bytes; the network normalises them itself (see `Architecture.normalization`). */
export type InputShape =
  | { readonly kind: 'image'; readonly height: number; readonly width: number; readonly channels: number }
  | { readonly kind: 'features'; readonly features: number }

/**
 * Bits to which the forward pass of training rounds a kernel, symmetrically and with a scale for each output channel;
 * the gradient goes straight through. Absent: not rounded.
 */
export type KernelBits = 8

export type Layer =
  | {
      readonly kind: 'conv2d'
      readonly name: string
      readonly filters: number
      readonly kernel: number
      readonly stride: number
      /** `same` pads as TensorFlow and ONNX's SAME_UPPER do; a number pads that many rows and columns on every side. */
      readonly padding: 'same' | number
      readonly bias: boolean
      /** False for layers that are set once and never trained, such as a whitening layer. Default true. */
      readonly trainable?: boolean
      /** How the kernel starts. Default `he-normal`. `whitening`: patch-whitening filters computed from the training images; `dirac`: identity in the first filters, He in the rest. */
      readonly initializer?: 'he-normal' | 'whitening' | 'dirac'
      readonly kernelBits?: KernelBits
    }
  | {
      readonly kind: 'dense'
      readonly name: string
      readonly units: number
      readonly bias: boolean
      readonly kernelBits?: KernelBits
    }
  | {
      readonly kind: 'batchNorm'
      readonly name: string
      /** Share of the running statistics that stays at each step, 0 to 1. */
      readonly momentum: number
      readonly epsilon: number
      /** Whether a scale is learnt (a shift always is). */
      readonly scale: boolean
      /** Factor on the learning rate of the shift, and none on its momentum. Default 1. */
      readonly shiftRate?: number
    }
  | { readonly kind: 'activation'; readonly function: 'relu' | 'gelu' }
  | { readonly kind: 'maxPool'; readonly size: number; readonly stride: number; readonly padding: number }
  | { readonly kind: 'globalAveragePool' }
  | { readonly kind: 'globalMaxPool' }
  | { readonly kind: 'flatten' }
  | { readonly kind: 'dropout'; readonly rate: number }
  /** Multiplies by a constant, such as the temperature before the softmax. */
  | { readonly kind: 'multiply'; readonly factor: number }
  /**
   * Rounds activations to 256 levels, evenly over a range that runs along with those of the batches (Jacob et al.
   * 2018, arXiv 1712.05877, section 3.1): only in training; an exported network keeps the range.
   */
  | {
      readonly kind: 'fakeQuantize'
      readonly name: string
      /** Share of the running range that stays at each step, 0 to 1; the first step takes the batch's whole. */
      readonly momentum: number
    }
  /** body(x) + shortcut(x); an empty shortcut is the identity. */
  | { readonly kind: 'residual'; readonly body: readonly Layer[]; readonly shortcut: readonly Layer[] }

/** Channel-wise (x / 255 − mean) / deviation for images, (x − mean) / deviation for features. */
export interface Normalization {
  readonly mean: Float32Array
  readonly deviation: Float32Array
}

export interface Architecture {
  /** The name in the pipeline file, such as `cnn-small` or `wrn-16-4`. */
  readonly name: string
  readonly input: InputShape
  readonly normalization: Normalization
  readonly classes: number
  /** Ends in the logits, [batch, classes]. */
  readonly layers: readonly Layer[]
}

/** One named array of a network: a kernel, a bias, a scale, a running statistic. */
export interface Weight {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/** What a weight is for; only `kernel`s are pruned and quantized, only trainable ones get gradients. */
export type WeightRole = 'kernel' | 'bias' | 'scale' | 'shift' | RunningStatistic

/** What a training step averages over batches instead of learning it. */
export type RunningStatistic = 'runningMean' | 'runningVariance' | 'runningMinimum' | 'runningMaximum'

export interface WeightSpec {
  readonly name: string
  readonly shape: readonly number[]
  readonly role: WeightRole
  readonly trainable: boolean
  /** Inputs that feed one output of a kernel: kernel height × width × input channels. */
  readonly fanIn: number
  readonly layer: Layer
}
