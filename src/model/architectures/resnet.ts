/**
 * Residual networks (He et al. 2016, arXiv 1512.03385, table 1) as torchvision has them: batch normalisation after
 * every convolution, a projection where the shape changes, and in bottlenecks the stride in the 3 × 3 convolution
 * ("v1.5"). The stem is the published one, 7 × 7 with stride 2 and a max pooling, whatever the size of the
 * pictures; `-small` in the name puts a 3 × 3 convolution without stride or pooling there, as He et al. do for
 * CIFAR-10 (section 4.2), since the published stem would leave a sixteenth of a small picture's pixels.
 */
import type { Layer } from '../architecture.js'
import { type Family, scaled } from './family.js'

const relu: Layer = { kind: 'activation', function: 'relu' }

/** A convolution and its normalisation; a kernel of odd side sees as far left as right. */
function convolution(name: string, filters: number, kernel: number, stride: number): Layer[] {
  const padding = (kernel - 1) / 2
  return [
    { kind: 'conv2d', name: `${name}/conv`, filters, kernel, stride, padding, bias: false },
    { kind: 'batchNorm', name: `${name}/norm`, momentum: 0.9, epsilon: 1e-5, scale: true },
  ]
}

interface Depth {
  /** Blocks a group. */
  readonly blocks: readonly [number, number, number, number]
  /** Filters that leave a block, for each that its 3 × 3 convolutions have. */
  readonly expansion: 1 | 4
}

const depths: Readonly<Record<string, Depth>> = {
  18: { blocks: [2, 2, 2, 2], expansion: 1 },
  50: { blocks: [3, 4, 6, 3], expansion: 4 },
}

function body(name: string, filters: number, stride: number, expansion: Depth['expansion']): Layer[] {
  return expansion === 1
    ? [...convolution(`${name}/1`, filters, 3, stride), relu, ...convolution(`${name}/2`, filters, 3, 1)]
    : [
        ...convolution(`${name}/1`, filters, 1, 1),
        relu,
        ...convolution(`${name}/2`, filters, 3, stride),
        relu,
        ...convolution(`${name}/3`, expansion * filters, 1, 1),
      ]
}

export const resnet: Family = {
  pattern: /^resnet-(18|50)(-small)?$/,
  describe: 'resnet-18, resnet-50 (each also with -small, for pictures of up to 64 pixels)',
  // Goyal et al. 2017, arXiv 1706.02677, section 5.1: 0.1 for a batch of 256, steps of 0.1, decay 1e-4, warm-up over 5 epochs.
  recipe: {
    learningRate: 0.05,
    schedule: 'step',
    warmupEpochs: 5,
    momentum: 0.9,
    weightDecay: 1e-4,
    labelSmoothing: 0.1,
    flip: 'random',
    shift: 0,
  },
  layers({ input, classes, width, dropout }, match) {
    if (input.kind !== 'image') throw new RangeError('a ResNet learns from pictures: use mlp for features')
    if (dropout > 0) throw new RangeError('this ResNet has no dropout: leave `model.dropout` out')
    const { blocks, expansion } = depths[match[1]!]!
    const small = match[2] !== undefined
    const layers: Layer[] = [
      ...(small
        ? convolution('stem', scaled(64, width), 3, 1)
        : convolution('stem', scaled(64, width), 7, 2)),
      relu,
      ...(small ? [] : [{ kind: 'maxPool', size: 3, stride: 2, padding: 1 } as const]),
    ]
    let inputs = scaled(64, width)
    for (const [group, count] of blocks.entries()) {
      const filters = scaled(64 * 2 ** group, width)
      for (let index = 0; index < count; index++) {
        const name = `group${group + 1}/block${index + 1}`
        const stride = group > 0 && index === 0 ? 2 : 1
        const same = stride === 1 && inputs === expansion * filters
        layers.push(
          {
            kind: 'residual',
            body: body(name, filters, stride, expansion),
            shortcut: same ? [] : convolution(`${name}/project`, expansion * filters, 1, stride),
          },
          relu,
        )
        inputs = expansion * filters
      }
    }
    layers.push({ kind: 'globalAveragePool' })
    layers.push({ kind: 'dense', name: 'logits', units: classes, bias: true })
    return layers
  },
}
