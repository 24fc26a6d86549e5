/**
 * A trained network as an ONNX file anybody can open: standard operators only, pictures as [N, C, H, W] between
 * 0 and 1, the normalisation inside, batch normalisation with its running statistics, logits out.
 */
import type { Architecture, Layer, Weight } from '../model/architecture.js'
import { type ActivationShape, inputShapeOf, outputShape, windowAxis } from '../model/shapes.js'
import { GraphBuilder } from './graph.js'
import { toOihw } from './layout.js'

/** Property of a model that was trained with fake quantization: JSON, for each such tensor [minimum, maximum]. */
export const rangesProperty = 'activation_ranges'

class Exporter {
  readonly graph = new GraphBuilder()
  /** What fake quantization found of a tensor: its smallest and largest value. */
  readonly ranges: Record<string, readonly [number, number]> = {}
  readonly #weights: ReadonlyMap<string, Weight>

  constructor(weights: readonly Weight[]) {
    this.#weights = new Map(weights.map(weight => [weight.name, weight]))
  }

  #weight(name: string): Weight {
    const weight = this.#weights.get(name)
    if (weight === undefined) throw new RangeError(`the network has no weight ${name}`)
    return weight
  }

  #initializer(name: string, shape?: readonly number[]): string {
    const weight = this.#weight(name)
    return this.graph.initializer(name, 'float32', shape ?? weight.shape, weight.data)
  }

  layers(layers: readonly Layer[], input: string, shape: ActivationShape): string {
    let tensor = input
    let current = shape
    for (const layer of layers) {
      tensor = this.#layer(layer, tensor, current)
      current = outputShape(layer, current)
    }
    return tensor
  }

  #layer(layer: Layer, input: string, shape: ActivationShape): string {
    const { graph } = this
    switch (layer.kind) {
      case 'conv2d': {
        const { shape: kernelShape, data } = this.#weight(`${layer.name}/kernel`)
        const [kernelHeight, kernelWidth, inputs, outputs] = kernelShape as [number, number, number, number]
        const kernel = graph.initializer(
          `${layer.name}/kernel`,
          'float32',
          [outputs, inputs, kernelHeight, kernelWidth],
          toOihw(data, kernelShape),
        )
        const bias = layer.bias ? [this.#initializer(`${layer.name}/bias`)] : []
        return graph.node('Conv', [input, kernel, ...bias], windowAttributes(layer.kernel, layer, shape))
      }
      case 'dense': {
        const bias = layer.bias ? [this.#initializer(`${layer.name}/bias`)] : []
        return graph.node('Gemm', [input, this.#initializer(`${layer.name}/kernel`), ...bias])
      }
      case 'batchNorm': {
        const channels = [shape.at(-1)!]
        const scale = layer.scale ? this.#initializer(`${layer.name}/scale`) : graph.filled(1, channels)
        const rest = ['shift', 'mean', 'variance'].map(name => this.#initializer(`${layer.name}/${name}`))
        return graph.node('BatchNormalization', [input, scale, ...rest], {
          epsilon: { float: layer.epsilon },
        })
      }
      case 'activation':
        return layer.function === 'relu' ? graph.node('Relu', [input]) : this.#gelu(input)
      case 'maxPool':
        return graph.node('MaxPool', [input], windowAttributes(layer.size, layer, shape))
      case 'globalAveragePool':
        return graph.node('Flatten', [graph.node('GlobalAveragePool', [input])])
      case 'globalMaxPool':
        return graph.node('Flatten', [graph.node('GlobalMaxPool', [input])])
      case 'flatten':
        // Rows, columns, channels: the order in which dense kernels were trained.
        return shape.length === 1
          ? input
          : graph.node('Flatten', [graph.node('Transpose', [input], { perm: [0, 2, 3, 1] })])
      case 'dropout':
        return input
      case 'multiply':
        return graph.node('Mul', [input, graph.scalar(layer.factor)])
      case 'fakeQuantize': {
        const [minimum, maximum] = ['minimum', 'maximum'].map(
          end => this.#weight(`${layer.name}/${end}`).data[0]!,
        )
        this.ranges[input] = [minimum!, maximum!]
        return input
      }
      case 'residual':
        return graph.node('Add', [
          this.layers(layer.body, input, shape),
          this.layers(layer.shortcut, input, shape),
        ])
    }
  }

  /** x · ½ (1 + erf(x / √2)), Hendrycks and Gimpel 2016; the pattern that ONNX Runtime fuses into one kernel. */
  #gelu(input: string): string {
    const { graph } = this
    const erf = graph.node('Erf', [graph.node('Div', [input, graph.scalar(Math.SQRT2)])])
    const product = graph.node('Mul', [input, graph.node('Add', [erf, graph.scalar(1)])])
    return graph.node('Mul', [product, graph.scalar(0.5)])
  }
}

function windowAttributes(
  kernel: number,
  layer: { readonly stride: number; readonly padding: 'same' | number },
  shape: ActivationShape,
): Record<string, readonly number[]> {
  const [height, width] = shape as readonly [number, number, number]
  const rows = windowAxis(height, kernel, layer.stride, layer.padding)
  const columns = windowAxis(width, kernel, layer.stride, layer.padding)
  return {
    kernel_shape: [kernel, kernel],
    strides: [layer.stride, layer.stride],
    pads: [rows.before, columns.before, rows.after, columns.after],
  }
}

/**
 * The network's ONNX file (opset 17): input `input` float32 [N, C, H, W] in 0 … 1, or [N, features] as they are;
 * output `logits` float32 [N, classes].
 *
 * Fake quantization leaves no operator; its ranges stand in the property {@link rangesProperty}, by tensor.
 * @param weights by name, as in `weightSpecs`; masks already applied.
 * @param metadata written into the model's properties, such as class names, level and seed.
 */
export function exportOnnx(
  architecture: Architecture,
  weights: readonly Weight[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const exporter = new Exporter(weights)
  const { graph } = exporter
  const { input, normalization, classes } = architecture
  const { mean, deviation } = normalization
  const shape = inputShapeOf(input)
  const perChannel = input.kind === 'image' ? [1, input.channels, 1, 1] : [1, input.features]
  const tensor =
    input.kind === 'image'
      ? graph.input('input', 'float32', ['N', input.channels, input.height, input.width])
      : graph.input('input', 'float32', ['N', input.features])
  const centred = graph.node('Sub', [
    tensor,
    graph.initializer('normalization/mean', 'float32', perChannel, mean),
  ])
  const normalized = graph.node('Div', [
    centred,
    graph.initializer('normalization/deviation', 'float32', perChannel, deviation),
  ])
  const logits = exporter.layers(architecture.layers, normalized, shape)
  graph.output('logits', 'float32', ['N', classes], logits)
  const { ranges } = exporter
  return graph.encode(architecture.name, {
    architecture: architecture.name,
    ...metadata,
    ...(Object.keys(ranges).length > 0 && { [rangesProperty]: JSON.stringify(ranges) }),
  })
}
