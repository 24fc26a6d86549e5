/** The levels of a pipeline: one compression setting each, in the order of the pipeline file. */
import { ConfigError } from '../errors.js'
import { didYouMean } from '../nearest.js'
import type { AwareConfig, CompressionConfig, Pipeline, PruningConfig } from './config.js'

export interface Level {
  /** `dense`, `magnitude-0.9`, `int8-static`, `magnitude-0.9+int8-static`, …; names files and columns. */
  readonly name: string
  readonly method: string
  /**
   * Share of kernel weights that are zero, 0 to 1; under filter pruning, share of the filters that are gone. 0 where
   * the method does not prune.
   */
  readonly sparsity: number
  /** Bits a kernel weight takes. */
  readonly bits: number
  readonly config: CompressionConfig | undefined
}

const bitsOf = { float16: 16, 'int8-dynamic': 8, 'int8-static': 8, 'int8-aware': 8, int4: 4 } as const

/** Whether the level is pruned, then perhaps quantized, rather than only quantized. */
export function isPruning(config: CompressionConfig | undefined): config is PruningConfig {
  return config !== undefined && 'sparsity' in config
}

/** The quantization that the level's members are trained for, if there is one. */
export function awareOf(config: CompressionConfig | undefined): AwareConfig | undefined {
  const quantize = isPruning(config) ? config.quantize : config
  return quantize?.method === 'int8-aware' ? quantize : undefined
}

/** Whether the level's members learned as quantized networks, and are no copies of others. */
export function isTrainedQuantized({ method }: Pick<Level, 'method'>): boolean {
  return method.endsWith('int8-aware')
}

/** Name of the level that a pruning gives at this sparsity, before any quantization. */
export function prunedLevelName(config: PruningConfig, sparsity: number): string {
  return `${untunedLevelName(config, sparsity)}${tuningOf(config)}`
}

/** The same before any fine-tuning that the name tells. */
export function untunedLevelName(config: PruningConfig, sparsity: number): string {
  return [config.method, ...variantOf(config), sparsity].join('-')
}

/** What tells a pruning from the usual one of its method. */
function variantOf(config: PruningConfig): string[] {
  if (config.when === 'after') return ['after']
  switch (config.method) {
    case 'random':
      return config.draw === 'independent' ? [config.draw] : []
    case 'first-order':
      return config.preserve === 'loss' ? [] : [config.preserve]
    default:
      return []
  }
}

/** `+tuned`, `+reweighted`, `+distilled`, `+reweighted+distilled`; plain fine-tuning after pruning at once has no name. */
function tuningOf({ when, fineTuneEpochs, reweight, distill }: PruningConfig): string {
  if (fineTuneEpochs === 0) return ''
  if (reweight === undefined && distill === undefined) return when === 'after' ? '' : '+tuned'
  return `${reweight ? '+reweighted' : ''}${distill ? '+distilled' : ''}`
}

/**
 * What a level's name tells: `magnitude-0.9`, `int8-dynamic` and `filter-0.5+int8-static` tell everything, as those
 * that a pipeline gives do; of other names figures are NaN.
 */
export function levelNamed(name: string): Omit<Level, 'config'> {
  if (name === 'dense') return { name, method: name, sparsity: 0, bits: 32 }
  const [, sparsity] = /-(0(?:\.\d+)?|1)(?=\+|$)/.exec(name) ?? []
  const [, bits] = /(?:int|float)(\d+)/.exec(name) ?? []
  if (sparsity === undefined && bits === undefined) {
    return { name, method: name, sparsity: Number.NaN, bits: Number.NaN }
  }
  return {
    name,
    method: sparsity === undefined ? name : name.replace(`-${sparsity}`, ''),
    sparsity: Number(sparsity ?? 0),
    bits: Number(bits ?? 32),
  }
}

/**
 * `dense` first, then one level for each sparsity and each quantization; of models trained elsewhere those of their
 * folders, with the figures that the names tell.
 */
export function levelsOf(pipeline: Pipeline): Level[] {
  const dense: Level = { name: 'dense', method: 'dense', sparsity: 0, bits: 32, config: undefined }
  const { models } = pipeline.population
  if (models !== undefined) {
    return [dense, ...(models.levels ?? []).map(name => ({ ...levelNamed(name), config: undefined }))]
  }
  const compressed = pipeline.compress.flatMap((config): Level[] => {
    if (!isPruning(config)) {
      const { method } = config
      return [{ name: method, method, sparsity: 0, bits: bitsOf[method], config }]
    }
    return config.sparsity.map((sparsity): Level => {
      const name = prunedLevelName(config, sparsity)
      const method = `${config.method}${tuningOf(config)}`
      const { quantize } = config
      if (quantize === undefined) return { name, method, sparsity, bits: 32, config }
      return {
        name: `${name}+${quantize.method}`,
        method: `${method}+${quantize.method}`,
        sparsity,
        bits: bitsOf[quantize.method],
        config,
      }
    })
  })
  return [dense, ...compressed]
}

/**
 * Whether each member of the level is made from the dense member of its seed: quantized or pruned at once from it, or
 * gone on from its state. Members trained anew share their seed's initial weights alone and count as independent.
 */
export function isPairedWithDense({ method, config }: Level): boolean {
  if (config === undefined || method.endsWith('int8-aware')) return false
  return !isPruning(config) || config.when === 'after' || config.start === 'branch'
}

/**
 * The one level of several compressed ones to speak of: the sparsest, or the last where nothing is pruned. Random
 * pruning, a control, only where there is nothing else.
 */
export function tellingLevel<L extends Pick<Level, 'method' | 'sparsity'>>(
  compressed: readonly L[],
): L | undefined {
  const chosen = compressed.filter(({ method }) => !method.startsWith('random'))
  const candidates = chosen.length > 0 ? chosen : compressed
  const sparsest = Math.max(0, ...candidates.map(({ sparsity }) => sparsity || 0))
  return sparsest > 0 ? candidates.find(({ sparsity }) => sparsity === sparsest) : candidates.at(-1)
}

/**
 * The level whose PIEs splits and retraining go by: `retrain.level`, else {@link tellingLevel}; undefined where nothing
 * is compressed.
 * @throws ConfigError if `retrain.level` names none of the compressed levels
 */
export function pieLevelOf(pipeline: Pipeline): Level | undefined {
  const compressed = levelsOf(pipeline).slice(1)
  const wanted = pipeline.retrain?.level
  if (wanted === undefined) return tellingLevel(compressed)
  const level = compressed.find(({ name }) => name === wanted)
  if (level !== undefined) return level
  const names = compressed.map(({ name }) => name)
  throw new ConfigError(`there is no level "${wanted}"`, {
    key: 'retrain.level',
    mend: `${didYouMean(wanted, names)}The levels are ${names.join(', ')}.`,
  })
}
