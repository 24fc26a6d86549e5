/** What `pieline run --dry-run` prints. */
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fingerprint } from '../dataset/fingerprint.js'
import { exampleSeconds, predictedSeconds } from '../engine/onnxruntime/speed.js'
import type { InputShape, Normalization } from '../model/architecture.js'
import { buildArchitecture } from '../model/architectures/index.js'
import { elements, inputShapeOf } from '../model/shapes.js'
import type { Pipeline } from '../pipeline/config.js'
import { type DatasetShape, estimate, forwardFlops, trainingFactor } from '../pipeline/estimate.js'
import { type PlannedPart, partsOf, planRun } from '../pipeline/plan.js'
import type { StageName } from '../pipeline/stage.js'
import { stages } from '../pipeline/stages.js'
import { stepBytes } from '../pipeline/step-memory.js'
import { type ArtefactStore, openStore, storeName } from '../pipeline/store.js'
import { bytes } from '../report/format.js'
import { openBackbone } from '../stages/backbone-model.js'
import { duration } from '../terminal/duration.js'
import { styleFor } from '../terminal/style.js'
import { table } from '../terminal/table.js'
import { shapeOf } from './dataset-shape.js'

interface Flags {
  readonly out: string
  readonly workers?: number
  readonly json?: true
}

/** Floating-point operations of the step that is timed, if its batch is not too small for that. */
const timedFlops = 2e10
const smallestTimedBatch = 4

/**
 * @param unscaled the pipeline as written, where `--scale` made it smaller: what it would cost is said too
 */
export async function printPlan(
  pipeline: Pipeline,
  { out, workers, json }: Flags,
  unscaled?: Pipeline,
): Promise<void> {
  const folder = join(out, storeName)
  // A dry run makes nothing, the store's folder included.
  const store = existsSync(folder) ? await openStore(folder) : emptyStore
  const plan = await planRun(pipeline, { stages, fingerprint, store })
  const parallel = workers ?? availableParallelism()
  const isDone = plan.stages.every(({ artefact }) => artefact)
  const cost = isDone ? undefined : await costOf(pipeline, parallel)
  const seconds = cost?.seconds ?? {}
  const planned = await Promise.all(
    plan.stages.map(async stage => {
      const reused = stage.artefact !== undefined
      const parts = reused ? [] : await partsOf(stage, plan, pipeline, store)
      const missing = parts?.filter(part => !part.reused).length
      const all = reused ? 0 : (seconds[stage.stage.name] ?? 0)
      return {
        stage: stage.stage.name,
        key: stage.key,
        reused,
        parts,
        seconds: parts?.length ? (all * missing!) / parts.length : all,
      }
    }),
  )
  const total = planned.reduce((sum, stage) => sum + stage.seconds, 0)
  const whole = unscaled && (await costOf(unscaled, parallel))
  if (json) {
    const said = {
      pipeline: pipeline.name,
      dataset: plan.dataset,
      stages: planned,
      seconds: total,
      ...(cost && { memoryBytes: cost.memory }),
      ...(whole && { unscaled: { seconds: sum(whole.seconds), memoryBytes: whole.memory } }),
    }
    console.log(JSON.stringify(said, null, 2))
    return
  }
  const style = styleFor(process.stdout)
  const rows = planned.map(({ stage, reused, parts, seconds }) => {
    const missing = parts?.filter(part => !part.reused) ?? []
    return [
      style('bold', stage),
      reused ? style('dim', 'there already') : 'would run',
      seconds === 0 ? '' : `about ${duration(Math.max(1, Math.round(seconds)))}`,
      parts?.length ? `${missing.length} of ${parts.length} members to train${namesOf(missing)}` : '',
    ]
  })
  const columns = [
    { title: 'stage' },
    { title: '' },
    { title: 'time', align: 'right' as const },
    { title: '' },
  ]
  console.log(table(columns, rows, style))
  if (total > 0) {
    console.log(`\n  ${sentence(total, cost!.memory, parallel)}`)
    const { dataset, model, population } = pipeline
    if (whole) {
      const width = Number(model.width.toPrecision(2))
      console.log(
        `  with ${dataset.limit} training examples, ${population.seeds} seeds a level and width ${width};`,
      )
      console.log(`  unscaled ${sentence(sum(whole.seconds), whole.memory, parallel)}`)
    }
  }
}

function sentence(seconds: number, memory: number, workers: number): string {
  const time = duration(Math.max(1, Math.round(seconds)))
  return `about ${time} of computing with ${workers} workers, ${bytes(memory)} of memory in training`
}

const sum = (seconds: Cost['seconds']) => Object.values(seconds).reduce((total, stage) => total + stage, 0)

function namesOf(parts: readonly PlannedPart[]): string {
  if (parts.length === 0) return ''
  const names = parts.slice(0, mostNames).map(({ name }) => name)
  return `: ${names.join(', ')}${parts.length > names.length ? ', …' : ''}`
}

/** Members named one by one; all of them are in what `--json` prints. */
const mostNames = 6

const emptyStore: ArtefactStore = {
  find: async () => undefined,
  produce: () => Promise.reject(new Error('a dry run makes nothing')),
}

interface Cost {
  readonly seconds: Partial<Record<StageName, number>>
  /** Of all members that train side by side and the training set, in bytes. */
  readonly memory: number
}

/** From the network's floating-point operations, and the time that a step of it takes this machine. */
async function costOf(pipeline: Pipeline, workers: number): Promise<Cost> {
  const data = await shapeOf(pipeline.dataset)
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

function unitNormalization(input: InputShape): Normalization {
  const channels = input.kind === 'image' ? input.channels : input.features
  return { mean: new Float32Array(channels), deviation: new Float32Array(channels).fill(1) }
}

/** The training set as every worker holds it. */
function inputBytes({ input, trainExamples }: DatasetShape): number {
  const width = input.kind === 'image' ? Uint8Array.BYTES_PER_ELEMENT : Float32Array.BYTES_PER_ELEMENT
  return trainExamples * elements(inputShapeOf(input)) * width
}
