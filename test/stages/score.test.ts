import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Schema } from 'apache-arrow'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeDatasetInfo } from '../../src/dataset/info.js'
import { ConfigError, DataError } from '../../src/errors.js'
import { type PipelineInput, pipelineSchema } from '../../src/pipeline/config.js'
import { openTable, writeTable } from '../../src/pipeline/files.js'
import { silentProgress } from '../../src/pipeline/progress.js'
import type { StageContext } from '../../src/pipeline/stage.js'
import type { ScoreHeadline } from '../../src/stages/headlines.js'
import { score } from '../../src/stages/score.js'
import { type ColumnValues, recordBatch } from '../../src/tables/columns.js'
import {
  classesSchema,
  examplesSchema,
  inspectionSchema,
  levelsSchema,
  predictionsSchema,
  probabilitiesSchema,
  scoresSchema,
} from '../../src/tables/schemas.js'

/**
 * Six training and four test examples of two classes, two members a level that take turns in leaving training
 * examples out. What a member says is its probability of class 1.
 */
const labels = [0, 0, 1, 1, 1, 0, 0, 1, 0, 1]
const truth = [0, 1, 1, 1, -1, null, 0, 1, null, null]
const hair = ['dark', null, 'dark', 'fair', 'fair', 'dark', 'dark', 'fair', 'fair', 'dark']
const seeds = [3, 4]
const isTest = (example: number) => example >= 6
const inSample = (example: number, member: number) => !isTest(example) && (example + member) % 2 === 0
const saysOne: Record<string, number[][]> = {
  dense: [
    [0.1, 0.9, 0.8, 0.7, 0.2, 0.4, 0.1, 0.9, 0.3, 0.8],
    [0.2, 0.8, 0.9, 0.6, 0.3, 0.1, 0.2, 0.8, 0.2, 0.9],
  ],
  'magnitude-0.9': [
    [0.3, 0.9, 0.4, 0.7, 0.4, 0.4, 0.1, 0.4, 0.3, 0.8],
    [0.2, 0.6, 0.3, 0.6, 0.3, 0.1, 0.2, 0.3, 0.2, 0.7],
  ],
  'int8-dynamic': [
    [0.1, 0.9, 0.8, 0.7, 0.2, 0.4, 0.1, 0.9, 0.3, 0.8],
    [0.2, 0.8, 0.9, 0.6, 0.3, 0.1, 0.2, 0.8, 0.2, 0.9],
  ],
}
const levels = Object.keys(saysOne)
const ids = labels.map((_, i) => `image-${i}`)

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-score-'))
  await writeInputs()
})
afterEach(() => rm(folder, { recursive: true }))

async function write(path: string, schema: Schema, columns: Record<string, ColumnValues>): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeTable(join(folder, path), schema, [recordBatch(schema, columns)])
}

async function writeInputs(says = saysOne): Promise<void> {
  await writeFile(
    join(folder, 'dataset.json'),
    encodeDatasetInfo({
      classNames: ['cat', 'dog'],
      classLabels: [...['cat', 'dog'].keys()],
      input: { kind: 'features', features: 1 },
      normalization: { mean: Float32Array.of(0), deviation: Float32Array.of(1) },
      trainExamples: 6,
      testExamples: 4,
      classCounts: [],
      skipped: 0,
      source: { format: 'parquet', columns: ['x', 'label'], label: 'label', content: ['x'] },
      featureNames: ['x'],
      groups: ['hair'],
      trueLabel: true,
      ids: 'content',
    }),
  )
  const entry = (seed: number) => ({ seed, bytes: 1000 + seed, weights: 80, nonZeroWeights: 40 })
  await writeFile(
    join(folder, 'members.json'),
    JSON.stringify(Object.fromEntries(levels.map(level => [level, seeds.map(entry)]))),
  )
  await write(
    'examples.parquet',
    examplesSchema({ content: { kind: 'features', features: 1 }, groups: ['hair'], trueLabel: true }),
    {
      example_id: ids,
      split: labels.map((_, i) => (isTest(i) ? 'test' : 'train')),
      fold: labels.map((_, i) => (isTest(i) ? null : i % 2)),
      label: labels,
      label_name: labels.map(label => ['cat', 'dog'][label]),
      true_label: truth,
      group_hair: hair,
      source: ids,
      source_row: labels.map((_, i) => i),
      features: labels,
    },
  )
  for (const level of levels) {
    await write(`predictions/${level}.parquet`, predictionsSchema, predictionsOf(level, says))
    const meanOf = (asked: (i: number, m: number) => boolean) =>
      labels.flatMap((_, i) => {
        const all = seeds.map((_, m) => m)
        const some = all.filter(m => asked(i, m))
        const heard = some.length > 0 ? some : all
        const one = heard.reduce((sum, m) => sum + says[level][m][i], 0) / heard.length
        return [1 - one, one]
      })
    await write(`probabilities/${level}.parquet`, probabilitiesSchema(2, true), {
      example_id: ids,
      probabilities: meanOf((i, m) => !inSample(i, m)),
      in_sample_probabilities: meanOf(inSample),
    })
  }
}

