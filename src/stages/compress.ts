/**
 * Makes the members of every compressed level: pruned ones by training, quantized ones from the ONNX files of the
 * dense or the pruned ones.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { filterGroups } from '../compression/filter.js'
import { compress as compressModel, type MethodName, type MethodOptions } from '../compression/methods.js'
import { networkInputs } from '../dataset/network-inputs.js'
import { sampleActivations } from '../engine/onnxruntime/calibration.js'
import type { Architecture, Weight } from '../model/architecture.js'
import { prunableKernels, weightSpecs } from '../model/weights.js'
import { exportOnnx } from '../onnx/export.js'
import { decodeModel } from '../onnx/model.js'
import type { PruningConfig, QuantizationConfig } from '../pipeline/config.js'
import { readNpyRows } from '../pipeline/files.js'
import {
  awareOf,
  isPruning,
  type Level,
  levelsOf,
  prunedLevelName,
  untunedLevelName,
} from '../pipeline/levels.js'
import { linkFile } from '../pipeline/link.js'
import type { PlanningContext, Stage, StageContext } from '../pipeline/stage.js'
import { permutation, randomStream, type Seed } from '../random.js'
import {
  type Lessons,
  type MemberEnvironment,
  type MemberRequest,
  type ModelFile,
  memberKeys,
  modelFile,
  type Pruning,
  produceMembers,
} from '../training/members.js'
import {
  memberEnvironment,
  memberMetadata,
  memberRows,
  memberSeed,
  readTrainingSet,
  type TrainingSet,
} from '../training/population.js'
import type { Criterion } from '../training/pruning.js'

export const compress: Stage = {
  name: 'compress',
  version: 1,
  inputs: ['ingest', 'backbone', 'train'],
  wanted: ({ population }) => population.models === undefined,
  settings: ({ compress: configs, model, engine, population, seed }) => ({
    configs,
    model,
    engine,
    population,
    seed,
  }),
  async parts(context) {
    const { rounds } = await levelMembers(context, await readTrainingSet(context))
    return rounds.flatMap(round => [...round].map(([key, { title }]) => ({ name: title, key })))
  },
  async run(context) {
    const levels = levelsOf(context.pipeline).slice(1)
    const trainingSet = await readTrainingSet(context)
    const { files, reused } = await trainLevels(context, trainingSet)
    await convertLevels(context, trainingSet, levels, files)
    return { levels: levels.length, members: levels.length * context.pipeline.population.seeds, reused }
  },
}

function seedsOf({ pipeline }: Pick<StageContext, 'pipeline'>): number[] {
  const { seeds, firstSeed } = pipeline.population
  return Array.from({ length: seeds }, (_, index) => firstSeed + index)
}

/** How the level's members are pruned while they train; undefined if they are made from the dense ones' files. */
function pruningOf({ config, sparsity }: Level, architecture: Architecture): Pruning | undefined {
  if (!isPruning(config)) return undefined
  const { begin, end, frequency, fineTuneEpochs: epochs } = config
  const criterion = criterionOf(config, architecture)
  // Filters are chosen layer by layer, whatever the scope.
  const scope = config.method === 'filter' ? 'layer' : config.scope
  const chosen = { sparsity, scope, ...(criterion && { criterion }), begin, end, frequency }
  if (config.when === 'training') return { ...chosen, start: config.start, epochs }
  return epochs > 0 ? { ...chosen, start: 'fine-tune', epochs } : undefined
}

/** What the members of a level learn from in fine-tuning besides their labels, and from which dense members. */
function lessonsOf(level: Level, dense: readonly ModelFile[]): Lessons | undefined {
  if (!hasLessons(level)) return undefined
  const { reweight, distill } = level.config
  return { ...reweight, ...(distill && { distillation: distill }), dense }
}

function hasLessons(level: Level): level is Level & { config: PruningConfig } {
  const { config } = level
  return isPruning(config) && (config.reweight !== undefined || config.distill !== undefined)
}

/**
 * The dense members, by the seed of the member that they teach: those that left out the same fold, so that nothing
 * that a teacher says was learned from examples on which the member will be asked for an opinion of its own.
 */
async function denseTeachers(context: PlanningContext): Promise<Map<number, ModelFile[]>> {
  const seeds = seedsOf(context)
  const { crossFit } = context.pipeline.population
  const files = await Promise.all(
    seeds.map(async seed => {
      const file = context.input(`members/dense/${seed}.onnx`)
      const key = createHash('sha256')
        .update(await readFile(file))
        .digest('hex')
      return { seed, file, key }
    }),
  )
  const fold = (seed: number) => (crossFit === 0 ? 0 : seed % crossFit)
  return new Map(
    seeds.map(member => [
      member,
      files.filter(({ seed }) => fold(seed) === fold(member)).map(({ file, key }) => ({ file, key })),
    ]),
  )
}

