/** Worker thread: trains one member, or a part of its training, from files to files. */
import { readFile, writeFile } from 'node:fs/promises'
import type { MessagePort } from 'node:worker_threads'
import type { Engine, TrainingState } from '../engine/engine.js'
import { createOnnxRuntimeEngine } from '../engine/onnxruntime/index.js'
import { loadTfjsEngine } from '../engine/tfjs/index.js'
import { type ErrorRecord, recordOf } from '../error-record.js'
import { PielineError } from '../errors.js'
import type { Architecture } from '../model/architecture.js'
import { initialMomenta, initialWeights, type SamplePictures, withRanges } from '../model/initialize.js'
import { exportOnnx } from '../onnx/export.js'
import { streamNpy } from '../pipeline/files.js'
import type { Seed } from '../random.js'
import { beat, type Pulse } from '../threads/pulse.js'
import type { TrainingPlan } from './plan.js'
import { applyMasks, masksAt, type PruningPlan, updatesMasks } from './pruning.js'
import { type LessonPlan, type Lessons, lessonsOf } from './recovery.js'
import { encodeState, readState } from './state-file.js'
import { train } from './train.js'

export interface TrainTask {
  readonly engine: 'onnxruntime' | 'tfjs'
  readonly architecture: Architecture
  /** Path of the inputs, of which the first `labels.length` rows are the training set. */
  readonly inputs: string
  /** Class of each training example. */
  readonly labels: Int32Array
  /** Weight of each in the loss; absent: all 1. */
  readonly weights?: Float32Array
  /** Rows on which the member trains. */
  readonly rows: Int32Array
  readonly plan: TrainingPlan
  readonly pruning?: PruningPlan
  /** What it learns from besides its labels, and paths of the ONNX files of the dense members that say it. */
  readonly lessons?: LessonPlan & { readonly dense: readonly string[] }
  readonly seed: Seed
  /** Steps to run: from `start` up to `end`. */
  readonly start: number
  readonly end: number
  /** Path of the state to start from; absent: the initial weights of `seed`. */
  readonly from?: string
  /** Whether momentum goes on from that state too, or starts at zero. */
  readonly keepMomentum: boolean
  /** Path of the state to write. */
  readonly state: string
  /** The ONNX file to write, for a member whose training ends here. */
  readonly model?: { readonly file: string; readonly metadata: Readonly<Record<string, string>> }
  /** On shared memory; not 0 once the work is to stop. */
  readonly stop: Int32Array
  /** Hears of steps done, as {@link TrainProgress}. */
  readonly progress: MessagePort
  /** Counts what was done, the small parts of it too. */
  readonly pulse: Pulse
}

export interface TrainProgress {
  /** Steps since the last message. */
  readonly steps: number
  /** Mean loss over them. */
  readonly loss: number
}

/** @returns what it says of an error on purpose: errors themselves lose their class and fields between threads */
export default async function trainTask(task: TrainTask): Promise<ErrorRecord | undefined> {
  try {
    await trainMember(task)
    return undefined
  } catch (error) {
    if (error instanceof PielineError) return recordOf(error)
    throw error
  }
}

async function trainMember(task: TrainTask): Promise<void> {
  const { architecture, labels, weights, start, end } = task
  const gotFurther = () => beat(task.pulse)
  const inputs = await trainingInputs(task.inputs, labels.length)
  gotFurther()
  const initial = await initialState(task, inputs)
  const lessons = await readLessons(task, inputs, initial, gotFurther)
  const data = {
    inputs,
    examples: labels.length,
    labels,
    ...(weights && { exampleWeights: weights }),
    ...lessons,
  }
  const { rows, plan, seed, pruning } = task
  let done = start
  const state = await train(
    await engineOf(task.engine),
    { architecture, data, rows, plan, seed, ...(pruning && { pruning }) },
    initial,
    start,
    end,
    {
      stopped: () => Atomics.load(task.stop, 0) !== 0,
      gotFurther,
      onProgress(step, loss) {
        task.progress.postMessage({ steps: step - done, loss } satisfies TrainProgress)
        done = step
      },
    },
  )
  task.progress.close()
  await writeFile(task.state, encodeState(state))
  if (task.model) {
    await writeFile(task.model.file, exportOnnx(architecture, state.weights, task.model.metadata))
  }
}

async function readLessons(
  { lessons, architecture, labels, rows, pruning, start, seed }: TrainTask,
  inputs: Uint8Array | Float32Array,
  { weights }: TrainingState,
  gotFurther: () => void,
): Promise<Lessons> {
  if (lessons === undefined) return {}
  const dense = await Promise.all(lessons.dense.map(file => readFile(file)))
  const compressed =
    pruning && updatesMasks(pruning, start)
      ? applyMasks(weights, masksAt(pruning, start, weights, seed))
      : weights
  const model = exportOnnx(architecture, compressed)
  return lessonsOf(lessons, dense, model, { inputs, labels }, rows, architecture.classes, gotFurther)
}

let loaded: { path: string; inputs: Uint8Array | Float32Array } | undefined

/** The training set, read once a thread: its members all train on the same. */
async function trainingInputs(path: string, examples: number): Promise<Uint8Array | Float32Array> {
  if (loaded?.path !== path) {
    const { value } = await streamNpy(path, examples, { end: examples }).next()
    loaded = { path, inputs: value as Uint8Array | Float32Array }
  }
  return loaded.inputs
}

const engines = new Map<string, Promise<Engine>>()

function engineOf(name: TrainTask['engine']): Promise<Engine> {
  let engine = engines.get(name)
  if (engine === undefined) {
    engine = name === 'tfjs' ? loadTfjsEngine() : Promise.resolve(createOnnxRuntimeEngine())
    engines.set(name, engine)
  }
  return engine
}

async function initialState(task: TrainTask, inputs: Uint8Array | Float32Array): Promise<TrainingState> {
  const { architecture } = task
  if (task.from !== undefined) {
    const { weights: found, momenta } = await readState(task.from)
    const weights = withRanges(architecture, found)
    return { weights, momenta: task.keepMomentum ? momenta : initialMomenta(architecture) }
  }
  const sample: SamplePictures | undefined =
    inputs instanceof Uint8Array ? { pixels: inputs, examples: task.labels.length } : undefined
  return { weights: initialWeights(architecture, task.seed, sample), momenta: initialMomenta(architecture) }
}
