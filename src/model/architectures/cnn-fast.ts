/**
 * The network of Jordan 2024 ("94% on CIFAR-10 in 3.29 seconds", arXiv 2404.00498, section 3): a frozen layer
 * that whitens 2 × 2 patches, three blocks of two convolutions, and a small temperature before the softmax.
 * The whitening layer has no bias here, so that no gradient flows below the first block.
 */
import type { Layer } from '../architecture.js'
import { type Family, scaled } from './family.js'

const whiteningKernel = 2
/** Jordan's scaling factor of the logits. */
const logitScale = 1 / 9

export const cnnFast: Family = {
  pattern: /^cnn-fast$/,
  describe: 'cnn-fast',
  recipe: {
    learningRate: 0.375,
    schedule: 'triangular',
    warmupEpochs: 0,
    momentum: 0.85,
    weightDecay: 1.3e-3,
    labelSmoothing: 0.2,
    flip: 'alternating',
    shift: 2,
    lookahead: true,
  },
  layers({ input, classes, width, dropout }) {
    if (input.kind !== 'image') throw new RangeError('cnn-fast learns from pictures: use mlp for features')
    if (dropout > 0) throw new RangeError('cnn-fast has no dropout: leave `model.dropout` out')
    const norm = (name: string): Layer => ({
      kind: 'batchNorm',
      name,
      momentum: 0.6,
      epsilon: 1e-5,
      scale: false,
      shiftRate: 64,
    })
    const convolution = (name: string, filters: number): Layer => ({
      kind: 'conv2d',
      name,
      filters: scaled(filters, width),
      kernel: 3,
      stride: 1,
      padding: 'same',
      bias: false,
      initializer: 'dirac',
    })
    const gelu: Layer = { kind: 'activation', function: 'gelu' }
    const block = (name: string, filters: number): Layer[] => [
      convolution(`${name}/conv1`, filters),
      { kind: 'maxPool', size: 2, stride: 2, padding: 0 },
      norm(`${name}/norm1`),
      gelu,
      convolution(`${name}/conv2`, filters),
      norm(`${name}/norm2`),
      gelu,
    ]
    return [
      {
        kind: 'conv2d',
        name: 'whiten',
        filters: 2 * whiteningKernel ** 2 * input.channels,
        kernel: whiteningKernel,
        stride: 1,
        padding: 0,
        bias: false,
        trainable: false,
        initializer: 'whitening',
      },
      gelu,
      ...block('block1', 64),
      ...block('block2', 256),
      ...block('block3', 256),
      { kind: 'globalMaxPool' },
      { kind: 'dense', name: 'logits', units: classes, bias: false },
      { kind: 'multiply', factor: logitScale },
    ]
  },
}
