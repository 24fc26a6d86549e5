import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Field, FixedSizeList, Float32, Float64, Schema, Utf8 } from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ConfigError, DataError } from '../../src/errors.js'
import { openTable, writeNpy, writeTable } from '../../src/pipeline/files.js'
import { scoreAnnotators } from '../../src/predictions/score-annotators.js'
import { recordBatch } from '../../src/tables/columns.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-annotators-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const at = (name: string) => join(folder, name)
const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name)
const text = async (name: string, content: string) => {
  await writeFile(at(name), content)
  return at(name)
}

async function rowsOf(path: string): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = []
  for await (const batch of openTable(path)) for (const row of batch) rows.push(row.toJSON())
  return rows
}

/** Three classes, four examples, three annotators. */
const classNames = ['cat', 'dog', 'owl']
const probabilities = [
  [0.8, 0.1, 0.1],
  [0.2, 0.5, 0.3],
  [0.1, 0.1, 0.8],
  [0.6, 0.3, 0.1],
]
const given = [
  ['cat', 'cat', ''],
  ['owl', 'dog', 'dog'],
  ['', '', 'owl'],
  ['cat', '', 'dog'],
]
const annotators = ['ann', 'bob', 'eve']

const matrix = async () => {
  await writeNpy(at('p.npy'), { dtype: 'float32', shape: [3] }, [Float32Array.from(probabilities.flat())])
  return at('p.npy')
}
const tables = async (out: string) => ({
  consensus: await readFile(join(out, 'consensus.parquet')),
  annotators: await readFile(join(out, 'annotators.parquet')),
})

describe('the same labels in every form', () => {
  const long = (order: (rows: string[]) => string[]) => {
    const rows = given.flatMap((labels, i) =>
      labels.flatMap((label, j) => (label === '' ? [] : [`${i},${annotators[j]},${label}`])),
    )
    return `example_id,annotator,label\n${order(rows).join('\n')}\n`
  }
  const wide = (labels: readonly (readonly string[])[]) =>
    `${annotators.join(',')}\n${labels.map(row => row.join(',')).join('\n')}\n`
  const codes = (label: string) => (label === '' ? -1 : classNames.indexOf(label))
  const forms: [string, () => Promise<string>][] = [
    ['a column an annotator', () => text('wide.csv', wide(given))],
    [
      'columns of class indexes',
      () => text('codes.csv', wide(given.map(r => r.map(l => l && `${codes(l)}`)))),
    ],
    [
      'Parquet of floats with gaps',
      async () => {
        const schema = new Schema(annotators.map(name => new Field(name, new Float64(), true)))
        const columns = annotators.map((name, j) => [
          name,
          given.map(row => (row[j] === '' ? null : codes(row[j]))),
        ])
        await writeTable(at('wide.parquet'), schema, [recordBatch(schema, Object.fromEntries(columns))])
        return at('wide.parquet')
      },
    ],
    [
      'rows of example, annotator and label',
      () =>
        text(
          'long.csv',
          long(rows => rows),
        ),
    ],
  ]

  test.each(forms)('%s', async (_, labels) => {
    const scored = await scoreAnnotators({
      matrix: await matrix(),
      labels: await labels(),
      classNames,
      out: at('out'),
    })
    expect(scored).toMatchObject({ examples: 4, labelsPerExample: 2, overruled: 0 })
    expect(scored.annotators.map(({ annotator, labels }) => [annotator, labels]).toSorted()).toEqual([
      ['ann', 3],
      ['bob', 2],
      ['eve', 3],
    ])
    const rows = await rowsOf(at('out/consensus.parquet'))
    expect(rows.map(row => row.label_name)).toEqual(['cat', 'dog', 'owl', 'cat'])
    expect(rows.map(row => row.annotators)).toEqual([2, 3, 1, 2])
    expect(rows.map(row => row.agreement)).toEqual([1, Math.fround(2 / 3), 1, 0.5])
    const first = await scoreAnnotators({
      matrix: await matrix(),
      labels: await forms[0][1](),
      classNames,
      out: at('first'),
    })
    expect(scored.annotators).toEqual(first.annotators)
    expect(await tables(at('out'))).toEqual(await tables(at('first')))
  })

  test('an array, whose annotators have numbers for names', async () => {
    const values = Float32Array.from(given.flat(), codes)
    await writeNpy(at('labels.npy'), { dtype: 'float32', shape: [3] }, [values])
    const scored = await scoreAnnotators({
      matrix: await matrix(),
      labels: at('labels.npy'),
      classNames,
      out: at('array'),
    })
    expect(scored.annotators.map(({ annotator }) => annotator).toSorted()).toEqual(['0', '1', '2'])
    const rows = await rowsOf(at('array/consensus.parquet'))
    expect(rows.map(row => row.label_name)).toEqual(['cat', 'dog', 'owl', 'cat'])
  })

  test('rows in any order find their examples by the ids of the predictions', async () => {
    const ids = ['d', 'b', 'c', 'a']
    const schema = new Schema([
      new Field('example_id', new Utf8(), false),
      new Field('probabilities', new FixedSizeList(3, new Field('item', new Float32(), false)), false),
    ])
    const columns = { example_id: ids, probabilities: Float32Array.from(probabilities.flat()) }
    await writeTable(at('p.parquet'), schema, [recordBatch(schema, columns)])
    const named = long(rows => rows.toReversed()).replace(/^\d/gm, digit => ids[Number(digit)])
    const wideNamed = wide(given.map((row, i) => [...row, ids[i]]).toReversed())
      .replace(/\n/, ',id\n')
      .trimEnd()
    for (const [name, table] of Object.entries({ long: named, wide: wideNamed })) {
      await scoreAnnotators({
        matrix: at('p.parquet'),
        labels: await text(`${name}-ids.csv`, table),
        classNames,
        out: at('ids'),
      })
      const rows = await rowsOf(at('ids/consensus.parquet'))
      expect(rows.map(row => [row.example_id, row.label_name])).toEqual([
        ['d', 'cat'],
        ['b', 'dog'],
        ['c', 'owl'],
        ['a', 'cat'],
      ])
    }
  })
})

