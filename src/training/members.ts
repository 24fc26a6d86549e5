/**
 * Trained members as artefacts: a key for everything that decides a member's bytes, and the member made only
 * where the store does not have it. A dense member from whose middle sparse ones branch off is trained in pieces,
 * each an artefact too, so that a killed run loses less and its branches find where to begin.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import pLimit from 'p-limit'
import type { Distillation } from '../engine/engine.js'
import { PielineError, RunError } from '../errors.js'
import type { Architecture, KernelBits } from '../model/architecture.js'
import { withFakeQuantization } from '../model/fake-quantization.js'
import { prunableKernels } from '../model/weights.js'
import type { ModelConfig } from '../pipeline/config.js'
import { keyOf } from '../pipeline/key.js'
import type { Progress } from '../pipeline/progress.js'
import type { Artefact, ArtefactStore } from '../pipeline/store.js'
import type { Seed } from '../random.js'
import type { Patience } from '../threads/pulse.js'
import { chunkSteps, planTraining, stepAt, type TrainingPlan } from './plan.js'
import type { Criterion, PruningPlan } from './pruning.js'
import type { LessonPlan } from './recovery.js'
import { createTrainingPool, type TrainingPool } from './training-pool.js'
import type { TrainProgress, TrainTask } from './training-worker.js'

/** Raise it when the same settings would give other weights. */
const trainingVersion = 1

/** The member's ONNX file within its artefact. */
export const modelFile = 'model.onnx'
/** Its weights and momentum buffers, to go on from. */
const stateFile = 'state.safetensors'

/** How a member is pruned while it trains, in shares of training (see `compress` in the pipeline's schema). */
export interface Pruning {
  readonly sparsity: number
  readonly scope: PruningPlan['scope']
  /** Absent: magnitude. */
  readonly criterion?: Criterion
  readonly begin: number
  readonly end: number
  /** In steps. */
  readonly frequency: number
  /**
   * `scratch`: trained anew. `branch`: goes on from its dense member where pruning begins. `fine-tune`: the
   * finished dense member is pruned at once.
   */
  readonly start: 'scratch' | 'branch' | 'fine-tune'
  /** Epochs for which the pruned member is trained on under its masks, at a tenth of the peak rate. */
  readonly epochs: number
  /** What it learns from then, besides its labels. */
  readonly lessons?: Lessons
}

/** @see LessonPlan */
export interface Lessons {
  /** Of the weights by class; absent: all weigh the same. */
  readonly strength?: number
  readonly distillation?: Distillation
  /** The dense members that are its teachers and its measure, at least one. */
  readonly dense: readonly ModelFile[]
}

export interface ModelFile {
  readonly file: string
  /** Names its bytes. */
  readonly key: string
}

/** How a member is trained for the rounding that awaits it. */
export interface QuantizationAwareness {
  readonly kernelBits: KernelBits
  /** Share of training from which on the network sees everything rounded. */
  readonly begin: number
  /** Properties of the ONNX file, beside the ranges of activations. */
  readonly metadata: Readonly<Record<string, string>>
}

export interface MemberRequest {
  /** Names the member in progress and errors, such as `dense 3`. */
  readonly title: string
  readonly seed: Seed
  /** Rows of the training set on which it trains, ascending. */
  readonly rows: Int32Array
  /** Class of each row of the training set, [training examples]. */
  readonly labels: Int32Array
  /** Weight of each in the loss, [training examples]; absent: all 1. Not for members that have lessons. */
  readonly weights?: Float32Array
  readonly pruning?: Pruning
  /**
   * Makes it the member that goes on with fake quantization: from the dense member as it stood at `begin`, or, if the
   * rest of this request is pruned, from that finished member, whose last part of the schedule it repeats under the
   * masks (Renda et al. 2020, arXiv 2003.02389, rewind the learning rate so).
   */
  readonly awareness?: QuantizationAwareness
  /** Level of the member before it is trained on, for a member that is pruned in training and then trained on. */
  readonly untunedLevel?: string
  /** Shares of training at which other members will branch off. */
  readonly branches?: readonly number[]
  /** Properties of the ONNX file. */
  readonly metadata: Readonly<Record<string, string>>
}

