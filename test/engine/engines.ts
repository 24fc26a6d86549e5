/** The engines that every suite of this folder runs over. */
import type { Engine } from '../../src/engine/engine.js'
import { createOnnxRuntimeEngine } from '../../src/engine/onnxruntime/index.js'
import { loadTfjsEngine } from '../../src/engine/tfjs/index.js'

export const engines: ReadonlyMap<string, () => Promise<Engine>> = new Map([
  ['tfjs', () => loadTfjsEngine('tfjs')],
  ['onnxruntime', async () => createOnnxRuntimeEngine()],
])
