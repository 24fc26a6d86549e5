import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Field, FixedSizeList, Float32, Float64, Int32, Schema, Utf8 } from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeDatasetInfo } from '../../src/dataset/info.js'
import { ConfigError, DataError } from '../../src/errors.js'
import { pipelineSchema } from '../../src/pipeline/config.js'
import { openTable, writeNpy, writeTable } from '../../src/pipeline/files.js'
import { silentProgress } from '../../src/pipeline/progress.js'
import { type ScorePredictionsOptions, scorePredictions } from '../../src/predictions/score-predictions.js'
import { meanProbabilities, memberPredictions } from '../../src/scoring/member-predictions.js'
import { auditTables } from '../../src/stages/audit.js'
import { score } from '../../src/stages/score.js'
import { type ColumnValues, recordBatch } from '../../src/tables/columns.js'
import { examplesSchema, predictionsSchema, probabilitiesSchema } from '../../src/tables/schemas.js'
import cleanlab from './fixtures/cleanlab.json' with { type: 'json' }

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-predictions-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name)
const at = (name: string) => join(folder, name)

/** An array file of any type and order, as NumPy writes it. */
async function npy(name: string, description: string, shape: number[], values: ArrayBufferView, order = 'C') {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const fortran = order === 'F' ? 'True' : 'False'
  const text = `{'descr': '${description}', 'fortran_order': ${fortran}, 'shape': (${tuple}), }`
  const padded = `${text.padEnd(117)}\n`
  const head = Buffer.concat([
    Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, padded.length, 0]),
    Buffer.from(padded),
  ])
  await mkdir(dirname(at(name)), { recursive: true })
  await writeFile(
    at(name),
    Buffer.concat([head, Buffer.from(values.buffer, values.byteOffset, values.byteLength)]),
  )
  return at(name)
}

async function table(name: string, schema: Schema, columns: Record<string, ColumnValues>) {
  await mkdir(dirname(at(name)), { recursive: true })
  await writeTable(at(name), schema, [recordBatch(schema, columns)])
  return at(name)
}

async function text(name: string, content: string) {
  await mkdir(dirname(at(name)), { recursive: true })
  await writeFile(at(name), content)
  return at(name)
}

async function rowsOf(path: string): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = []
  for await (const batch of openTable(path)) for (const row of batch) rows.push(row.toJSON())
  return rows
}

/** Numbers between 0 and 1 that depend on where they stand alone. */
const uniform = (k: number) => Math.abs(Math.sin(k * 12.9898 + 78.233) * 43758.5453) % 1

/** 20 examples of 3 classes: probabilities that float32 and short decimals hold exactly. */
const examples = 20
const classNames = ['cat', 'dog', 'owl']
const given = Array.from({ length: examples }, (_, i) => i % 3)
const probabilities = given.flatMap((label, i) => {
  const own = Math.floor(uniform(i) * 48)
  const other = Math.floor(uniform(i + 100) * (64 - own))
  const row = [0, 0, 0]
  row[label] = own / 64
  row[(label + 1) % 3] = other / 64
  row[(label + 2) % 3] = (64 - own - other) / 64
  return row
})
const rows = given.map((_, i) => probabilities.slice(i * 3, i * 3 + 3))
const columnsOfNumbers = (type: Float32 | Float64) =>
  new Schema(classNames.map(name => new Field(name, type, false)))
const perClass = (values: readonly number[][]) =>
  Object.fromEntries(classNames.map((name, c) => [name, values.map(row => row[c])]))

const scores = async (options: ScorePredictionsOptions, name: string) => {
  const out = at(`out/${name}`)
  const scored = await scorePredictions({ ...options, out })
  return { scored, bytes: await readFile(join(out, 'scores.parquet')), out }
}