export interface MemberEnvironment {
  readonly engine: TrainTask['engine']
  /** Everything about the engine on which a member's bytes depend. */
  readonly engineVersions: Readonly<Record<string, string>>
  readonly architecture: Architecture
  readonly model: ModelConfig
  /** Path of the inputs, training examples first. */
  readonly inputs: string
  /** Names the bytes of the training set. */
  readonly inputsKey: string
  readonly store: ArtefactStore
  readonly workers: number
  readonly progress: Progress
  readonly signal: AbortSignal
  /** With threads that get no further; the usual one when absent. */
  readonly patience?: Patience
}

/** A piece of a member's training, beginning where the piece before it ended. */
interface Piece {
  readonly key: string
  readonly architecture: Architecture
  readonly plan: TrainingPlan
  readonly start: number
  readonly end: number
  readonly pruning?: PruningPlan
  /** Whether momentum goes on from the piece before. */
  readonly keepMomentum: boolean
  /** Properties of the ONNX file of the member that is finished after it. */
  readonly metadata?: MemberRequest['metadata']
  readonly lessons?: LessonPlan & { readonly dense: readonly ModelFile[] }
  /** Whether it is this member's own and not that of the dense member behind it. */
  readonly own: boolean
}

/**
 * Trains the members that the store does not have, side by side, and returns their artefacts in the order asked
 * for. A member whose thread hangs goes on on another from the last piece that is finished. The first failure lets
 * the others stop at their next safe point.
 * @throws RunError that names the member; the signal's reason when asked to stop.
 */
export async function produceMembers(
  environment: MemberEnvironment,
  label: string,
  requests: readonly MemberRequest[],
): Promise<Artefact[]> {
  const { store, workers, progress, signal } = environment
  const pool = createTrainingPool(workers, progress.log, environment.patience)
  const stop = () => pool.stop()
  signal.addEventListener('abort', stop)
  const pieces = requests.map(request => piecesOf(environment, request))
  progress.start(
    label,
    pieces.reduce((sum, list) => sum + ownSteps(list), 0),
  )
  const limit = pLimit(store.elsewhere ?? workers)
  let failure: RunError | undefined
  try {
    const artefacts = await Promise.all(
      requests.map((request, index) =>
        limit(async () => {
          if (failure !== undefined || signal.aborted) return undefined
          try {
            return await produceMember(environment, pool, request, pieces[index]!)
          } catch (error) {
            failure ??= inMember(error, request)
            stop()
            return undefined
          }
        }),
      ),
    )
    signal.throwIfAborted()
    if (failure !== undefined) throw failure
    return artefacts as Artefact[]
  } finally {
    signal.removeEventListener('abort', stop)
    await pool.close()
  }
}

/** The key of each member's artefact, in the order asked for. */
export function memberKeys(environment: MemberEnvironment, requests: readonly MemberRequest[]): string[] {
  return requests.map(request => piecesOf(environment, request).at(-1)!.key)
}

function ownSteps(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { own, start, end }) => (own ? sum + end - start : sum), 0)
}

/** The member's training in pieces, in order; the last one finishes it. */
function piecesOf(environment: MemberEnvironment, request: MemberRequest): Piece[] {
  const { model } = environment
  const { pruning } = request
  const plan = planTraining(model, request.rows.length)
  if (request.awareness !== undefined) return awarePieces(environment, request, plan, request.awareness)
  if (pruning === undefined) return densePieces(environment, request, plan, request.branches ?? [])
  const kernels = prunableKernels(environment.architecture)
  const pruned = (begin: number, end: number): PruningPlan => {
    const { sparsity, scope, criterion, frequency } = pruning
    return { kernels, sparsity, scope, ...(criterion && { criterion }), frequency, begin, end }
  }
  const begin = stepAt(plan, pruning.begin)
  const end = stepAt(plan, pruning.end)
  const { metadata, untunedLevel } = request
  const asLevel = (level: string): MemberRequest => ({ ...request, metadata: { ...metadata, level } })
  const untuned = untunedLevel === undefined ? request : asLevel(untunedLevel)
  const finished = (from: number, after: string | undefined) =>
    lastPiece(environment, untuned, { plan, start: from, pruning: pruned(begin, end), after })
  switch (pruning.start) {
    case 'scratch':
      return tuned(environment, request, plan, [finished(0, undefined)], zerosStay(pruned(0, 0)))
    case 'branch': {
      const trunk = begin === 0 ? [] : behind([trunkPiece(environment, request, plan, 0, begin)])
      const pieces = [...trunk, finished(begin, trunk.at(-1)?.key)]
      return tuned(environment, request, plan, pieces, zerosStay(pruned(0, 0)))
    }
    case 'fine-tune': {
      const dense = behind(densePieces(environment, asLevel('dense'), plan, []))
      return tuned(environment, request, plan, dense, pruned(0, 0))
    }
  }
}

