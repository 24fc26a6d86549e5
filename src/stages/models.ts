/**
 * Takes in models trained elsewhere, in the place of training and compression: each becomes a member file, its
 * preprocessing and the order of its classes inside, and what its weights tell of its level is written down.
 */
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { countWeights, weightBits } from '../compression/kernels.js'
import { type DatasetInfo, readDatasetInfo } from '../dataset/info.js'
import { describeModel } from '../engine/onnxruntime/describe.js'
import { DataError } from '../errors.js'
import { adaptModel, classesOf, type ForeignModel, type Preprocessing } from '../onnx/adapt.js'
import { decodeModel, encodeModel, type Graph } from '../onnx/model.js'
import { type ModelsConfig, type Pipeline, preprocessPresets } from '../pipeline/config.js'
import { hashOfFile, openTable, placed, readNpyRows, writeText } from '../pipeline/files.js'
import { findModels } from '../pipeline/model-files.js'
import type { Stage, StageContext } from '../pipeline/stage.js'
import { mean } from '../scoring/moments.js'
import { int32Column } from '../tables/columns.js'
import { preprocessingFor, preprocessingOf, presets, readWholeModel } from './foreign-model.js'
import { chanceBound, likelyOrder, type Sample, tryModel } from './model-trial.js'

export const models: Stage = {
  name: 'models',
  version: 1,
  inputs: ['ingest'],
  wanted: ({ population }) => population.models !== undefined,
  settings({ population }) {
    // Where the models lie does not matter, only what they are, which `source` says.
    const { path, trainedOn, ...settings } = population.models!
    return settings
  },
  source: ({ population }) => hashOf(population.models!),
  run: modelsRun,
}

/** `models.json`: the levels as their models' weights tell. */
export interface TakenLevel {
  readonly name: string
  /** Share of kernel weights that are zero, mean over members; null where no weights were found. */
  readonly sparsity: number | null
  /** Bits that most kernel weights take; null where no weights were found. */
  readonly bits: number | null
  readonly seeds: readonly number[]
}

/** @throws SyntaxError if the file is damaged */
export async function readTakenLevels(context: Pick<StageContext, 'input'>): Promise<TakenLevel[]> {
  return JSON.parse(await readFile(context.input('models.json'), 'utf8')) as TakenLevel[]
}

async function modelsRun(context: StageContext) {
  const { pipeline, output, progress, signal } = context
  const config = pipeline.population.models!
  const info = await readDatasetInfo(context.input('dataset.json'))
  const levels = findModels(config)
  const sample = await sampleOf(context, info)
  progress.start(
    'taking in models',
    levels.reduce((sum, { members }) => sum + members.length, 0),
  )
  const taken: TakenLevel[] = []
  const accuracies: number[] = []
  const warnings: string[] = []
  for (const { name, members } of levels) {
    const sparsities: number[] = []
    const bits: number[] = []
    const descriptions = new Set<string>()
    for (const { seed, file } of members) {
      signal.throwIfAborted()
      const source = await openModel(file, config, info)
      const bytes = memberBytes(source, preprocessingOf(config.preprocess), config, info)
      descriptions.add(description(source.found, config))
      if (name === 'dense') {
        const { accuracy, told, warning } = await tryDense(config, source, bytes, sample, info)
        accuracies.push(accuracy)
        if (warning !== undefined) warnings.push(warning)
        progress.log(warning === undefined ? told : `WARNING ${warning}`)
      }
      const { graph } = decodeModel(bytes, file)
      const { weights, nonZeroWeights } = weightsOf(file, graph)
      if (weights > 0) sparsities.push(1 - nonZeroWeights / weights)
      bits.push(weightBits(graph) ?? Number.NaN)
      const target = join(output, 'members', name, `${seed}.onnx`)
      await mkdir(dirname(target), { recursive: true })
      await writeFile(target, bytes)
      progress.advance(1, `${name} ${seed}`)
    }
    for (const text of descriptions) progress.log(`${name}: ${text}`)
    const [common = Number.NaN] = bits
    if (bits.some(other => other !== common) && !Number.isNaN(common)) {
      progress.log(`${name}: its members hold weights of ${[...new Set(bits)].join(' and ')} bits`)
    }
    if (sparsities.length === 0) progress.log(`${name}: no weights of layers were found in its files`)
    taken.push({
      name,
      sparsity: sparsities.length === 0 ? null : mean(Float64Array.from(sparsities)),
      bits: Number.isNaN(common) ? null : common,
      seeds: members.map(({ seed }) => seed),
    })
  }
  await writeText(join(output, 'models.json'), `${JSON.stringify(taken, null, 2)}\n`)
  return {
    levels: taken.length,
    members: levels.reduce((sum, { members }) => sum + members.length, 0),
    denseAccuracy: mean(Float64Array.from(accuracies)),
    warnings,
  }
}