describe('one matrix', () => {
  const files: [string, () => Promise<string>][] = [
    ['float32', () => npy('p32.npy', '<f4', [examples, 3], Float32Array.from(probabilities))],
    ['float64', () => npy('p64.npy', '<f8', [examples, 3], Float64Array.from(probabilities))],
    [
      'float64 in Fortran order',
      () =>
        npy(
          'pf.npy',
          '<f8',
          [examples, 3],
          Float64Array.from([0, 1, 2].flatMap(c => rows.map(row => row[c]))),
          'F',
        ),
    ],
    ['Parquet, a column a class', () => table('p.parquet', columnsOfNumbers(new Float64()), perClass(rows))],
    ['Arrow, a column a class', () => table('p.arrow', columnsOfNumbers(new Float32()), perClass(rows))],
    [
      'Parquet, a column of lists',
      () =>
        table(
          'lists.parquet',
          new Schema([
            new Field('example_id', new Utf8(), false),
            new Field('probabilities', new FixedSizeList(3, new Field('item', new Float32(), false)), false),
          ]),
          { example_id: given.map((_, i) => `e${i}`), probabilities },
        ),
    ],
    [
      'CSV with an index',
      () =>
        text('p.csv', `,p_cat,p_dog,p_owl\n${rows.map((row, i) => `${i},${row.join(',')}`).join('\n')}\n`),
    ],
  ]
  const labels = () =>
    text('named.csv', `example_id,label\n${given.map((c, i) => `e${i},${classNames[c]}`).join('\n')}\n`)

  test.each(files)('%s gives the same bytes', async (name, write) => {
    const path = await write()
    const known = { labels: await labels(), ...(path.endsWith('.npy') && { classNames }) }
    const { scored, bytes } = await scores({ matrix: path, ...known }, name)
    const first = await scores({ matrix: await files[0][1](), ...known, classNames }, 'first')
    expect(bytes.equals(first.bytes)).toBe(true)
    expect(scored.classNames).toEqual(classNames)
  })

  test('scores every example', async () => {
    const { scored, out } = await scores(
      {
        matrix: await files[0][1](),
        labels: await npy('y.npy', '<i8', [examples], BigInt64Array.from(given, BigInt)),
        decision: { rule: 'threshold', threshold: 0.5 },
      },
      'values',
    )
    const table = await rowsOf(join(out, 'scores.parquet'))
    expect(Object.keys(table[0])).toEqual([
      'example_id',
      'label',
      'label_quality',
      'is_label_issue',
      'issue_kind',
      'suggested_label',
      'suggested_p',
    ])
    for (const [i, row] of table.entries()) {
      const quality = Number(row.label_quality)
      expect(row).toMatchObject({ example_id: String(i), label: given[i], is_label_issue: quality < 0.5 })
      expect(row.suggested_label === given[i]).toBe(quality >= 0.5)
    }
    const issues = table.filter(row => row.is_label_issue)
    expect(scored).toMatchObject({ examples, labelIssues: issues.length, classNames: ['0', '1', '2'] })
    const agreed = rows.filter((row, i) => row[given[i]] === Math.max(...row)).length
    expect(scored.accuracy).toBe(agreed / examples)
    expect(scored.wrongLabels.count).toBeGreaterThan(0)
    expect(scored.wrongLabels.count).toBeLessThan(examples)
    const order = issues.toSorted((a, b) => Number(a.label_quality) - Number(b.label_quality))
    expect(scored.suspects(3).map(({ exampleId }) => exampleId)).toEqual(
      order.slice(0, 3).map(row => row.example_id),
    )
  })

  test('a budget marks that many; logits say what their softmax says', async () => {
    const logits = await npy(
      'l.npy',
      '<f4',
      [examples, 3],
      Float32Array.from(probabilities, p => Math.log(p + 1e-3)),
    )
    const options = { labels: await labels(), classNames, decision: { rule: 'budget', count: 4 } as const }
    const { scored } = await scores({ matrix: logits, form: 'logits', ...options }, 'budget')
    expect(scored.labelIssues).toBe(4)
    expect(scored.suspects(100)).toHaveLength(4)
  })

  test.each(['logistic', 'neighbours'] as const)(
    'ranks the wrong labels of the digits as well as cleanlab: %s',
    async name => {
      const { scored } = await scores({ matrix: fixture(`${name}.npy`), labels: fixture('labels.csv') }, name)
      for (const figures of Object.values(cleanlab[name])) {
        expect(scored.truth!.averagePrecision).toBeGreaterThan(figures.averagePrecision - 0.005)
        expect(scored.truth!.auroc).toBeGreaterThan(figures.auroc - 0.002)
      }
      expect(scored.truth!.averagePrecision).toBeGreaterThan(
        cleanlab[name].normalized_margin.averagePrecision,
      )
    },
  )
})

