/** From a pipeline file to a resolved pipeline: YAML, overrides, the schema, and what the schema cannot say. */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type Document, isMap, isPair, isSeq, LineCounter, type Node, parse, parseDocument } from 'yaml'
import { ConfigError } from '../errors.js'
import { recipeOf } from '../model/architectures/index.js'
import { didYouMean } from '../nearest.js'
import {
  type ModelsConfig,
  type NotificationConfig,
  type Pipeline,
  type PipelineInput,
  pipelineSchema,
  type SecretConfig,
} from './config.js'
import { configError, faultsError, type KeyPath, keyText, type Locate } from './config-errors.js'
import { gateFaults } from './gates.js'
import { idleKeys } from './idle-keys.js'
import { awareOf, isPruning, levelsOf } from './levels.js'
import { findModels } from './model-files.js'
import { scheduleFaults } from './timetable.js'

/** A value that takes the place of the file's, and what asked for it. */
export interface Override {
  readonly path: KeyPath
  /** Undefined takes the key away, so that its default holds. */
  readonly value: unknown
  /** The option as written, such as `--set model.epochs=3`, for errors. */
  readonly origin: string
}

/** Far more than anybody writes by hand; a data file given by mistake is told apart quickly. */
const largestFile = 1 << 20
/** Aliases that a file may use before it counts as an attack on memory. */
const mostAliases = 100

/** Keys that hold paths: relative to the pipeline file, or to the working folder where an option gives them. */
const pathKeys: readonly (readonly [string, string])[] = [
  ['dataset', 'path'],
  ['dataset', 'test'],
  ['dataset', 'labels'],
  ['dataset', 'testLabels'],
]

/** Reads a pipeline file. Throws a {@link ConfigError} that names file, line, key and the mend. */
export async function loadPipeline(file: string, overrides: readonly Override[] = []): Promise<Pipeline> {
  let bytes: Buffer
  try {
    bytes = await readFile(file)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') {
      throw new ConfigError('there is no such file', { file, cause, mend: 'Write one with "pieline init".' })
    }
    if (code === 'EISDIR') {
      throw new ConfigError('is a folder, not a pipeline file', {
        file,
        cause,
        mend: 'Name the YAML file in it.',
      })
    }
    throw new ConfigError(`cannot be read (${code})`, { file, cause })
  }
  if (bytes.length > largestFile) {
    throw new ConfigError(`is ${bytes.length} bytes, more than any pipeline file needs`, {
      file,
      mend: 'Give the YAML file that describes the pipeline, not the data.',
    })
  }
  return parsePipeline(bytes.toString('utf8'), file, overrides)
}

/** Resolves a pipeline from YAML text; `file` is where it stands, for errors and for relative paths. */
export function parsePipeline(text: string, file: string, overrides: readonly Override[] = []): Pipeline {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true })
  const [fault] = document.errors
  if (fault) {
    const { line, col } = lines.linePos(fault.pos[0])
    const reason = fault.message.startsWith('Maximum call stack') ? 'it is nested too deep' : fault.message
    throw new ConfigError(`is not YAML: ${reason}`, { file: `${file}:${line}:${col}`, cause: fault })
  }
  const locate: Locate = path => {
    const offset = offsetOf(document, path)
    return offset === undefined ? file : `${file}:${lines.linePos(offset).line}`
  }
  return resolvePipeline(plainValue(document, file) as PipelineInput, dirname(file), overrides, locate)
}

/**
 * Resolves a pipeline given as a value: fills in defaults, makes paths absolute (relative ones start from
 * `folder`) and checks it. Throws a {@link ConfigError}.
 */