interface SourceModel {
  readonly file: string
  readonly bytes: Uint8Array
  readonly found: ForeignModel
}

async function openModel(file: string, config: ModelsConfig, info: DatasetInfo): Promise<SourceModel> {
  const bytes = await readWholeModel(file)
  const model = decodeModel(bytes, file)
  const given = { input: info.input, classes: info.classNames.length }
  return { file, bytes, found: await describeModel(bytes, model, config, given, file) }
}

/** The member's file. */
function memberBytes(
  { file, bytes, found }: SourceModel,
  preprocessing: Preprocessing,
  { classes }: ModelsConfig,
  { input, classNames }: DatasetInfo,
): Uint8Array {
  const model = decodeModel(bytes, file)
  const shape = input.kind === 'image' ? [input.channels, input.height, input.width] : [input.features]
  const taken = { type: found.type, channels: shape[0]! }
  const order = orderOf(classes ?? classesOf(model), classNames, file)
  adaptModel(model, found, {
    shape,
    preprocessing: preprocessingFor(preprocessing, taken, file, 'population.models.preprocess'),
    classNames,
    ...(order && { order }),
  })
  return encodeModel(model)
}

/**
 * Which output belongs to each class of the data set; undefined where the order is the same or nobody says.
 * @throws DataError if the model's classes are others
 */
function orderOf(
  names: readonly string[] | undefined,
  classNames: readonly string[],
  file: string,
): number[] | undefined {
  if (names === undefined || names.every((name, i) => name === classNames[i])) return undefined
  const foreign = names.find(name => !classNames.includes(name))
  if (names.length !== classNames.length || foreign !== undefined || new Set(names).size !== names.length) {
    const what = foreign === undefined ? `${names.length} classes` : `the class "${foreign}"`
    throw new DataError(
      `is of ${what}, the data set of ${classNames.length}: ${classNames.slice(0, 12).join(', ')}${classNames.length > 12 ? ', …' : ''}`,
      {
        file,
        key: 'population.models.classes',
        mend: 'Name the classes as the data set does (dataset.classNames), in the order of the model’s output.',
      },
    )
  }
  return classNames.map(name => names.indexOf(name))
}

function description(
  { input, type, layout, batch, output, form }: ForeignModel,
  { preprocess }: ModelsConfig,
): string {
  const parts = [
    `takes ${type} ${layout === 'features' ? 'features' : layout} as "${input}"`,
    batch === undefined ? 'any batch' : `batches of ${batch}`,
    type === 'uint8'
      ? 'bytes'
      : `preprocessing ${typeof preprocess === 'string' ? preprocess : 'as configured'}`,
    `gives ${form} as "${output}"`,
  ]
  return parts.join(', ')
}

/** Input values and examples of the sample at most. */
const sampledValues = 2 ** 23
const sampledExamples = 512

/** Examples from all over the data set: they may lie in the order of their classes. */
async function sampleOf(context: StageContext, info: DatasetInfo): Promise<Sample> {
  const { input, trainExamples, testExamples } = info
  const all = trainExamples + testExamples
  const length = input.kind === 'image' ? input.height * input.width * input.channels : input.features
  const count = Math.min(all, sampledExamples, Math.max(32, Math.floor(sampledValues / length)))
  const rows = Int32Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * all) / count))
  const labels = new Int32Array(all)
  let begin = 0
  for await (const batch of openTable(context.input('examples.parquet'), { columns: ['label'] })) {
    labels.set(int32Column(batch, 'label'), begin)
    begin += batch.numRows
  }
  const inputs = (await readNpyRows(context.input('inputs.npy'), rows)) as Sample['inputs']
  return { inputs, labels: rows.map(row => labels[row]!) }
}

