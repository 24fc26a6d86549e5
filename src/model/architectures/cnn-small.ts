/** Three convolutions, two of them with stride, and an average over the picture: 57 thousand weights. */
import type { Layer } from '../architecture.js'
import { type Family, scaled } from './family.js'

export const cnnSmall: Family = {
  pattern: /^cnn-small$/,
  describe: 'cnn-small',
  recipe: {
    learningRate: 0.1,
    schedule: 'cosine',
    warmupEpochs: 0.5,
    momentum: 0.9,
    weightDecay: 5e-4,
    labelSmoothing: 0.1,
    flip: 'none',
    shift: 0,
  },
  layers({ classes, width, dropout }) {
    const convolution = (name: string, filters: number, stride: number): Layer[] => [
      {
        kind: 'conv2d',
        name,
        filters: scaled(filters, width),
        kernel: 3,
        stride,
        padding: 'same',
        bias: true,
      },
      { kind: 'activation', function: 'relu' },
    ]
    return [
      ...convolution('conv1', 32, 1),
      ...convolution('conv2', 64, 2),
      ...convolution('conv3', 64, 2),
      { kind: 'globalAveragePool' },
      ...(dropout > 0 ? [{ kind: 'dropout', rate: dropout } as const] : []),
      { kind: 'dense', name: 'logits', units: classes, bias: true },
    ]
  },
}
