import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/errors.js'
import { type PipelineInput, pipelineSchema } from '../../src/pipeline/config.js'
import { levelsOf, pieLevelOf } from '../../src/pipeline/levels.js'

const pipelineOf = (input: Partial<PipelineInput>) =>
  pipelineSchema.parse({ name: 'levels', dataset: { path: 'data.parquet', test: 'test.parquet' }, ...input })
const pruned = { method: 'magnitude' as const, sparsity: [0.3, 0.9, 0.5] }

describe('levelsOf', () => {
  it('begins with dense and keeps the order of the pipeline file', () => {
    const levels = levelsOf(pipelineOf({ compress: [{ method: 'int8-dynamic' }, pruned] }))
    expect(levels.map(({ name, sparsity, bits }) => [name, sparsity, bits])).toEqual([
      ['dense', 0, 32],
      ['int8-dynamic', 0, 8],
      ['magnitude-0.3', 0.3, 32],
      ['magnitude-0.9', 0.9, 32],
      ['magnitude-0.5', 0.5, 32],
    ])
  })
})

describe('pieLevelOf', () => {
  it('is the sparsest level, the last where nothing is pruned, none where nothing is compressed', () => {
    expect(pieLevelOf(pipelineOf({ compress: [pruned, { method: 'float16' }] }))?.name).toBe('magnitude-0.9')
    expect(
      pieLevelOf(pipelineOf({ compress: [{ method: 'float16' }, { method: 'int8-static' }] }))?.name,
    ).toBe('int8-static')
    expect(pieLevelOf(pipelineOf({}))).toBeUndefined()
  })

  it('is the one that retraining names, and refuses one that is not there', () => {
    const of = (level: string) => pieLevelOf(pipelineOf({ compress: [pruned], retrain: { level } }))
    expect(of('magnitude-0.5')?.name).toBe('magnitude-0.5')
    expect(() => of('magnitude-0.6')).toThrow(ConfigError)
    expect(() => of('dense')).toThrow('there is no level "dense"')
  })
})
