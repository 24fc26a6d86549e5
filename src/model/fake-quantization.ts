/**
 * Quantization-aware training as a change of the network (Jacob et al. 2018, arXiv 1712.05877, section 3): the
 * forward pass sees kernels and activations rounded as the integer network will have them, and the weights learn to
 * live with it.
 *
 * Activations are rounded where `int8-static` quantizes them: the inputs of all layers with a kernel, and the outputs
 * of convolutions, after their batch normalisation and ReLU.
 *
 * Batch normalisation goes on as in any training, by the statistics of the batch. Jacob et al. fold it first, since
 * rounding W and s·W with one scale a tensor differ. With a symmetric scale for each output channel they do not:
 * the channel's scale is s times as large, and the integers are the same. So kernels are rounded as they are, and
 * what is folded into them at the end leaves every integer where training had it.
 */
import type { Architecture, KernelBits, Layer } from './architecture.js'

/** Kernels are integers of at most this magnitude. */
export function largestKernelInteger(bits: KernelBits): number {
  return 2 ** (bits - 1) - 1
}

/** Activations are integers from 0 to this. */
export const largestActivationInteger = 255

/** Scales below this one count as 1: all is 0 there, and products of two scales are never denormal. */
export const smallestScale = 2 ** -60

/** Share of the running range that stays at each step. */
const rangeMomentum = 0.9

/** The network with its kernels rounded to so many bits and its activations to eight. */
export function withFakeQuantization(architecture: Architecture, kernelBits: KernelBits): Architecture {
  let ranges = 0
  const fakeQuantize = (): Layer => ({
    kind: 'fakeQuantize',
    name: `range${++ranges}`,
    momentum: rangeMomentum,
  })

  /** @param rounded whether the input is rounded already */
  const rewrite = (layers: readonly Layer[], rounded: boolean): Layer[] => {
    const rewritten: Layer[] = []
    let isRounded = rounded
    const round = () => {
      if (!isRounded) rewritten.push(fakeQuantize())
      isRounded = true
    }
    for (let at = 0; at < layers.length; at++) {
      const layer = layers[at]!
      switch (layer.kind) {
        case 'dense':
          round()
          rewritten.push({ ...layer, kernelBits })
          isRounded = false
          break
        case 'conv2d': {
          round()
          const follow = followers(layers.slice(at + 1))
          rewritten.push({ ...layer, kernelBits }, ...follow)
          at += follow.length
          isRounded = false
          round()
          break
        }
        case 'residual':
          // Both branches must see the same.
          if (readsFirst(layer.body) || readsFirst(layer.shortcut)) round()
          rewritten.push({
            ...layer,
            body: rewrite(layer.body, isRounded),
            shortcut: rewrite(layer.shortcut, isRounded),
          })
          isRounded = false
          break
        default:
          rewritten.push(layer)
          isRounded &&= moves(layer)
      }
    }
    return rewritten
  }
  return { ...architecture, layers: rewrite(architecture.layers, false) }
}

/** What becomes one operator with the convolution before it: batch normalisation, perhaps behind a pooling, and ReLU. */
function followers(layers: readonly Layer[]): readonly Layer[] {
  if (layers[0]?.kind === 'maxPool' && layers[1]?.kind === 'batchNorm') return layers.slice(0, 2)
  const norms = layers[0]?.kind === 'batchNorm' ? 1 : 0
  const next = layers[norms]
  return layers.slice(0, next?.kind === 'activation' && next.function === 'relu' ? norms + 1 : norms)
}

/** Whether a layer with a kernel reads the input of these layers, as it is or moved. */
function readsFirst(layers: readonly Layer[]): boolean {
  const first = layers.find(layer => !moves(layer))
  if (first?.kind === 'residual') return readsFirst(first.body) || readsFirst(first.shortcut)
  return first?.kind === 'conv2d' || first?.kind === 'dense'
}

/** Whether what leaves the layer are values of its input: rounded ones stay rounded. Dropout is none when it counts. */
function moves({ kind }: Layer): boolean {
  return kind === 'maxPool' || kind === 'globalMaxPool' || kind === 'flatten' || kind === 'dropout'
}
