/** Makes the members of every compressed level: pruned ones by training, quantized ones from the dense ONNX files. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { compress as compressModel, type MethodName, type MethodOptions } from '../compression/methods.js'
import { sampleActivations } from '../engine/onnxruntime/calibration.js'
import { prunableKernels } from '../model/weights.js'
import type { CompressionConfig } from '../pipeline/config.js'
import { readNpyRows } from '../pipeline/files.js'
import { type Level, levelsOf } from '../pipeline/levels.js'
import { linkFile } from '../pipeline/link.js'
import type { PlanningContext, Stage, StageContext } from '../pipeline/stage.js'
import { permutation, randomStream } from '../random.js'
import {
  type MemberRequest,
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

export const compress: Stage = {
  name: 'compress',
  version: 1,
  inputs: ['ingest', 'train'],
  settings: ({ compress: configs, model, engine, population, seed }) => ({
    configs,
    model,
    engine,
    population,
    seed,
  }),
  async parts(context) {
    const wanted = sparseMembers(context, await readTrainingSet(context))
    const requests = wanted.map(({ request }) => request)
    const keys = memberKeys(await memberEnvironment(context), requests)
    return requests.map(({ title }, index) => ({ name: title, key: keys[index]! }))
  },
  async run(context) {
    const levels = levelsOf(context.pipeline).slice(1)
    const trainingSet = await readTrainingSet(context)
    const converted = levels.filter(level => pruningOf(level) === undefined)
    const reused = await trainLevels(context, trainingSet)
    await convertLevels(context, trainingSet, converted)
    return { levels: levels.length, members: levels.length * context.pipeline.population.seeds, reused }
  },
}

function seedsOf({ pipeline }: Pick<StageContext, 'pipeline'>): number[] {
  const { seeds, firstSeed } = pipeline.population
  return Array.from({ length: seeds }, (_, index) => firstSeed + index)
}

/** How the level's members are pruned while they train; undefined if they are made from the dense ones' files. */
function pruningOf({ config, sparsity }: Level): Pruning | undefined {
  if (config?.method !== 'magnitude') return undefined
  const { scope, begin, end, frequency, fineTuneEpochs: epochs } = config
  if (config.when === 'training')
    return { sparsity, scope, begin, end, frequency, start: config.start, epochs }
  return epochs > 0 ? { sparsity, scope, begin, end, frequency, start: 'fine-tune', epochs } : undefined
}

/** The members of the levels that are pruned while they train. */
function sparseMembers(
  context: PlanningContext,
  { labels, folds, classNames }: TrainingSet,
): { level: string; seed: number; request: MemberRequest }[] {
  const { pipeline } = context
  return levelsOf(pipeline).flatMap(level => {
    const pruning = pruningOf(level)
    if (pruning === undefined) return []
    return seedsOf(context).map(seed => ({
      level: level.name,
      seed,
      request: {
        title: `${level.name} ${seed}`,
        seed: memberSeed(pipeline, seed),
        rows: memberRows(folds, seed, pipeline.population.crossFit),
        labels,
        pruning,
        metadata: memberMetadata(level.name, seed, classNames),
      },
    }))
  })
}

/** @returns how many members were there already. */
async function trainLevels(context: StageContext, trainingSet: TrainingSet): Promise<number> {
  const wanted = sparseMembers(context, trainingSet)
  if (wanted.length === 0) return 0
  const members = await produceMembers(
    await memberEnvironment(context),
    'training sparse members',
    wanted.map(({ request }) => request),
  )
  for (const [index, { folder }] of members.entries()) {
    const { level, seed } = wanted[index]!
    await linkFile(join(folder, modelFile), join(context.output, 'members', level, `${seed}.onnx`))
  }
  return members.filter(({ reused }) => reused).length
}

async function convertLevels(
  context: StageContext,
  { folds }: TrainingSet,
  levels: readonly Level[],
): Promise<void> {
  const { output, progress, signal } = context
  const seeds = seedsOf(context)
  const kernels = prunableKernels((await memberEnvironment(context)).architecture)
  progress.start('compressing members', levels.length * seeds.length)
  for (const { name, config, sparsity } of levels) {
    const notes = new Set<string>()
    for (const seed of seeds) {
      signal.throwIfAborted()
      const file = context.input(`members/dense/${seed}.onnx`)
      const dense = await readFile(file)
      const activations =
        config?.method === 'int8-static'
          ? sampleActivations(await calibrationSample(context, folds, seed, config.calibrationExamples), file)
          : undefined
      const compressed = await compressModel(
        dense,
        config!.method,
        conversionOptions(config!, sparsity, kernels),
        activations,
      )
      const target = join(output, 'members', name, `${seed}.onnx`)
      await mkdir(dirname(target), { recursive: true })
      await writeFile(target, compressed.bytes)
      for (const note of compressed.notes) notes.add(note)
      progress.advance(1, `${name} ${seed}`)
    }
    for (const note of notes) progress.log(`${name}: ${note}`)
  }
}

function conversionOptions(
  config: CompressionConfig,
  sparsity: number,
  kernels: readonly string[],
): MethodOptions<MethodName> {
  return config.method === 'magnitude' ? { sparsity, scope: config.scope, kernels } : {}
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
  return (await readNpyRows(context.input('inputs.npy'), chosen.sort())) as Uint8Array | Float32Array
}
