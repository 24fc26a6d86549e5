/** How much memory a training step takes, from the network's layers. */
import type { Architecture } from '../model/architecture.js'
import { elements, inputShapeOf, outputShape } from '../model/shapes.js'
import { walkLayers, weightSpecs } from '../model/weights.js'

/** A weight, its momentum and its gradient, and the first two once more as the step leaves them. */
const copiesOfWeights = 5

/**
 * Bytes that one step of training on ONNX Runtime takes at its peak: what the forward pass keeps for the backward
 * pass (outputs of all layers, the gathered columns of convolutions, the entrants of max pooling), the largest
 * gradient gathered on the way back, and the weights. The training set, which all members of a process share, and the
 * runtime itself come on top.
 */
export function stepBytes(architecture: Architecture, batchSize: number): number {
  let kept = 0
  let largest = 0
  walkLayers(architecture.layers, inputShapeOf(architecture.input), (layer, shape) => {
    const output = outputShape(layer, shape)
    const values = elements(output)
    switch (layer.kind) {
      case 'conv2d': {
        const taps = layer.kernel ** 2
        const isPointwise = taps === 1 && layer.stride === 1
        const columns = isPointwise ? 0 : taps * shape.at(-1)! * (values / layer.filters)
        // Nobody asks for the gradient of the pictures themselves.
        if (kept > 0) largest = Math.max(largest, isPointwise ? elements(shape) : taps * values)
        kept += values + columns
        break
      }
      case 'maxPool':
        kept += 2 * layer.size ** 2 * values
        break
      // The input less its mean, that times the factor, and the output.
      case 'batchNorm':
        kept += 3 * values
        break
      case 'flatten':
      case 'globalAveragePool':
        break
      default:
        kept += values
    }
  })
  const weights = weightSpecs(architecture).reduce((sum, { shape }) => sum + elements(shape), 0)
  const bytes = Float32Array.BYTES_PER_ELEMENT
  return bytes * (batchSize * (kept + 2 * largest) + copiesOfWeights * weights)
}