/** Two levels of three members each, logits on a grid so that there are ties. */
const levels = ['dense', 'magnitude-0.9']
const seeds = [0, 1, 2]
const logitsOf = (level: number, seed: number) =>
  Float32Array.from(
    { length: examples * 3 },
    (_, k) => Math.round(uniform(k + 1000 * seed) * 8 + uniform(k + 7000 + 500 * level + seed) * 3) / 2,
  )
const predictedOf = (level: number, seed: number) => {
  const logits = logitsOf(level, seed)
  return given.map((_, i) => {
    const row = [...logits.subarray(i * 3, i * 3 + 3)]
    return row.indexOf(Math.max(...row))
  })
}

describe('populations', () => {
  const labels = () =>
    text(
      'attributes.csv',
      `id,label,true_label,split,hair\n${given
        .map(
          (c, i) =>
            `e${i},${classNames[c]},${i % 4 === 0 ? '' : classNames[i % 2]},${i < 12 ? 'train' : 'test'},${['dark', 'fair', ''][i % 3]}`,
        )
        .join('\n')}\n`,
    )

  /** A folder of folders of matrices. */
  async function folders(): Promise<string> {
    for (const [l, level] of levels.entries()) {
      for (const seed of seeds)
        await npy(`runs/${level}/model-${seed}.npy`, '<f4', [examples, 3], logitsOf(l, seed))
    }
    return at('runs')
  }

  const shared = { form: 'logits' as const, classNames }

  test('the tables are those of the score stage', async () => {
    const run = at('stage')
    await mkdir(run, { recursive: true })
    await writeFile(
      join(run, 'dataset.json'),
      encodeDatasetInfo({
        classNames,
        classLabels: [0, 1, 2],
        input: { kind: 'features', features: 1 },
        normalization: { mean: Float32Array.of(0), deviation: Float32Array.of(1) },
        trainExamples: 12,
        testExamples: 8,
        classCounts: [],
        skipped: 0,
        source: { format: 'csv', columns: ['x', 'label'], label: 'label', content: ['x'] },
        featureNames: ['x'],
        groups: ['hair'],
        trueLabel: true,
        ids: 'content',
      }),
    )
    const entries = seeds.map(seed => ({ seed, bytes: 1, weights: 1, nonZeroWeights: 1 }))
    await writeFile(
      join(run, 'members.json'),
      JSON.stringify(Object.fromEntries(levels.map(name => [name, entries]))),
    )
    const ids = given.map((_, i) => `e${i}`)
    await table(
      'stage/examples.parquet',
      examplesSchema({ content: { kind: 'features', features: 1 }, groups: ['hair'], trueLabel: true }),
      {
        example_id: ids,
        split: given.map((_, i) => (i < 12 ? 'train' : 'test')),
        fold: given.map(() => null),
        label: given,
        label_name: given.map(c => classNames[c]),
        true_label: given.map((_, i) => (i % 4 === 0 ? null : i % 2)),
        group_hair: given.map((_, i) => ['dark', 'fair', null][i % 3]),
        source: ids,
        source_row: given.map((_, i) => i),
        features: given,
      },
    )
    for (const [l, level] of levels.entries()) {
      const logits = seeds.map(seed => logitsOf(l, seed))
      const says = memberPredictions(logits, Int32Array.from(given), 3)
      const inSample = new Uint8Array(examples * 3)
      await table(`stage/predictions/${level}.parquet`, predictionsSchema, {
        example_id: ids.flatMap(id => seeds.map(() => id)),
        seed: ids.flatMap(() => seeds),
        in_sample: inSample,
        predicted: says.predicted,
        rank_given: says.rankGiven,
        p_given: says.pGiven,
        p_top: says.pTop,
        margin: says.margin,
      })
      await table(`stage/probabilities/${level}.parquet`, probabilitiesSchema(3), {
        example_id: ids,
        probabilities: meanProbabilities(logits, inSample, 3),
      })
    }
    await score.run({
      pipeline: pipelineSchema.parse({
        name: 'pets',
        dataset: { path: 'x.csv', trueLabel: 'true_label', groups: ['hair'] },
        compress: [{ method: 'magnitude', sparsity: 0.9 }],
        population: { seeds: 3, crossFit: 0 },
        inspect: false,
      }),
      output: run,
      input: path => join(run, path),
      store: {
        produce: () => Promise.reject(new Error('scoring keeps no parts')),
        find: () => Promise.resolve(undefined),
      },
      inputKeys: {},
      workers: 1,
      progress: silentProgress,
      signal: new AbortController().signal,
    })

    const { out, bytes, scored } = await scores(
      { populations: await folders(), ...shared, labels: await labels(), columns: { groups: ['hair'] } },
      'folders',
    )
    expect(bytes.equals(await readFile(join(run, 'scores.parquet')))).toBe(true)
    expect(
      (await readFile(join(out, 'classes.parquet'))).equals(await readFile(join(run, 'classes.parquet'))),
    ).toBe(true)
    const unknown = { size_bytes: null, nonzero_weights: null }
    expect(await rowsOf(join(out, 'levels.parquet'))).toEqual(
      (await rowsOf(join(run, 'levels.parquet'))).map(row => ({ ...row, ...unknown })),
    )
    expect(scored.levels!.map(({ level }) => level)).toEqual(levels)
    expect(await readdir(out)).toEqual(auditTables.map(name => `${name}.parquet`).toSorted())
  })

  const one: [string, () => Promise<NonNullable<ScorePredictionsOptions['populations']>>][] = [
    [
      'one array a level',
      async () =>
        Object.fromEntries(
          await Promise.all(
            levels.map(async (level, l) => [
              level,
              await npy(
                `stacked/${level}.npy`,
                '<f4',
                [3, examples, 3],
                Float32Array.from(seeds.flatMap(seed => [...logitsOf(l, seed)])),
              ),
            ]),
          ),
        ),
    ],
    [
      'one table for all, example by example',
      () => {
        const keys = given.flatMap((_, i) =>
          levels.flatMap((level, l) => seeds.map(seed => ({ i, level, l, seed }))),
        )
        return table(
          'all.parquet',
          new Schema([
            new Field('id', new Utf8(), false),
            new Field('level', new Utf8(), false),
            new Field('member', new Int32(), false),
            ...columnsOfNumbers(new Float32()).fields,
          ]),
          {
            id: keys.map(({ i }) => `e${i}`),
            level: keys.map(({ level }) => level),
            member: keys.map(({ seed }) => seed),
            ...perClass(keys.map(({ i, l, seed }) => [...logitsOf(l, seed).subarray(i * 3, i * 3 + 3)])),
          },
        )
      },
    ],
    [
      'a CSV a member',
      async () => {
        for (const [l, level] of levels.entries()) {
          for (const seed of seeds) {
            const lines = given.map((_, i) =>
              logitsOf(l, seed)
                .subarray(i * 3, i * 3 + 3)
                .join(','),
            )
            await text(`csv/${level}/${seed}.csv`, `${classNames.join(',')}\n${lines.join('\n')}\n`)
          }
        }
        return at('csv')
      },
    ],
  ]
  test.each(one)('%s gives the same bytes', async (name, write) => {
    const options = { ...shared, labels: await labels() }
    const { bytes } = await scores({ ...options, populations: await write() }, name)
    const { bytes: first } = await scores({ ...options, populations: await folders() }, 'folders')
    expect(bytes.equals(first)).toBe(true)
  })

  describe('of predicted labels alone', () => {
    async function arrays() {
      const entries = levels.map(async (level, l) => [
        level,
        await npy(
          `labels/${level}.npy`,
          '<i4',
          [3, examples],
          Int32Array.from(seeds.flatMap(seed => predictedOf(l, seed))),
        ),
      ])
      return Object.fromEntries(await Promise.all(entries)) as Record<string, string>
    }
    const options = async () => ({ form: 'labels' as const, classNames, labels: await labels() })

    test('PIEs and votes are those of the logits, ties aside; labels go by the votes', async () => {
      const decision = { rule: 'budget', count: 5 } as const
      const { out } = await scores(
        { ...(await options()), populations: await arrays(), decision },
        'few votes',
      )
      const table = await rowsOf(join(out, 'scores.parquet'))
      for (const [i, row] of table.entries()) {
        const votes = [0, 1, 2].map(c => seeds.filter(seed => predictedOf(0, seed)[i] === c).length)
        const most = Math.max(...votes)
        expect(row.modal_dense).toBe(votes.indexOf(most))
        expect(row.agreement_dense).toBe(Math.fround(most / 3))
        if (row.suggested_label === row.label) continue
        expect(votes[Number(row.suggested_label)]).toBeGreaterThanOrEqual(votes[given[i]])
      }
      const [level] = await rowsOf(join(out, 'levels.parquet'))
      expect(level).toMatchObject({ top5_mean: null, top5_sd: null, size_bytes: null, sparsity: 0 })
      expect(level.top1_mean).not.toBeNull()
    })

    test('names in the columns of a table are the same', async () => {
      const populations: Record<string, string> = {}
      for (const [l, level] of levels.entries()) {
        const lines = given.map((_, i) => seeds.map(seed => classNames[predictedOf(l, seed)[i]]).join(','))
        populations[level] = await text(`wide/${level}.csv`, `a,b,c\n${lines.join('\n')}\n`)
      }
      const { bytes } = await scores({ ...(await options()), populations }, 'wide')
      const { bytes: first } = await scores({ ...(await options()), populations: await arrays() }, 'votes')
      expect(bytes.equals(first)).toBe(true)
    })
  })
})

