/**
 * Weight-only quantization to four bits: kernels are int4 with a scale for each block of so many weights of an output
 * channel, and are widened to floats when they are used (DequantizeLinear of opset 21); activations and all arithmetic
 * stay float32. So the file shrinks to about a seventh, and inference takes no less time than with floats.
 *
 * With sixteen steps it matters where the largest lies: each block takes the scale of least squared error among some
 * that clip its largest weights (Banner et al. 2019, arXiv 1810.05723, derive such clipping; here it is searched).
 */
import { toFloat16 } from '../onnx/float16.js'
import {
  dimsOf,
  elementType,
  floatArray,
  freshNames,
  type Graph,
  int4TensorOf,
  nodeOf,
  removeUnused,
  tensorOf,
  topologicalOrder,
} from '../onnx/model.js'
import { raiseOpset } from '../onnx/opset.js'
import { type QuantizedKernel, roundTiesToEven } from './affine-quantization.js'
import { foldBatchNorm } from './fold-batch-norm.js'
import { floatLayerNotes, type KernelNode, kernelNodes } from './kernels.js'
import type { CompressionMethod } from './method.js'

export interface Int4Options {
  /** Weights that share a scale; a power of two from 16 on, for ONNX Runtime's products of matrices with int4. */
  readonly block: number
}

export const int4: CompressionMethod<Int4Options> = {
  async compress(model, { block }) {
    const { graph } = model
    raiseOpset(model, 21)
    foldBatchNorm(graph)
    const fresh = freshNames(graph)
    const dequantized = new Map<string, string>()
    for (const layer of kernelNodes(graph)) {
      const { node, kernel } = layer
      let name = dequantized.get(kernel.name)
      if (name === undefined) {
        name = dequantize(graph, layer, block, fresh)
        dequantized.set(kernel.name, name)
      }
      node.input[1] = name
    }
    graph.node = topologicalOrder(graph)
    removeUnused(graph)
    return floatLayerNotes(graph)
  },
}

/** Adds a kernel as integers, and the nodes that make floats of them again; returns the name of those. */
function dequantize(
  graph: Graph,
  { kernel, outputAxis }: KernelNode,
  block: number,
  fresh: (stem: string) => string,
): string {
  const dims = dimsOf(kernel)
  const matrix = asMatrix(dims, outputAxis)
  const { values, scales } = quantizeToInt4(floatArray(kernel), matrix, block)
  const { rows, columns, axis } = matrix
  const scaleDims = axis === 0 ? [Math.ceil(rows / block), columns] : [rows, Math.ceil(columns / block)]
  const integers = int4TensorOf(fresh(`${kernel.name}_int4`), [rows, columns], values)
  const scale = tensorOf(
    fresh(`${kernel.name}_scale`),
    scaleDims,
    elementType(kernel) === 'float16' ? toFloat16(scales) : scales,
  )
  const floats = fresh(`${kernel.name}_dequantized`)
  graph.initializer.push(integers, scale)
  graph.node.push(
    nodeOf('DequantizeLinear', [integers.name, scale.name], [floats], { axis, block_size: block }),
  )
  if (dims.length === 2) return floats
  const shape = tensorOf(fresh(`${kernel.name}_shape`), [dims.length], BigInt64Array.from(dims, BigInt))
  const shaped = fresh(`${kernel.name}_shaped`)
  graph.initializer.push(shape)
  graph.node.push(nodeOf('Reshape', [floats, shape.name], [shaped]))
  return shaped
}

/** A kernel as a matrix whose blocks run along `axis`, through the weights of one output channel. */
export interface BlockedMatrix {
  readonly rows: number
  readonly columns: number
  readonly axis: 0 | 1
}

/** [out, in × height × width], or [in, out]. */
function asMatrix(dims: readonly number[], outputAxis: number): BlockedMatrix {
  if (outputAxis === 1) return { rows: dims[0], columns: dims[1], axis: 0 }
  return { rows: dims[0], columns: dims.slice(1).reduce((product, dim) => product * dim, 1), axis: 1 }
}

/** Shares of a block's largest magnitude at which the scales tried put the end of the range. */
const clippings = Array.from({ length: 21 }, (_, step) => 1 - step / 40)

/**
 * Each block as −8 … 7 times the scale, of 21 tried, that gives the least squared error.
 *
 * @returns a scale for each block, in row-major order of the matrix of blocks
 */
export function quantizeToInt4(
  weights: Float32Array,
  { rows, columns, axis }: BlockedMatrix,
  block: number,
): QuantizedKernel {
  const blocksAcross = axis === 0 ? columns : Math.ceil(columns / block)
  const blocks = blocksAcross * (axis === 0 ? Math.ceil(rows / block) : rows)
  const blockOf = Int32Array.from(weights, (_, i) => {
    const row = Math.floor(i / columns)
    const column = i % columns
    return axis === 0
      ? Math.floor(row / block) * blocksAcross + column
      : row * blocksAcross + Math.floor(column / block)
  })
  const largest = new Float64Array(blocks)
  for (let i = 0; i < weights.length; i++) {
    largest[blockOf[i]] = Math.max(largest[blockOf[i]], Math.abs(weights[i]))
  }
  const scales = new Float32Array(blocks)
  const leastErrors = new Float64Array(blocks).fill(Number.POSITIVE_INFINITY)
  for (const clipping of clippings) {
    // A block of zeros takes any scale.
    const tried = Float32Array.from(largest, magnitude => (magnitude * clipping) / 7 || 1)
    const errors = new Float64Array(blocks)
    for (let i = 0; i < weights.length; i++) {
      const scale = tried[blockOf[i]]
      errors[blockOf[i]] += (weights[i] - scale * nearestInt4(weights[i] / scale)) ** 2
    }
    for (let b = 0; b < blocks; b++) {
      if (!(errors[b] < leastErrors[b])) continue
      leastErrors[b] = errors[b]
      scales[b] = tried[b]
    }
  }
  return { values: Int8Array.from(weights, (weight, i) => nearestInt4(weight / scales[blockOf[i]])), scales }
}

function nearestInt4(value: number): number {
  return Math.max(-8, Math.min(7, roundTiesToEven(value)))
}