function zerosStay(masks: PruningPlan): PruningPlan {
  return { ...masks, criterion: { kind: 'zeros' } }
}

/** The pieces and, where the member is trained on, one more for that. */
function tuned(
  { model, ...environment }: MemberEnvironment,
  request: MemberRequest,
  { learningRates }: TrainingPlan,
  pieces: readonly Piece[],
  masks: PruningPlan,
): Piece[] {
  const { epochs, lessons } = request.pruning!
  if (epochs === 0) return [...pieces]
  const learningRate = Math.max(...learningRates) / 10
  const plan = planTraining(
    { ...model, epochs, schedule: 'cosine', warmupEpochs: 0, learningRate },
    request.rows.length,
  )
  const trainer = { ...plan.trainer, ...(lessons?.distillation && { distillation: lessons.distillation }) }
  const last = lastPiece({ model, ...environment }, request, {
    plan: { ...plan, trainer },
    start: 0,
    pruning: masks,
    after: pieces.at(-1)!.key,
    lessons,
  })
  return [...pieces, { ...last, keepMomentum: false }]
}

/** Pieces of the member that another one goes on from. */
function behind(pieces: readonly Piece[]): Piece[] {
  return pieces.map(piece => ({ ...piece, own: false }))
}

function awarePieces(
  environment: MemberEnvironment,
  { awareness: _, ...request }: MemberRequest,
  plan: TrainingPlan,
  { kernelBits, begin, metadata }: QuantizationAwareness,
): Piece[] {
  const architecture = withFakeQuantization(environment.architecture, kernelBits)
  // A step at least, in which ranges are found.
  const lastCall = Math.floor((plan.steps - 1) / chunkSteps) * chunkSteps
  const start = Math.min(stepAt(plan, begin), lastCall)
  const goOn = (from: readonly Piece[], pruning?: PruningPlan): Piece[] => {
    const training = { plan, start, after: from.at(-1)?.key, ...(pruning && { pruning }) }
    return [...behind(from), lastPiece({ ...environment, architecture }, { ...request, metadata }, training)]
  }
  const { pruning } = request
  if (pruning === undefined) {
    return goOn(start === 0 ? [] : [trunkPiece(environment, request, plan, 0, start)])
  }
  const { sparsity, scope, frequency } = pruning
  const kernels = prunableKernels(environment.architecture)
  const masks = zerosStay({ kernels, sparsity, scope, frequency, begin: start, end: start })
  const pieces = goOn(piecesOf(environment, request), masks)
  return pieces.with(-1, { ...pieces.at(-1)!, keepMomentum: false })
}

/** The dense member, cut where others branch off. */
function densePieces(
  environment: MemberEnvironment,
  request: MemberRequest,
  plan: TrainingPlan,
  branches: readonly number[],
): Piece[] {
  const cuts = [...new Set(branches.map(share => stepAt(plan, share)))]
    .filter(step => step > 0 && step < plan.steps)
    .sort((a, b) => a - b)
  const trunk = cuts.map((cut, index) => trunkPiece(environment, request, plan, cuts[index - 1] ?? 0, cut))
  return [...trunk, lastPiece(environment, request, { plan, start: cuts.at(-1) ?? 0 })]
}

/** Dense training up to a step. Its key does not tell where it was cut before, since its bytes do not. */
function trunkPiece(
  environment: MemberEnvironment,
  request: MemberRequest,
  plan: TrainingPlan,
  start: number,
  end: number,
): Piece {
  const key = keyOf({ ...identity(environment, request, plan), upTo: end })
  const { architecture } = environment
  return { key, architecture, plan, start, end, keepMomentum: true, own: true }
}

function lastPiece(
  environment: MemberEnvironment,
  request: MemberRequest,
  training: {
    readonly plan: TrainingPlan
    readonly start: number
    readonly pruning?: PruningPlan
    /** Key of the dense piece that a pruned member goes on from. */
    readonly after?: string | undefined
    readonly lessons?: Lessons | undefined
  },
): Piece {
  const { plan, start, pruning, after, lessons } = training
  const { architecture } = environment
  const { metadata } = request
  const { strength, dense, distillation } = lessons ?? {}
  const teaching = lessons && { strength, dense: dense!.map(({ key }) => key) }
  const key = keyOf({ ...identity(environment, request, plan), metadata, pruning, after, lessons: teaching })
  const end = plan.steps
  return {
    key,
    architecture,
    plan,
    start,
    end,
    keepMomentum: true,
    metadata,
    own: true,
    ...(pruning && { pruning }),
    ...(lessons && {
      lessons: {
        ...(strength !== undefined && { strength }),
        ...(distillation && { temperature: distillation.temperature }),
        dense: dense!,
      },
    }),
  }
}

