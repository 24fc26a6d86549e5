import type { GraphBuilder } from '../../../onnx/graph.js'

/**
 * Puts one row of a constant behind each picture, for windows that read outside of it:
 * [batch · pixels, channels] → [batch, pixels + 1, channels].
 */
export function withExtraRow(
  graph: GraphBuilder,
  matrix: string,
  batch: number,
  pixels: number,
  channels: number,
  value: number,
): string {
  const pictures = graph.reshape(matrix, [batch, pixels, channels])
  return graph.node('Concat', [pictures, graph.filled(value, [batch, 1, channels])], { axis: 1 })
}
