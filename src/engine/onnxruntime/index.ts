/** The default engine: training and prediction on ONNX Runtime's CPU provider. */
import { env } from 'onnxruntime-node'
import type { Engine } from '../engine.js'
import { createOnnxRuntimeTrainer } from './trainer.js'

export function createOnnxRuntimeEngine(): Engine {
  return {
    name: 'onnxruntime',
    version: env.versions.node ?? env.versions.common,
    createTrainer: createOnnxRuntimeTrainer,
  }
}