export function resolvePipeline(
  input: PipelineInput,
  folder: string,
  overrides: readonly Override[] = [],
  locate: Locate = () => 'pipeline',
): Pipeline {
  const value = structuredClone(input) as Record<string, unknown>
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new ConfigError('holds no pipeline', {
      file: locate([]),
      mend: 'It starts with "name:" and "dataset:"; "pieline init" writes one to begin with.',
    })
  }
  for (const override of overrides) apply(override, value)
  const overridden = (path: KeyPath) =>
    overrides.find(({ path: start }) => start.every((step, at) => String(step) === String(path[at])))
  const place: Locate = path => overridden(path)?.origin ?? locate(path)
  const result = pipelineSchema.safeParse(value)
  if (!result.success) throw configError(pipelineSchema, result.error.issues, value, place)
  const pipeline = withPlaces(result.data, (path, written) =>
    resolve(overridden(path) ? '.' : folder, written),
  )
  const dataset = { ...pipeline.dataset }
  for (const [group, key] of pathKeys) {
    const name = key as 'path' | 'test' | 'labels' | 'testLabels'
    const written = dataset[name]
    if (written !== undefined) dataset[name] = resolve(overridden([group, key]) ? '.' : folder, written)
  }
  const { models, ...population } = pipeline.population
  if (models === undefined) {
    checkNames(pipeline, place)
    checkIdleKeys(value as PipelineInput, pipeline, place)
    return { ...pipeline, dataset }
  }
  checkModels(pipeline, value, place)
  const isOption = overridden(['population', 'models', 'path'])
  const path = resolve(isOption ? '.' : folder, models.path)
  const resolved = { ...pipeline, dataset, population: withModels({ ...models, path }, population) }
  checkNames(resolved, place)
  checkIdleKeys(value as PipelineInput, pipeline, place)
  return resolved
}

/** The pipeline with its backbone and the folders of its published sets where they are. */
function withPlaces(pipeline: Pipeline, placed: (key: KeyPath, written: string) => string): Pipeline {
  const { robustness, model, notify } = pipeline
  const { backbone } = model
  const { files, natural = [] } = robustness ?? {}
  return {
    ...pipeline,
    ...(backbone && {
      model: {
        ...model,
        backbone: { ...backbone, path: placed(['model', 'backbone', 'path'], backbone.path) },
      },
    }),
    ...(robustness && {
      robustness: {
        ...robustness,
        natural: natural.map((path, i) => placed(['robustness', 'natural', i], path)),
        ...(files !== undefined && { files: placed(['robustness', 'files'], files) }),
      },
    }),
    ...(notify && {
      notify: notify.map((notification, i): NotificationConfig => {
        if (notification.to === 'command') return notification
        const { url, secret } = notification
        const place = (key: string, from: SecretConfig): SecretConfig =>
          'file' in from ? { file: placed(['notify', i, key, 'file'], from.file) } : from
        return {
          ...notification,
          url: typeof url === 'string' ? url : place('url', url),
          ...(secret && { secret: place('secret', secret) }),
        }
      }),
    }),
  }
}

function checkIdleKeys(written: PipelineInput, pipeline: Pipeline, locate: Locate): void {
  const faults = idleKeys(written, pipeline)
  if (faults.length > 0) throw faultsError(faults, locate)
}

/** The population as its models' files make it. */
function withModels(
  models: ModelsConfig,
  { seeds, ...population }: Omit<Pipeline['population'], 'models'>,
): Pipeline['population'] {
  const [dense, ...compressed] = findModels(models)
  return {
    ...population,
    models: { ...models, levels: compressed.map(({ name }) => name) },
    seeds: dense!.members.length,
    crossFit: 0,
  }
}