function identity(environment: MemberEnvironment, request: MemberRequest, plan: TrainingPlan) {
  const { architecture, engine, engineVersions, inputsKey } = environment
  const { mean, deviation } = architecture.normalization
  return {
    training: trainingVersion,
    engine,
    engineVersions,
    architecture: { ...architecture, normalization: { mean: [...mean], deviation: [...deviation] } },
    plan: { ...plan, learningRates: digest(plan.learningRates) },
    inputs: inputsKey,
    rows: digest(request.rows),
    labels: digest(request.labels),
    ...(request.weights && { weights: digest(request.weights) }),
    seed: request.seed,
  }
}

function digest(values: Int32Array | Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex')
}

async function produceMember(
  environment: MemberEnvironment,
  pool: TrainingPool,
  request: MemberRequest,
  pieces: readonly Piece[],
): Promise<Artefact> {
  const { store, progress, signal } = environment
  let artefact: Artefact | undefined
  let first = pieces.length
  while (first > 0 && artefact === undefined) artefact = await store.find(pieces[--first]!.key)
  if (artefact !== undefined) first++
  const reused = ownSteps(pieces.slice(0, first))
  if (reused > 0) progress.advance(reused, `${request.title} reused`)
  for (const piece of pieces.slice(first)) {
    signal.throwIfAborted()
    const { title } = request
    const task = taskOf(environment, request, piece, artefact)
    let reported = 0
    artefact = await pool.despiteHanging(title, () => {
      let done = 0
      // Steps that are done again were told already.
      const onProgress = ({ steps, loss }: TrainProgress) => {
        done += steps
        if (done <= reported) return
        if (piece.own) progress.advance(done - reported, `${title}, loss ${loss.toFixed(3)}`)
        reported = done
      }
      return store.produce(piece.key, folder => trainInto(folder, pool, task, onProgress), {
        kind: 'train',
        title,
        task,
        onReport: report => onProgress(report as TrainProgress),
      })
    })
    // Of a piece that another member, run or machine made, not every step is told.
    const untold = piece.end - piece.start - reported
    if (piece.own && untold > 0) progress.advance(untold, title)
  }
  return artefact!
}

/** A piece of training, apart from where it is done. */
export interface TrainWork extends Omit<TrainTask, 'state' | 'model' | 'stop' | 'progress' | 'pulse'> {
  /** Properties of the ONNX file of the member that is finished after it. */
  readonly metadata?: MemberRequest['metadata']
}

/** Writes the files of the artefact that a piece of training makes. */
export function trainInto(
  folder: string,
  pool: TrainingPool,
  { metadata, ...work }: TrainWork,
  onProgress: (progress: TrainProgress) => void,
): Promise<void> {
  const state = join(folder, stateFile)
  const model = metadata && { file: join(folder, modelFile), metadata }
  return pool.train({ ...work, state, ...(model && { model }) }, onProgress)
}

function taskOf(
  environment: MemberEnvironment,
  request: MemberRequest,
  piece: Piece,
  before: Artefact | undefined,
): TrainWork {
  const { engine, inputs } = environment
  const { labels, weights, rows, seed } = request
  const { architecture, metadata, plan, pruning, start, end, keepMomentum, lessons } = piece
  return {
    engine,
    architecture,
    inputs,
    labels,
    ...(weights && { weights }),
    rows,
    plan,
    ...(pruning && { pruning }),
    ...(lessons && { lessons: { ...lessons, dense: lessons.dense.map(({ file }) => file) } }),
    seed,
    start,
    end,
    ...(before && { from: join(before.folder, stateFile) }),
    keepMomentum,
    ...(metadata && { metadata }),
  }
}

/** Names the member, which its worker does not know of. */
function inMember(error: unknown, { title }: MemberRequest): RunError {
  const { message, key, mend } = error instanceof PielineError ? error : ({} as Partial<PielineError>)
  const reason = message ?? (error instanceof Error ? error.message : String(error))
  return new RunError(`member ${title} failed: ${reason}`, {
    cause: error,
    ...(key !== undefined && { key }),
    ...(mend !== undefined && { mend }),
  })
}
