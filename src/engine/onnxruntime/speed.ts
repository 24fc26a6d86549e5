/** How fast a core of this machine multiplies matrices, which is what training mostly does. */
import { InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node'
import { GraphBuilder } from '../../onnx/graph.js'

/** Large enough to run at the peak, small enough for the second-level cache. */
const side = 256
const products = 8
/** Seconds of measuring. */
const enough = 0.3

/** Billions of floating-point operations a second in float32 on one core, the best of repeated runs. */
export async function gigaflops(): Promise<number> {
  const graph = new GraphBuilder()
  const shape = [side, side]
  const factor = graph.input('factor', 'float32', shape)
  let product = factor
  for (let i = 0; i < products; i++) product = graph.node('MatMul', [product, factor])
  graph.output('product', 'float32', shape, product)
  const session = await InferenceSession.create(graph.encode('speed'), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  })
  try {
    // Powers of the identity neither overflow nor become denormal.
    const feeds = { factor: new Tensor('float32', identity(side), shape) }
    let best = Number.POSITIVE_INFINITY
    for (const start = performance.now(); performance.now() - start < enough * 1000; ) {
      const before = performance.now()
      await session.run(feeds)
      best = Math.min(best, performance.now() - before)
    }
    return (products * 2 * side ** 3) / (best * 1e6)
  } finally {
    await session.release()
  }
}

function identity(size: number): Float32Array {
  const matrix = new Float32Array(size * size)
  for (let i = 0; i < size; i++) matrix[i * size + i] = 1
  return matrix
}

/** Execution providers that the installed library brings along, such as `cpu` and `webgpu`. */
export function executionProviders(): string[] {
  return listSupportedBackends()
    .filter(({ bundled }) => bundled)
    .map(({ name }) => name)
}
