/** What a run will cost on this machine: the operations of its networks, at the pace at which it does them. */
import { exampleSeconds, predictedSeconds } from '../engine/onnxruntime/speed.js'
import type { InputShape, Normalization } from '../model/architecture.js'
import { buildArchitecture } from '../model/architectures/index.js'
import { elements, inputShapeOf } from '../model/shapes.js'
import type { Pipeline } from '../pipeline/config.js'
import { type DatasetShape, estimate, forwardFlops, trainingFactor } from '../pipeline/estimate.js'
import type { StageName } from '../pipeline/stage.js'
import { stepBytes } from '../pipeline/step-memory.js'
import { bytes } from '../report/format.js'
import { openBackbone } from '../stages/backbone-model.js'
import { duration } from '../terminal/duration.js'

/** Floating-point operations of the step that is timed, if its batch is not too small for that. */
const timedFlops = 2e10
const smallestTimedBatch = 4

export interface RunCost {
  readonly seconds: Partial<Record<StageName, number>>
  /** Of all members that train side by side and the training set, in bytes. */
  readonly memory: number
}

/** From the network's floating-point operations, and the time that a step of it takes this machine. */
export async function costOf(pipeline: Pipeline, data: DatasetShape, workers: number): Promise<RunCost> {
  const { model } = pipeline
  const backbone = model.backbone && (await openBackbone(model.backbone, data.input))
  const shape = backbone ? { ...data, input: { kind: 'features', features: backbone.size } as const } : data
  const { input, classes, trainExamples } = shape
  const architecture = buildArchitecture(model.architecture, unitNormalization(input), {
    input,
    classes,
    width: model.width,
    dropout: model.dropout,
  })
  const forward = forwardFlops(architecture)
  const few = Math.max(smallestTimedBatch, Math.round(timedFlops / (trainingFactor * forward)))
  const { trained, predicted } = await exampleSeconds(architecture, Math.min(model.batchSize, few))
  const pace = (stage: string) => (stage === 'predict' ? predicted : trained / trainingFactor) / forward
  const seconds = Object.entries(estimate(pipeline, shape)).map(([stage, flops]) => [
    stage,
    (flops * pace(stage)) / workers,
  ])
  const batchSize = Math.min(model.batchSize, trainExamples)
  const examples = trainExamples + shape.testExamples
  return {
    seconds: {
      ...(backbone && {
        backbone: (examples * (await predictedSeconds(backbone.bytes, data.input))) / workers,
      }),
      ...Object.fromEntries(seconds),
    },
    memory: workers * (stepBytes(architecture, batchSize) + inputBytes(shape)),
  }
}

/** Seconds of all stages together. */
export const totalSeconds = ({ seconds }: RunCost): number =>
  Object.values(seconds).reduce((total, stage) => total + stage, 0)

/** @param memory in bytes */
export function costText(seconds: number, memory: number, workers: number): string {
  const time = duration(Math.max(1, Math.round(seconds)))
  return `about ${time} of computing with ${workers} workers, ${bytes(memory)} of memory in training`
}

function unitNormalization(input: InputShape): Normalization {
  const channels = input.kind === 'image' ? input.channels : input.features
  return { mean: new Float32Array(channels), deviation: new Float32Array(channels).fill(1) }
}

/** The training set as every worker holds it. */
function inputBytes({ input, trainExamples }: DatasetShape): number {
  const width = input.kind === 'image' ? Uint8Array.BYTES_PER_ELEMENT : Float32Array.BYTES_PER_ELEMENT
  return trainExamples * elements(inputShapeOf(input)) * width
}