describe('bad input', () => {
  const matrix = (values: readonly number[], shape = [values.length / 2, 2]) =>
    npy(`bad-${values.join('_')}.npy`, '<f4', shape, Float32Array.from(values))
  const names = new Map<string, number>()
  const labels = (content = 'label\n0\n1\n') => {
    if (!names.has(content)) names.set(content, names.size)
    return text(`labels-${names.get(content)}.csv`, content)
  }

  const cases: [string, () => Promise<Partial<ScorePredictionsOptions>>, RegExp, number | undefined][] = [
    [
      'more predictions than labels',
      async () => ({ matrix: await matrix([1, 0, 0, 1, 1, 0]) }),
      /predictions of 3 examples, .* has 2 labels/,
      undefined,
    ],
    [
      'fewer',
      async () => ({ matrix: await matrix([1, 0]) }),
      /predictions of 1 examples, .* has 2 labels/,
      undefined,
    ],
    [
      'NaN',
      async () => ({ matrix: await matrix([1, 0, Number.NaN, 1]) }),
      /value of class 0 is missing or not a number/,
      1,
    ],
    [
      'an infinite logit',
      async () => ({ matrix: await matrix([1, 0, 1, Number.NEGATIVE_INFINITY]), form: 'logits' }),
      /value of class 1 is -Infinity/,
      1,
    ],
    [
      'a sum that is not 1',
      async () => ({ matrix: await matrix([1, 0, 0.5, 0.4]) }),
      /sum to 0\.9, not to 1/,
      1,
    ],
    [
      'a negative probability',
      async () => ({ matrix: await matrix([1.25, -0.25, 0, 1]) }),
      /probability of class 1 is -0\.25/,
      0,
    ],
    [
      'a label out of range',
      async () => ({ labels: await labels('label\n0\n2\n') }),
      /label "2" is none of the 2 classes/,
      1,
    ],
    [
      'a label of no class',
      async () => ({ labels: await labels('label\ncat\nbat\n'), classNames: ['cat', 'dog'] }),
      /label "bat" is none of the 2 classes/,
      1,
    ],
    ['a missing label', async () => ({ labels: await labels('i,label\n0,1\n1,\n') }), /label is missing/, 1],
    ['a missing file', async () => ({ matrix: at('nowhere.npy') }), /cannot be opened/, undefined],
    ['no matrix', async () => ({ matrix: await matrix([0, 1], [2]) }), /the array is \[2\]/, undefined],
    [
      'a file that is cut off',
      async () => ({ matrix: await matrix([0, 1], [3, 2]) }),
      /header says/,
      undefined,
    ],
    [
      'a kind that nobody reads',
      async () => ({ matrix: await text('p.json', '[]') }),
      /of no kind that is read/,
      undefined,
    ],
    [
      'other examples',
      async () => ({
        matrix: await text('other.csv', 'id,a,b\nx,1,0\nz,0,1\n'),
        labels: await labels('id,label\nx,a\ny,b\n'),
      }),
      /"z" stands where "y" should/,
      1,
    ],
    [
      'text in a column of numbers',
      async () => ({
        matrix: await text('text.csv', `a,b\n${'1,0\n'.repeat(200)}x,1\n`),
        labels: await labels(`label\n${'a\n'.repeat(201)}`),
        classNames: ['a', 'b'],
      }),
      /value of class 0 is missing or not a number/,
      200,
    ],
    [
      'members of other classes',
      async () => ({
        populations: { dense: await matrix([1, 0, 0, 1]), small: await matrix([1, 0, 0, 1, 0, 0], [2, 3]) },
      }),
      /there are 3 classes, in .* 2/,
      undefined,
    ],
    [
      'members of other examples',
      async () => ({ populations: { dense: await matrix([1, 0, 0, 1]), small: await matrix([1, 0]) } }),
      /predictions of 1 examples/,
      undefined,
    ],
    [
      'a member with NaN',
      async () => ({ populations: { dense: await matrix([1, 0, Number.NaN, 1]) } }),
      /value of class 0/,
      1,
    ],
  ]
  test.each(cases)('%s is told with its file', async (name, change, message, row) => {
    const changed = await change()
    const options = {
      labels: await labels(),
      ...(changed.populations === undefined && { matrix: await matrix([1, 0, 0, 1]) }),
      ...changed,
    }
    const error = await scorePredictions({ ...options, out: at(`out/bad/${name}`) }).catch(error => error)
    expect(error).toBeInstanceOf(DataError)
    expect(error.message).toMatch(message)
    expect(error.file).toContain(folder)
    expect(error.row).toBe(row)
    expect(error.mend).toBeTruthy()
  })

  test('classes that cannot be told, and levels without dense, are told', async () => {
    const three = await text('three.csv', 'label\ncat\ndog\nowl\n')
    const predictions = await matrix([1, 0, 0, 1, 1, 0])
    const fail = (options: Partial<ScorePredictionsOptions>) =>
      expect(
        scorePredictions({
          ...(options.populations === undefined && { matrix: predictions }),
          labels: three,
          out: at('out/bad'),
          ...options,
        }),
      ).rejects
    await fail({}).toThrow('3 different labels, the predictions are about 2 classes')
    await fail({ classNames: ['cat'] }).toThrow('1 classes are named')
    await fail({ classNames: ['cat', 'dog'] }).toThrow(DataError)
    await fail({ populations: { small: predictions } }).toThrow(ConfigError)
    await fail({ columns: { label: 'lable' } }).toThrow('no column "lable"')
    await fail({ decision: { rule: 'budget', count: 0 } }).toThrow(ConfigError)
  })
})

test('writeNpy and the reader agree on int32 and uint8 labels', async () => {
  await writeNpy(at('y32.npy'), { dtype: 'int32', shape: [] }, [Int32Array.from(given)])
  await writeNpy(at('y8.npy'), { dtype: 'uint8', shape: [] }, [Uint8Array.from(given)])
  const predictions = await npy('p.npy', '<f4', [examples, 3], Float32Array.from(probabilities))
  const { bytes } = await scores({ matrix: predictions, labels: at('y32.npy') }, 'y32')
  expect((await scores({ matrix: predictions, labels: at('y8.npy') }, 'y8')).bytes.equals(bytes)).toBe(true)
  const names = Buffer.concat(given.map(c => Buffer.from(classNames[c].padEnd(5, '\0'), 'utf16le')))
  const wide = new Uint32Array(given.length * 5)
  for (let k = 0; k < wide.length; k++) wide[k] = names.readUInt16LE(k * 2)
  const text = await npy('names.npy', '<U5', [examples], wide)
  const { scored } = await scores({ matrix: predictions, labels: text }, 'names')
  expect(scored.classNames).toEqual(classNames)
})