function criterionOf(config: PruningConfig, architecture: Architecture): Criterion | undefined {
  switch (config.method) {
    case 'magnitude':
      return undefined
    case 'random':
      return { kind: 'random', draw: config.draw }
    case 'first-order':
      return { kind: 'first-order', preserve: config.preserve, examples: config.examples }
    case 'filter': {
      const { graph } = decodeModel(exportOnnx(architecture, blankWeights(architecture)))
      const groups = filterGroups(graph, prunableKernels(architecture))
      return { kind: 'filter', norm: config.norm, groups }
    }
  }
}

function blankWeights(architecture: Architecture): Weight[] {
  return weightSpecs(architecture).map(({ name, shape }) => ({
    name,
    shape,
    data: new Float32Array(shape.reduce((product, size) => product * size, 1)),
  }))
}

/** Members that are trained for their level, all that a key stands for but once: a level and its quantizations share them. */
interface LevelMembers {
  readonly environment: MemberEnvironment
  /** By key: first those that are only pruned, then those that go on with fake quantization, from these or from dense ones. */
  readonly rounds: readonly ReadonlyMap<string, MemberRequest>[]
  /** The keys of each level, one a seed. */
  readonly keysOf: ReadonlyMap<string, readonly string[]>
}

async function levelMembers(
  context: PlanningContext,
  { labels, folds, classNames }: TrainingSet,
): Promise<LevelMembers> {
  const { pipeline } = context
  const environment = await memberEnvironment(context)
  const pruned = new Map<string, MemberRequest>()
  const aware = new Map<string, MemberRequest>()
  const keysOf = new Map<string, string[]>()
  const levels = levelsOf(pipeline)
  const teachers = levels.some(hasLessons) ? await denseTeachers(context) : undefined
  for (const level of levels) {
    const { name, config, sparsity } = level
    const pruning = pruningOf(level, environment.architecture)
    const base = isPruning(config) ? prunedLevelName(config, sparsity) : 'dense'
    const awareness = awareOf(config)
    if (pruning === undefined && awareness === undefined) continue
    const requests = seedsOf(context).map(
      (seed): MemberRequest => ({
        title: `${base} ${seed}`,
        seed: memberSeed(pipeline, seed),
        rows: memberRows(folds, seed, pipeline.population.crossFit),
        labels,
        ...(pruning && { pruning: withLessons(pruning, lessonsOf(level, teachers?.get(seed) ?? [])) }),
        ...(isPruning(config) &&
          pruning?.start !== 'fine-tune' && { untunedLevel: untunedLevelName(config, sparsity) }),
        metadata: memberMetadata(base, seed, classNames),
      }),
    )
    const add = (round: Map<string, MemberRequest>, asked: readonly MemberRequest[]) => {
      const keys = memberKeys(environment, asked)
      keysOf.set(name, keys)
      for (const [index, key] of keys.entries()) round.set(key, asked[index]!)
    }
    if (pruning !== undefined) add(pruned, requests)
    if (awareness === undefined) continue
    const { begin } = awareness
    const seeds = seedsOf(context)
    add(
      aware,
      requests.map((request, index) => ({
        ...request,
        title: `${name} ${seeds[index]}`,
        awareness: { kernelBits: 8, begin, metadata: memberMetadata(name, seeds[index]!, classNames) },
      })),
    )
  }
  return { environment, rounds: [pruned, aware], keysOf }
}

function withLessons(pruning: Pruning, lessons: Lessons | undefined): Pruning {
  return lessons === undefined ? pruning : { ...pruning, lessons }
}

/** Files of the members that were trained for their level, of each level one a seed. */
interface TrainedLevels {
  readonly files: ReadonlyMap<string, readonly string[]>
  /** How many members were there already. */
  readonly reused: number
}

