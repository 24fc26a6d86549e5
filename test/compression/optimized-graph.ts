import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession } from 'onnxruntime-node'
import { decodeModel, type Graph } from '../../src/onnx/model.js'

/** The graph that ONNX Runtime makes of a model at this level of optimization, and runs. */
export async function optimizedGraph(bytes: Uint8Array, level: 'extended' | 'all'): Promise<Graph> {
  const folder = await mkdtemp(join(tmpdir(), 'pieline-optimized-'))
  try {
    const optimizedModelFilePath = join(folder, 'optimized.onnx')
    // The runtime warns that a graph optimized for this processor may not run on another.
    const options = { graphOptimizationLevel: level, optimizedModelFilePath, logSeverityLevel: 3 } as const
    await (await InferenceSession.create(bytes, options)).release()
    return decodeModel(await readFile(optimizedModelFilePath)).graph
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** How often each operator occurs. */
export function operatorCounts(graph: Graph): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { opType } of graph.node) counts[opType] = (counts[opType] ?? 0) + 1
  return counts
}
