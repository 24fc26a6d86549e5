/** Wide residual networks (Zagoruyko and Komodakis 2016, arXiv 1605.07146), pre-activation, without dropout. */
import type { Layer } from '../architecture.js'
import { type Family, scaled } from './family.js'

const relu: Layer = { kind: 'activation', function: 'relu' }

function norm(name: string): Layer {
  return { kind: 'batchNorm', name, momentum: 0.9, epsilon: 1e-5, scale: true }
}

function convolution(name: string, filters: number, kernel: number, stride: number): Layer {
  return { kind: 'conv2d', name, filters, kernel, stride, padding: 'same', bias: false }
}

/** norm–relu–conv twice; where the shape changes, both branches start from the same norm–relu. */
function block(name: string, inputs: number, filters: number, stride: number): Layer[] {
  const start = [norm(`${name}/norm1`), relu]
  const rest = [
    convolution(`${name}/conv1`, filters, 3, stride),
    norm(`${name}/norm2`),
    relu,
    convolution(`${name}/conv2`, filters, 3, 1),
  ]
  return inputs === filters && stride === 1
    ? [{ kind: 'residual', body: [...start, ...rest], shortcut: [] }]
    : [
        ...start,
        { kind: 'residual', body: rest, shortcut: [convolution(`${name}/project`, filters, 1, stride)] },
      ]
}

export const wideResnet: Family = {
  pattern: /^wrn-(\d+)-(\d+)$/,
  describe: 'wrn-<depth>-<width>',
  recipe: {
    learningRate: 0.1,
    schedule: 'cosine',
    warmupEpochs: 1,
    momentum: 0.9,
    weightDecay: 5e-4,
    labelSmoothing: 0.1,
    flip: 'random',
    shift: 4,
  },
  layers({ input, classes, width, dropout }, match) {
    const depth = Number(match[1])
    const widen = Number(match[2])
    if (depth < 10 || (depth - 4) % 6 !== 0 || widen < 1) {
      throw new RangeError('a wide ResNet has 6n + 4 layers (10, 16, 22, 28, …) and a width of at least 1')
    }
    if (input.kind !== 'image')
      throw new RangeError('a wide ResNet learns from pictures: use mlp for features')
    if (dropout > 0) throw new RangeError('this wide ResNet has no dropout: leave `model.dropout` out')
    const layers: Layer[] = [convolution('conv', scaled(16, width), 3, 1)]
    let inputs = scaled(16, width)
    for (const [group, filters] of [16, 32, 64].map(base => scaled(base * widen, width)).entries()) {
      for (let index = 0; index < (depth - 4) / 6; index++) {
        const stride = group > 0 && index === 0 ? 2 : 1
        layers.push(...block(`group${group + 1}/block${index + 1}`, inputs, filters, stride))
        inputs = filters
      }
    }
    layers.push(norm('norm'), relu, { kind: 'globalAveragePool' })
    layers.push({ kind: 'dense', name: 'logits', units: classes, bias: true })
    return layers
  },
}