async function trainLevels(context: StageContext, trainingSet: TrainingSet): Promise<TrainedLevels> {
  const { environment, rounds, keysOf } = await levelMembers(context, trainingSet)
  const labels = ['training sparse members', 'training quantized members']
  const fileOf = new Map<string, string>()
  let reused = 0
  for (const [index, round] of rounds.entries()) {
    if (round.size === 0) continue
    const artefacts = await produceMembers(environment, labels[index]!, [...round.values()])
    for (const [at, key] of [...round.keys()].entries())
      fileOf.set(key, join(artefacts[at]!.folder, modelFile))
    reused += artefacts.filter(artefact => artefact.reused).length
  }
  return {
    files: new Map([...keysOf].map(([level, keys]) => [level, keys.map(key => fileOf.get(key)!)])),
    reused,
  }
}

/** What is done to the ONNX file of a member, dense or pruned in training. */
interface Conversion {
  readonly method: MethodName
  readonly options: MethodOptions<MethodName>
  /** Examples of the calibration sample, for methods that take one. */
  readonly calibrationExamples?: number
}

/** @param isTrained whether the members' zeros come from training already */
function conversionsOf(
  { config, sparsity }: Level,
  isTrained: boolean,
  seed: Seed,
  kernels: readonly string[],
): Conversion[] {
  if (config === undefined) return []
  if (!isPruning(config)) return [quantizationOf(config)]
  const { quantize } = config
  return [
    // Training only blanks filters; here they go. First-order saliencies are only ever taken in training.
    ...(config.method === 'first-order' || (isTrained && config.method !== 'filter')
      ? []
      : [pruningAtOnce(config, sparsity, seed, kernels)]),
    ...(quantize === undefined ? [] : [quantizationOf(quantize)]),
  ]
}

function pruningAtOnce(
  config: Exclude<PruningConfig, { method: 'first-order' }>,
  sparsity: number,
  seed: Seed,
  kernels: readonly string[],
): Conversion {
  const { method } = config
  switch (method) {
    case 'magnitude':
      return { method, options: { sparsity, scope: config.scope, kernels } }
    case 'random':
      return {
        method,
        options: { sparsity, scope: config.scope, kernels, seed: [...seed, 'random pruning'] },
      }
    case 'filter':
      return { method, options: { sparsity, norm: config.norm, kernels } }
  }
}

function quantizationOf(config: QuantizationConfig): Conversion {
  const { method } = config
  switch (method) {
    case 'int8-static':
      return { method, options: {}, calibrationExamples: config.calibrationExamples }
    case 'int4':
      return { method, options: { block: config.block } }
    default:
      return { method, options: {} }
  }
}

async function convertLevels(
  context: StageContext,
  { folds }: TrainingSet,
  levels: readonly Level[],
  trained: TrainedLevels['files'],
): Promise<void> {
  const { pipeline, output, progress, signal } = context
  const seeds = seedsOf(context)
  const kernels = prunableKernels((await memberEnvironment(context)).architecture)
  progress.start('compressing members', levels.length * seeds.length)
  for (const level of levels) {
    const { name } = level
    const files = trained.get(name)
    const notes = new Set<string>()
    for (const [index, seed] of seeds.entries()) {
      signal.throwIfAborted()
      const file = files?.[index] ?? context.input(`members/dense/${seed}.onnx`)
      const target = join(output, 'members', name, `${seed}.onnx`)
      const conversions = conversionsOf(level, files !== undefined, memberSeed(pipeline, seed), kernels)
      if (conversions.length === 0) {
        await linkFile(file, target)
      } else {
        let bytes: Uint8Array = await readFile(file)
        for (const { method, options, calibrationExamples } of conversions) {
          const activations =
            calibrationExamples === undefined
              ? undefined
              : sampleActivations(await calibrationSample(context, folds, seed, calibrationExamples), file)
          const compressed = await compressModel(bytes, method, options, activations)
          bytes = compressed.bytes
          for (const note of compressed.notes) notes.add(note)
        }
        await mkdir(dirname(target), { recursive: true })
        await writeFile(target, bytes)
      }
      progress.advance(1, `${name} ${seed}`)
    }
    for (const note of notes) progress.log(`${name}: ${note}`)
  }
}

/** Examples that the member trained on, so that its predictions elsewhere stay out of sample. */
async function calibrationSample(
  context: StageContext,
  folds: Int32Array,
  seed: number,
  examples: number,
): Promise<Uint8Array | Float32Array> {
  const { pipeline } = context
  const rows = memberRows(folds, seed, pipeline.population.crossFit)
  const order = permutation(rows.length, randomStream(...memberSeed(pipeline, seed), 'calibration'))
  const chosen = order.subarray(0, examples).map(position => rows[position]!)
  const { file } = await networkInputs(context)
  return (await readNpyRows(file, chosen.sort())) as Uint8Array | Float32Array
}