/** What has no meaning where models come from elsewhere, by its key and why. */
function checkModels(pipeline: Pipeline, value: Record<string, unknown>, locate: Locate): void {
  const { model, retrain, engine, compress } = value
  const population = value.population as Record<string, unknown>
  const faults: Parameters<typeof faultsError>[0][number][] = []
  const refuse = (path: KeyPath, message: string, mend: string) => faults.push({ path, message, mend })
  if (Array.isArray(compress) && compress.length > 0) {
    refuse(
      ['compress'],
      'compresses nothing where `population.models` brings every level',
      'Leave it out, and put the compressed models into folders of their own.',
    )
  }
  for (const key of ['seeds', 'firstSeed', 'crossFit']) {
    if (population[key] === undefined) continue
    const message = 'is about members that are trained here, and `population.models` brings its own'
    refuse(['population', key], message, 'Leave it out.')
  }
  if (retrain === undefined) {
    for (const [key, written] of Object.entries({ model, engine })) {
      if (written === undefined) continue
      refuse(
        [key],
        'trains nothing: `population.models` brings the members, and there is no `retrain`',
        'Leave it out.',
      )
    }
  } else if (model === undefined) {
    refuse(
      ['retrain'],
      'trains a network, and does not know which: models from elsewhere are not trained again',
      'Describe the network in `model`, or leave `retrain` out.',
    )
  }
  if (pipeline.model.backbone !== undefined) {
    refuse(
      ['model', 'backbone'],
      'gives features to networks that are trained here, and `population.models` brings its own',
      'Leave one of them out.',
    )
  }
  if (pipeline.scoring.evidence === 'out-of-sample' && pipeline.population.models?.trainedOn === 'train') {
    refuse(
      ['scoring', 'evidence'],
      '"out-of-sample" leaves nobody to judge the training data, from which the models learned',
      'Set it to auto, or population.models.trainedOn to none if they learned from other data.',
    )
  }
  if (faults.length > 0) throw faultsError(faults, locate)
}

/** Parses `model.epochs=3`: a key path with dots, and YAML after the equals sign; nothing there restores the default. */
export function parseOverride(text: string): Override {
  const origin = `--set ${text}`
  const equals = text.indexOf('=')
  if (equals < 1) {
    throw new ConfigError('must be written key=value', {
      file: origin,
      mend: 'For example: --set model.epochs=3',
    })
  }
  const path = text
    .slice(0, equals)
    .split('.')
    .map(step => (/^\d+$/.test(step) ? Number(step) : step))
  try {
    const value: unknown = parse(text.slice(equals + 1), { maxAliasCount: mostAliases })
    return { path, value: value ?? undefined, origin }
  } catch (cause) {
    throw new ConfigError(`the value is not YAML: ${(cause as Error).message}`, { file: origin, cause })
  }
}

function plainValue(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: mostAliases })
  } catch (cause) {
    throw new ConfigError(`its aliases cannot be resolved: ${(cause as Error).message}`, {
      file,
      cause,
      mend: 'Write the values out instead of repeating them by aliases (*name).',
    })
  }
}

/** Where the key at `path` is written, or the nearest group around it that is. */
function offsetOf(document: Document, path: KeyPath): number | undefined {
  let node: unknown = document.contents
  let offset = (node as Node | null)?.range?.[0]
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => String((key as { value?: unknown })?.value) === String(step))
      if (!isPair(pair)) break
      offset = (pair.key as Node).range?.[0] ?? offset
      node = pair.value
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step]
      offset = (node as Node | undefined)?.range?.[0] ?? offset
    } else break
  }
  return offset
}

function apply({ path, value, origin }: Override, root: Record<string, unknown>): void {
  let here: Record<PropertyKey, unknown> = root
  for (const [at, step] of path.slice(0, -1).entries()) {
    const inner = Object.hasOwn(here, step) ? here[step] : undefined
    if (inner === undefined || inner === null) define(here, step, {})
    else if (typeof inner !== 'object') {
      throw new ConfigError(`"${keyText(path.slice(0, at + 1))}" has no keys of its own`, { file: origin })
    }
    here = here[step] as Record<PropertyKey, unknown>
  }
  const last = path[path.length - 1]
  if (value === undefined) delete here[last]
  else define(here, last, value)
}

/** Assignment would follow a key named `__proto__` out of the object. */
function define(object: Record<PropertyKey, unknown>, key: PropertyKey, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
}