interface Tried {
  readonly accuracy: number
  /** What there is to say of it; `warning` where the models are likely misread. */
  readonly told: string
  readonly warning?: string
}

/**
 * Accuracy of a dense member on the sample, with a warning near chance, or well under what other preprocessing gives.
 * @throws DataError where the member is near chance and would not be with other preprocessing
 */
async function tryDense(
  config: ModelsConfig,
  source: SourceModel,
  bytes: Uint8Array,
  sample: Sample,
  info: DatasetInfo,
): Promise<Tried> {
  const { file } = source
  const { labels } = sample
  const { accuracy, predicted } = await tryModel(bytes, sample, file)
  const share = (value: number) => `${(100 * value).toFixed(1)} %`
  const what = `predicts ${share(accuracy)} of ${labels.length} given labels`
  const told = `${relative(config.path, file)} ${what}`
  const better = await bestPreset(source, config, sample, info, accuracy)
  const bound = chanceBound(labels)
  if (better !== undefined && accuracy <= bound && better.accuracy > bound) {
    throw new DataError(
      `${what}, no more than chance, and ${share(better.accuracy)} with other preprocessing`,
      {
        file,
        key: 'population.models.preprocess',
        mend: `Set it to ${better.name}, if that is what the models were trained with.`,
      },
    )
  }
  if (better !== undefined) {
    const warning = `${told}, and ${share(better.accuracy)} with population.models.preprocess: ${better.name}`
    return { accuracy, told, warning }
  }
  if (accuracy > bound) return { accuracy, told }
  const order = likelyOrder(predicted, labels, info.classNames.length)
  const cause =
    order === undefined
      ? 'check population.models.preprocess, layout and classes before you believe anything of this run'
      : `its classes seem to be in another order, population.models.classes: [${Array.from(order, label => info.classNames[label]).join(', ')}]`
  return { accuracy, told, warning: `${told}, no more than chance: ${cause}` }
}

/** The preset that is better by more than three standard errors, if there is one. */
async function bestPreset(
  source: SourceModel,
  config: ModelsConfig,
  sample: Sample,
  info: DatasetInfo,
  accuracy: number,
): Promise<{ name: string; accuracy: number } | undefined> {
  if (source.found.type === 'uint8' || info.input.kind !== 'image') return undefined
  const { channels } = info.input
  let best: { name: string; accuracy: number } | undefined
  for (const name of preprocessPresets) {
    const preset = presets[name]
    if (name === config.preprocess || ![0, 1, channels].includes(preset.mean.length)) continue
    const trial = await tryModel(memberBytes(source, preset, config, info), sample, source.file)
    const error = Math.sqrt(
      (accuracy * (1 - accuracy) + trial.accuracy * (1 - trial.accuracy)) / sample.labels.length,
    )
    if (trial.accuracy > Math.max(accuracy + 3 * error, best?.accuracy ?? 0))
      best = { name, accuracy: trial.accuracy }
  }
  return best
}

/** The weights of a model, or its error with the file's name. */
function weightsOf(file: string, graph: Graph): ReturnType<typeof countWeights> {
  try {
    return countWeights(graph)
  } catch (error) {
    throw placed(error, file)
  }
}

/** SHA-256 over all files in the folders of the levels: weights may lie beside the models. */
async function hashOf(config: NonNullable<Pipeline['population']['models']>): Promise<string> {
  const hash = createHash('sha256')
  for (const { name, members } of findModels(config)) {
    const folder = dirname(members[0]!.file)
    hash.update(`level ${name}\n`)
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(entry => !entry.isDirectory())
      .map(entry => join(entry.parentPath, entry.name))
    for (const file of files.sort()) {
      hash.update(`${relative(folder, file)}\0${await hashOfFile(file)}\n`)
    }
  }
  return hash.digest('hex')
}