function predictionsOf(level: string, says = saysOne) {
  const rows = labels.flatMap((label, i) =>
    seeds.map((seed, m) => {
      const one = says[level][m][i]
      const given = label === 1 ? one : 1 - one
      return { i, m, seed, predicted: one > 0.5 ? 1 : 0, given }
    }),
  )
  return {
    example_id: rows.map(({ i }) => ids[i]),
    seed: rows.map(({ seed }) => seed),
    in_sample: rows.map(({ i, m }) => inSample(i, m)),
    predicted: rows.map(({ predicted }) => predicted),
    rank_given: rows.map(({ given }) => (given > 0.5 ? 0 : 1)),
    p_given: rows.map(({ given }) => given),
    p_top: rows.map(({ given }) => Math.max(given, 1 - given)),
    margin: rows.map(({ given }) => Math.log(given) - Math.log(1 - given)),
  }
}

function contextOf(
  scoring: PipelineInput['scoring'] = {},
  crossFit = 2,
  inspect: PipelineInput['inspect'] = false,
): StageContext {
  const pipeline = pipelineSchema.parse({
    name: 'pets',
    dataset: { path: 'pets.parquet', trueLabel: 'truth', groups: ['hair'] },
    compress: [{ method: 'magnitude', sparsity: 0.9 }, { method: 'int8-dynamic' }],
    population: { seeds: 2, firstSeed: 3, crossFit },
    inspect,
    scoring,
  })
  return {
    pipeline,
    output: join(folder),
    input: path => join(folder, path),
    store: {
      produce: () => Promise.reject(new Error('scoring keeps no parts')),
      find: () => Promise.resolve(undefined),
    },
    inputKeys: {},
    workers: 1,
    progress: silentProgress,
    signal: new AbortController().signal,
  }
}

async function rowsOf(path: string): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = []
  for await (const batch of openTable(join(folder, path))) {
    for (const row of batch) rows.push(row.toJSON())
  }
  return rows
}