test('five annotators of digits: who errs how often, and a consensus above the majority', async () => {
  const scored = await scoreAnnotators({
    matrix: fixture('logistic.npy'),
    labels: fixture('crowd.csv'),
    out: at('digits'),
    decision: { rule: 'budget', count: 50 },
  })
  const quality = Object.fromEntries(scored.annotators.map(own => [own.annotator, own.quality]))
  for (const [annotator, accuracy] of Object.entries({
    ann: 0.95,
    bob: 0.9,
    cleo: 0.85,
    dan: 0.75,
    eve: 0.6,
  }))
    expect(Math.abs(quality[annotator] - accuracy)).toBeLessThan(0.03)
  expect(scored.accuracy!.consensus).toBeGreaterThan(scored.accuracy!.majority + 0.03)
  expect(scored.truth!.auroc).toBeGreaterThan(0.93)
  const suspects = scored.suspects(50)
  expect(suspects).toHaveLength(50)
  expect(suspects.map(({ quality }) => quality)).toEqual(
    suspects.map(({ quality }) => quality).toSorted((a, b) => a - b),
  )
  expect((await rowsOf(at('digits/consensus.parquet'))).filter(row => row.is_label_issue)).toHaveLength(50)
})

describe('what does not fit', () => {
  const failing = async (labels: string, more: object = {}) => {
    const error = await scoreAnnotators({
      matrix: await matrix(),
      labels,
      classNames,
      out: at('bad'),
      ...more,
    }).then(
      () => undefined,
      (error: unknown) => error,
    )
    return error as DataError
  }

  test('an example without a label', async () => {
    const error = await failing(await text('gap.csv', 'ann,bob\ncat,dog\n,\nowl,owl\ncat,cat\n'))
    expect(error).toBeInstanceOf(DataError)
    expect(error.message).toContain('no annotator has labeled example 1')
  })

  test('a second label of the same annotator', async () => {
    const rows = 'example_id,annotator,label\n0,ann,cat\n1,ann,dog\n0,ann,dog\n'
    const error = await failing(await text('twice.csv', rows))
    expect(error).toMatchObject({ row: 2, key: 'annotator' })
  })

  test('an example that the predictions do not have', async () => {
    const error = await failing(await text('names.csv', 'example_id,annotator,label\nx,ann,cat\n'))
    expect(error).toMatchObject({ row: 0, key: 'example_id' })
    expect(error.describe()).toContain('no ids')
  })

  test('fewer examples than predictions', async () => {
    const error = await failing(await text('few.csv', 'ann,bob\ncat,dog\nowl,owl\n'))
    expect(error.message).toContain('predictions of 4 examples')
  })

  test('a label that is no class', async () => {
    const error = await failing(await text('cow.csv', 'ann,bob\ncat,dog\nowl,cow\ncat,\ncat,\n'))
    expect(error).toBeInstanceOf(DataError)
    expect(error.message).toContain('"cow"')
  })

  test('a single annotator', async () => {
    const error = await failing(await text('one.csv', 'ann\ncat\nowl\ncat\ncat\n'))
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toContain('one annotator, "ann"')
  })

  test('a column that is not there', async () => {
    const columns = { annotators: ['ann', 'zoe'] }
    const error = await failing(await text('two.csv', 'ann,bob\ncat,dog\n'), { columns })
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toContain('"zoe"')
  })

  test('a table without a label column', async () => {
    const error = await failing(await text('nolabel.csv', 'example_id,annotator,said\n0,ann,cat\n'))
    expect(error.message).toContain('which column is the label')
  })
})
