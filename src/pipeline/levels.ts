/** The levels of a pipeline: one compression setting each, in the order of the pipeline file. */
import { ConfigError } from '../errors.js'
import { nearest } from '../nearest.js'
import type { CompressionConfig, Pipeline } from './config.js'

export interface Level {
  /** `dense`, `magnitude-0.9`, `int8-static`, …; names files and columns. */
  readonly name: string
  readonly method: 'dense' | CompressionConfig['method']
  /** Share of kernel weights that are zero, 0 to 1; 0 where the method does not prune. */
  readonly sparsity: number
  /** Bits a kernel weight takes. */
  readonly bits: 8 | 16 | 32
  readonly config: CompressionConfig | undefined
}

const bitsOf = { magnitude: 32, float16: 16, 'int8-dynamic': 8, 'int8-static': 8 } as const

/** `dense` first, then one level for each sparsity and each quantization. */
export function levelsOf(pipeline: Pipeline): Level[] {
  const dense: Level = { name: 'dense', method: 'dense', sparsity: 0, bits: 32, config: undefined }
  const compressed = pipeline.compress.flatMap((config): Level[] => {
    const bits = bitsOf[config.method]
    if (config.method !== 'magnitude') {
      return [{ name: config.method, method: config.method, sparsity: 0, bits, config }]
    }
    return config.sparsity.map(sparsity => ({
      name: `${config.when === 'after' ? 'magnitude-after' : 'magnitude'}-${sparsity}`,
      method: config.method,
      sparsity,
      bits,
      config,
    }))
  })
  return [dense, ...compressed]
}

/**
 * The level whose PIEs splits and retraining go by: `retrain.level`, else the sparsest, else the last; undefined
 * where nothing is compressed.
 * @throws ConfigError if `retrain.level` names none of the compressed levels
 */
export function pieLevelOf(pipeline: Pipeline): Level | undefined {
  const compressed = levelsOf(pipeline).slice(1)
  const wanted = pipeline.retrain?.level
  if (wanted === undefined) {
    const sparsest = Math.max(0, ...compressed.map(({ sparsity }) => sparsity))
    return sparsest > 0 ? compressed.find(({ sparsity }) => sparsity === sparsest) : compressed.at(-1)
  }
  const level = compressed.find(({ name }) => name === wanted)
  if (level !== undefined) return level
  const names = compressed.map(({ name }) => name)
  const near = nearest(wanted, names)
  throw new ConfigError(`there is no level "${wanted}"`, {
    key: 'retrain.level',
    mend: `${near === undefined ? '' : `Did you mean "${near}"? `}The levels are ${names.join(', ')}.`,
  })
}