describe('score', () => {
  it('says so where folds are judged by members that trained on them', async () => {
    const said: string[] = []
    const log = (message: string) => said.push(message)
    await score.run({ ...contextOf(), progress: { ...silentProgress, log } })
    expect(said).toEqual([])
    await score.run({ ...contextOf({}, 5), progress: { ...silentProgress, log } })
    expect(said).toEqual([
      '3 of 5 folds are judged by members that trained on them: set population.seeds to 5 or more',
    ])
  })

  it('writes the scores of every example', async () => {
    await score.run(contextOf({ decision: { rule: 'budget', count: 2 } }))
    const rows = await rowsOf('scores.parquet')
    expect(Object.keys(rows[0])).toEqual(
      scoresSchema(levels, { trueLabel: true }).fields.map(({ name }) => name),
    )
    expect(rows.map(row => row.example_id)).toEqual(ids)
    expect(rows.map(row => row.true_label)).toEqual(truth)
    expect(rows.map(row => row.modal_dense)).toEqual([0, 1, 1, 1, 0, 0, 0, 1, 0, 1])
    expect(rows.map(row => row['modal_magnitude-0.9'])).toEqual([0, 1, 0, 1, 0, 0, 0, 0, 0, 1])
    expect(rows.map(row => row['is_pie_magnitude-0.9'])).toEqual(
      [0, 0, 1, 0, 0, 0, 0, 1, 0, 0].map(flag => flag === 1),
    )
    expect(rows.map(row => row.pie_levels)).toEqual([0, 0, 1, 0, 0, 0, 0, 1, 0, 0])
    // Of two compressed levels, one votes like dense and the other the other way.
    expect(rows.map(row => row.disagreement)).toEqual([0, 0, 0.5, 0, 0, 0, 0, 0.5, 0, 0])
    expect(rows.map(row => row.agreement_dense)).toEqual(Array(10).fill(1))
    // Out of sample, example 0 is judged by the second member alone. Magnitude members are too weak to count much.
    expect(rows[0].label_quality).toBeGreaterThan(0.8)
    expect(rows.map(row => row.is_label_issue)).toEqual(
      [0, 1, 0, 0, 1, 0, 0, 0, 0, 0].map(flag => flag === 1),
    )
    expect(rows.map(row => row.suggested_label)).toEqual([0, 1, 1, 1, 0, 0, 0, 1, 0, 1])
    expect(rows[1].suggested_p).toBeGreaterThan(0.4)
    expect(rows.map(row => row.issue_kind === null)).toEqual(rows.map(row => !row.is_label_issue))
  })

  it('weighs evidence by skill, a re-encoded member not at all', async () => {
    await writeInputs({
      dense: saysOne.dense,
      'magnitude-0.9': saysOne.dense.map(member => member.map(one => (one + 0.5) / 2)),
      'int8-dynamic': saysOne.dense.map(member => member.map(one => 1 - one)),
    })
    await score.run(contextOf())
    const blurred = (await rowsOf('scores.parquet')).map(row => row.label_quality)
    await writeInputs({
      dense: saysOne.dense,
      'magnitude-0.9': saysOne.dense.map(member => member.map(one => (one + 0.5) / 2)),
      'int8-dynamic': saysOne.dense,
    })
    await score.run(contextOf())
    expect((await rowsOf('scores.parquet')).map(row => row.label_quality)).toEqual(blurred)
    await writeInputs({
      dense: saysOne.dense,
      'magnitude-0.9': saysOne.dense,
      'int8-dynamic': saysOne.dense,
    })
    await score.run(contextOf())
    expect((await rowsOf('scores.parquet')).map(row => row.label_quality)).not.toEqual(blurred)
  })

  it('asks the labels of the neighbours, unless nothing may judge a label that has learned it', async () => {
    const schema = inspectionSchema({ kind: 'features' })
    const unknown = Object.fromEntries(
      schema.fields.filter(({ nullable }) => nullable).map(({ name }) => [name, labels.map(() => null)]),
    )
    const qualitiesBeside = async (neighborLabels: (number | null)[], evidence: 'auto' | 'out-of-sample') => {
      const agreement = neighborLabels.map((label, i) =>
        label === null ? null : label === labels[i] ? 1 : 0,
      )
      await write('inspection.parquet', schema, {
        ...unknown,
        example_id: ids,
        split: labels.map((_, i) => (isTest(i) ? 'test' : 'train')),
        neighbor_agreement: agreement,
        neighbor_label: neighborLabels,
        neighbor_label_share: neighborLabels.map(label => (label === null ? null : 1)),
        first_label: labels,
        first_p: labels,
        second_label: labels,
        second_p: labels,
        hints: labels.map(() => []),
      })
      return qualitiesOf(contextOf({ evidence }, 2, { neighbors: 3 }))
    }
    const qualitiesOf = async (context: StageContext) => {
      await score.run(context)
      return (await rowsOf('scores.parquet')).map(row => row.label_quality as number)
    }
    const contradicting = labels.with(0, 1)
    const [sure] = await qualitiesBeside(labels, 'auto')
    const [doubtful] = await qualitiesBeside(contradicting, 'auto')
    expect(doubtful).toBeLessThan(sure)
    const outOfSample = await qualitiesOf(contextOf({ evidence: 'out-of-sample' }))
    expect(await qualitiesBeside(contradicting, 'out-of-sample')).toEqual(outOfSample)
    const alone = await qualitiesOf(contextOf())
    expect(alone).not.toEqual(outOfSample)
    expect(
      await qualitiesBeside(
        labels.map(() => null),
        'auto',
      ),
    ).toEqual(alone)
  })

  it('sums the levels up by split', async () => {
    const decision = { rule: 'budget' as const, count: 2 }
    const headline = (await score.run(contextOf({ decision }))) as unknown as ScoreHeadline
    const rows = await rowsOf('levels.parquet')
    expect(Object.keys(rows[0])).toEqual(levelsSchema.fields.map(({ name }) => name))
    expect(rows.map(row => [row.level, row.split])).toEqual(
      ['train', 'test'].flatMap(split => levels.map(level => [level, split])),
    )
    const at = (level: string, split: string) => rows.find(row => row.level === level && row.split === split)!
    expect(at('magnitude-0.9', 'test')).toMatchObject({
      method: 'magnitude',
      sparsity: 0.9,
      bits: 32,
      members: 2,
      size_bytes: 1004n,
      nonzero_weights: 40n,
      examples: 4,
      top1_mean: 0.75,
      top1_sd: 0,
      top5_mean: 1,
      pie_top1_mean: 0,
      non_pie_top1_mean: 1,
      pies: 1,
      pie_rate: 0.25,
    })
    expect(at('dense', 'test')).toMatchObject({ top1_mean: 1, pie_top1_mean: 1, pies: 1 })
    expect(at('int8-dynamic', 'test')).toMatchObject({ pies: 0, pie_top1_mean: null, pie_top1_sd: null })
    // Out of sample the first member sees the training examples 1, 3, 5, the second 0, 2, 4: 2 of 3 right each.
    expect(at('dense', 'train').top1_mean).toBeCloseTo(2 / 3, 12)

    expect(headline.levels.map(({ level, top1Mean, pies }) => [level, top1Mean, pies])).toEqual([
      ['dense', 1, undefined],
      ['magnitude-0.9', 0.75, 2],
      ['int8-dynamic', 1, 0],
    ])
    expect(headline.levels[1]).toMatchObject({ noiseInPies: 0, noiseOutside: 2 / 5, pieRate: 0.2 })
    expect(headline.labelIssues).toBe(2)
    expect(headline.truth).toMatchObject({
      issues: 2,
      auroc: 1,
      averagePrecision: 1,
      precision: 1,
      recall: 1,
      precisionAt1: 1,
      byKind: { 'other class': { issues: 1, recall: 1 }, 'no class': { issues: 1, recall: 1 } },
    })
    expect(JSON.parse(JSON.stringify(headline))).toEqual(headline)
  })

  it('tests every class, and every class in every subgroup', async () => {
    await score.run(contextOf())
    const rows = await rowsOf('classes.parquet')
    expect(Object.keys(rows[0])).toEqual(classesSchema.fields.map(({ name }) => name))
    expect(rows).toHaveLength(2 * 2 * (2 + 2 * 2))
    const test = rows.filter(row => row.split === 'test' && row.level === 'magnitude-0.9')
    expect(test.map(row => [row.group, row.group_value, row.class_name, row.n, row.recall_mean])).toEqual([
      [null, null, 'cat', 2, 1],
      [null, null, 'dog', 2, 0.5],
      ['hair', 'dark', 'cat', 1, 1],
      ['hair', 'dark', 'dog', 1, 1],
      ['hair', 'fair', 'cat', 1, 1],
      ['hair', 'fair', 'dog', 1, 0],
    ])
    expect(test[1]).toMatchObject({
      dense_recall_mean: 1,
      relative_change: -0.25,
      p: null,
      significant: false,
      direction: 'none',
    })
  })

  it('gives the same bytes again', async () => {
    const bytes = () =>
      Promise.all(['scores', 'levels', 'classes'].map(name => readFile(join(folder, `${name}.parquet`))))
    await score.run(contextOf())
    const first = await bytes()
    await score.run(contextOf())
    expect(await bytes()).toEqual(first)
  })

  it('refuses predictions that are not those of the examples and members', async () => {
    const columns = predictionsOf('dense')
    const without = (row: number) =>
      Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values.toSpliced(row, 1)]))
    await write('predictions/dense.parquet', predictionsSchema, without(7) as typeof columns)
    await expect(score.run(contextOf())).rejects.toThrow(DataError)
    await write('predictions/dense.parquet', predictionsSchema, without(19) as typeof columns)
    await expect(score.run(contextOf())).rejects.toThrow('ends after 19 rows')
    await writeInputs()
    await write('probabilities/dense.parquet', probabilitiesSchema(2, true), {
      example_id: ids.toReversed(),
      probabilities: Array(20).fill(0.5),
      in_sample_probabilities: Array(20).fill(0.5),
    })
    await expect(score.run(contextOf())).rejects.toThrow('image-9 stands where image-0 should')
    await write('probabilities/dense.parquet', probabilitiesSchema(2), {
      example_id: ids,
      probabilities: Array(20).fill(0.5),
    })
    await expect(score.run(contextOf())).rejects.toThrow('there is no column "in_sample_probabilities"')
  })

  it('says so when evidence is asked for that no member can give', async () => {
    const columns = predictionsOf('dense')
    for (const level of levels) {
      await write(`predictions/${level}.parquet`, predictionsSchema, {
        ...columns,
        in_sample: columns.in_sample.map(() => true),
      })
    }
    await expect(score.run(contextOf({ evidence: 'out-of-sample' }))).rejects.toThrow(ConfigError)
    await expect(score.run(contextOf({ evidence: 'auto' }))).resolves.toBeDefined()
  })
})
