/** The levels of a pipeline: one compression setting each, in the order of the pipeline file. */
import { ConfigError } from '../errors.js'
import { nearest } from '../nearest.js'
import type { CompressionConfig, Pipeline, PruningConfig, QuantizationConfig } from './config.js'

type Pruning = PruningConfig['method']
type Quantization = QuantizationConfig['method']

export interface Level {
  /** `dense`, `magnitude-0.9`, `int8-static`, `magnitude-0.9+int8-static`, …; names files and columns. */
  readonly name: string
  readonly method: 'dense' | Pruning | Quantization | `${Pruning}+${Quantization}`
  /**
   * Share of kernel weights that are zero, 0 to 1; under filter pruning, share of the filters that are gone. 0 where
   * the method does not prune.
   */
  readonly sparsity: number
  /** Bits a kernel weight takes. */
  readonly bits: 4 | 8 | 16 | 32
  readonly config: CompressionConfig | undefined
}

const bitsOf = { float16: 16, 'int8-dynamic': 8, 'int8-static': 8, int4: 4 } as const

/** Whether the level is pruned, then perhaps quantized, rather than only quantized. */
export function isPruning(config: CompressionConfig | undefined): config is PruningConfig {
  return config !== undefined && 'sparsity' in config
}

/** Name of the level that a pruning gives at this sparsity, before any quantization. */
export function prunedLevelName(config: PruningConfig, sparsity: number): string {
  const { method, when } = config
  if (when === 'after') return `${method}-after-${sparsity}`
  return config.method === 'random' && config.draw === 'independent'
    ? `random-independent-${sparsity}`
    : `${method}-${sparsity}`
}

/** `dense` first, then one level for each sparsity and each quantization. */
export function levelsOf(pipeline: Pipeline): Level[] {
  const dense: Level = { name: 'dense', method: 'dense', sparsity: 0, bits: 32, config: undefined }
  const compressed = pipeline.compress.flatMap((config): Level[] => {
    if (!isPruning(config)) {
      const { method } = config
      return [{ name: method, method, sparsity: 0, bits: bitsOf[method], config }]
    }
    return config.sparsity.map((sparsity): Level => {
      const name = prunedLevelName(config, sparsity)
      const { method, quantize } = config
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
  const near = nearest(wanted, names)
  throw new ConfigError(`there is no level "${wanted}"`, {
    key: 'retrain.level',
    mend: `${near === undefined ? '' : `Did you mean "${near}"? `}The levels are ${names.join(', ')}.`,
  })
}