/**
 * There must be such an architecture; levels and arms name files and columns, so each may come once; what names a
 * level must name one that exists; and evidence out of sample must be there.
 */
function checkNames(pipeline: Pipeline, locate: Locate): void {
  const faults: Parameters<typeof faultsError>[0][number][] = []
  try {
    recipeOf(pipeline.model.architecture)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const { message, mend } = error
    faults.push({ path: ['model', 'architecture'], message, ...(mend !== undefined && { mend }) })
  }
  const seen = new Set<string>()
  for (const { name, config } of levelsOf(pipeline)) {
    if (seen.has(name)) {
      const at = config ? pipeline.compress.indexOf(config) : 0
      faults.push({
        path: ['compress', at],
        message: `gives the level "${name}" a second time`,
        mend: 'Remove it.',
      })
    }
    seen.add(name)
  }
  pipeline.compress.forEach((config, at) => {
    if (config.method !== 'first-order' || config.when !== 'after') return
    faults.push({
      path: ['compress', at, 'when'],
      message:
        'cannot be "after" with the method "first-order": the dense member has learned from all its examples',
      mend: 'Use `when: training`, in which some are held out.',
    })
  })
  pipeline.compress.forEach((config, at) => {
    if (!isPruning(config) || config.when !== 'training') return
    if (config.begin < config.end) return
    faults.push({
      path: ['compress', at, 'begin'],
      message: `must be less than "end" (${config.end}), is ${config.begin}`,
    })
  })
  pipeline.compress.forEach((config, at) => {
    if (!isPruning(config) || awareOf(config) === undefined) return
    if (config.when === 'training' || config.fineTuneEpochs > 0) return
    faults.push({
      path: ['compress', at, 'quantize'],
      message: '"int8-aware" trains pruned members on, and pruning at once without fine-tuning leaves none',
      mend: 'Set `fineTuneEpochs`, or `when: training`.',
    })
  })
  if (pipeline.model.backbone !== undefined && pipeline.robustness !== undefined) {
    faults.push({
      path: ['robustness'],
      message: 'shows the members corrupted pictures, and those on a backbone see features',
      mend: 'Leave it out.',
    })
  }
  if (pipeline.model.backbone !== undefined && pipeline.predict?.mirror) {
    faults.push({
      path: ['predict', 'mirror'],
      message: 'shows the members mirrored pictures, and those on a backbone see features',
      mend: 'Leave it out.',
    })
  }
  const { level: wanted, arms = [] } = pipeline.retrain ?? {}
  const compressed = [...seen].filter(name => name !== 'dense')
  if (wanted !== undefined && !compressed.includes(wanted)) {
    const question = didYouMean(wanted, compressed)
    faults.push({
      path: ['retrain', 'level'],
      message: `"${wanted}" is not a compressed level of this pipeline`,
      mend:
        compressed.length > 0 ? `${question}Possible: ${compressed.join(', ')}.` : 'Add one to `compress`.',
    })
  }
  arms.forEach((arm, at) => {
    if (arms.indexOf(arm) === at) return
    faults.push({
      path: ['retrain', 'arms', at],
      message: `names the arm "${arm}" a second time`,
      mend: 'Remove it.',
    })
  })
  const { seeds, crossFit } = pipeline.population
  const isOwn = pipeline.population.models === undefined
  if (isOwn && pipeline.scoring.evidence === 'out-of-sample' && (crossFit === 0 || seeds < crossFit)) {
    faults.push({
      path: ['scoring', 'evidence'],
      message: `"out-of-sample" needs a member for each fold, and there are ${seeds} members and ${crossFit} folds`,
      mend: 'Set population.crossFit to 2 or more and population.seeds to at least as many.',
    })
  }
  faults.push(...gateFaults(pipeline), ...scheduleFaults(pipeline))
  if (faults.length > 0) throw faultsError(faults, locate)
}
