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

describe('levels of combined and control methods', () => {
  it('name what is done in the order in which it is done', () => {
    const levels = levelsOf(
      pipelineOf({
        compress: [
          { ...pruned, sparsity: [0.5, 0.9], quantize: 'int8-static' },
          { method: 'filter', sparsity: 0.5, when: 'after', quantize: { method: 'int4', block: 32 } },
          { method: 'filter', sparsity: 0.5 },
          { method: 'random', sparsity: 0.9 },
          { method: 'random', sparsity: 0.9, draw: 'independent' },
          { method: 'random', sparsity: 0.9, when: 'after' },
          { method: 'int4' },
        ],
      }),
    )
    expect(levels.slice(1).map(({ name, method, sparsity, bits }) => [name, method, sparsity, bits])).toEqual(
      [
        ['magnitude-0.5+int8-static', 'magnitude+int8-static', 0.5, 8],
        ['magnitude-0.9+int8-static', 'magnitude+int8-static', 0.9, 8],
        ['filter-after-0.5+int4', 'filter+int4', 0.5, 4],
        ['filter-0.5', 'filter', 0.5, 32],
        ['random-0.9', 'random', 0.9, 32],
        ['random-independent-0.9', 'random', 0.9, 32],
        ['random-after-0.9', 'random', 0.9, 32],
        ['int4', 'int4', 0, 4],
      ],
    )
  })

  it('name what a member is trained on with after pruning', () => {
    const lessons = { reweight: {}, distill: {}, fineTuneEpochs: 1 }
    const levels = levelsOf(
      pipelineOf({
        compress: [
          { method: 'magnitude', sparsity: 0.9, fineTuneEpochs: 1 },
          { method: 'magnitude', sparsity: 0.9, when: 'after', fineTuneEpochs: 1 },
          { method: 'magnitude', sparsity: 0.9, ...lessons, distill: undefined },
          { method: 'filter', sparsity: 0.5, ...lessons, quantize: 'int4' },
          { method: 'first-order', sparsity: 0.9, when: 'training' },
          {
            method: 'first-order',
            sparsity: 0.9,
            preserve: 'class-balance',
            ...lessons,
            reweight: undefined,
          },
        ],
      }),
    )
    expect(levels.slice(1).map(({ name, method }) => [name, method])).toEqual([
      ['magnitude-0.9+tuned', 'magnitude+tuned'],
      ['magnitude-after-0.9', 'magnitude'],
      ['magnitude-0.9+reweighted', 'magnitude+reweighted'],
      ['filter-0.5+reweighted+distilled+int4', 'filter+reweighted+distilled+int4'],
      ['first-order-0.9', 'first-order'],
      ['first-order-class-balance-0.9+distilled', 'first-order+distilled'],
    ])
  })

  it('take the quantization by its name with its defaults, or with settings', () => {
    const quantizeOf = (quantize: PipelineInput['compress']) =>
      pipelineOf({ compress: quantize ?? [] }).compress.map(config => 'quantize' in config && config.quantize)
    expect(
      quantizeOf([
        { ...pruned, quantize: 'int8-static' },
        { ...pruned, quantize: { method: 'int8-static', calibrationExamples: 16 } },
      ]),
    ).toEqual([
      { method: 'int8-static', calibrationExamples: 256 },
      { method: 'int8-static', calibrationExamples: 16 },
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

  it('is a control only where there is nothing else', () => {
    const random = { method: 'random' as const, sparsity: 0.95 }
    expect(pieLevelOf(pipelineOf({ compress: [random, pruned] }))?.name).toBe('magnitude-0.9')
    expect(pieLevelOf(pipelineOf({ compress: [random, { method: 'float16' }] }))?.name).toBe('float16')
    expect(pieLevelOf(pipelineOf({ compress: [random] }))?.name).toBe('random-0.95')
  })

  it('is the one that retraining names, and refuses one that is not there', () => {
    const of = (level: string) => pieLevelOf(pipelineOf({ compress: [pruned], retrain: { level } }))
    expect(of('magnitude-0.5')?.name).toBe('magnitude-0.5')
    expect(() => of('magnitude-0.6')).toThrow(ConfigError)
    expect(() => of('dense')).toThrow('there is no level "dense"')
  })
})
