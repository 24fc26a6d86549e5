import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import {
  Dictionary,
  Field,
  Float32,
  Int8,
  type RecordBatch,
  Schema,
  tableFromIPC,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DataError } from '../../src/errors.js'
import { openTable, writeTable } from '../../src/pipeline/files.js'
import { encodeArrow, readArrow } from '../../src/tables/arrow.js'
import {
  booleanColumn,
  float32Column,
  imageColumn,
  int32Column,
  nullableInt32Column,
  nullableStringColumn,
  numberColumn,
  numeralsData,
  recordBatch,
  stringColumn,
  vectorColumn,
} from '../../src/tables/columns.js'
import { describeParquet, encodeParquet, readParquet } from '../../src/tables/parquet.js'
import {
  examplesSchema,
  levelsSchema,
  predictionsSchema,
  probabilitiesSchema,
} from '../../src/tables/schemas.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-tables-'))
})
afterAll(() => rm(folder, { recursive: true }))

const schema = examplesSchema({ content: { kind: 'image' }, groups: ['font'], trueLabel: true })

function examples(from: number, count: number): RecordBatch {
  const rows = Array.from({ length: count }, (_, index) => from + index)
  return recordBatch(schema, {
    example_id: rows.map(row => `id-${row}`),
    split: rows.map(row => (row % 3 === 0 ? 'test' : 'train')),
    fold: rows.map(row => (row % 3 === 0 ? null : row % 5)),
    label: Int32Array.from(rows, row => row % 10),
    label_name: rows.map(row => `Klasse ${'äöü'[row % 3]}`),
    true_label: rows.map(row => [row % 10, null, -1][row % 3]),
    group_font: rows.map(row => (row % 2 === 0 ? 'serif' : null)),
    source: rows.map(row => `train.parquet#${row}`),
    source_row: Int32Array.from(rows),
    image: rows.map(row => ({
      bytes: Uint8Array.from({ length: row % 7 }, () => row % 256),
      path: row % 2 === 0 ? `${row}.png` : null,
    })),
  })
}

async function collect(batches: AsyncIterable<RecordBatch>): Promise<RecordBatch[]> {
  const all: RecordBatch[] = []
  for await (const batch of batches) all.push(batch)
  return all
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

describe.each(['parquet', 'arrow'])('%s', format => {
  test('nullable integers, text, and images come back as they went', async () => {
    const path = join(folder, `examples.${format}`)
    await writeTable(path, schema, [examples(0, 700), examples(700, 500)])
    const batches = await collect(openTable(path))
    const expected = examples(0, 1200)
    expect(batches.flatMap(batch => stringColumn(batch, 'label_name'))).toEqual(
      stringColumn(expected, 'label_name'),
    )
    expect(batches.flatMap(batch => numberColumn(batch, 'true_label'))).toEqual(
      numberColumn(expected, 'true_label'),
    )
    expect(batches.flatMap(batch => nullableStringColumn(batch, 'group_font'))).toEqual(
      nullableStringColumn(expected, 'group_font'),
    )
    expect(batches.flatMap(batch => [...nullableInt32Column(batch, 'fold', -7)])).toEqual([
      ...nullableInt32Column(expected, 'fold', -7),
    ])
    expect(batches.flatMap(batch => imageColumn(batch, 'image'))).toEqual(imageColumn(expected, 'image'))
  })

  test('descriptions of fields and the metadata of the schema stay', async () => {
    const path = join(folder, `described.${format}`)
    await writeTable(path, schema, [examples(0, 3)])
    const [batch] = await collect(openTable(path))
    expect(batch.schema.metadata).toEqual(schema.metadata)
    expect(batch.schema.fields.map(field => [field.nullable, ...field.metadata])).toEqual(
      schema.fields.map(field => [field.nullable, ...field.metadata]),
    )
  })

  test('columns are chosen by name and come in the order of the file', async () => {
    const path = join(folder, `chosen.${format}`)
    await writeTable(path, schema, [examples(0, 10)])
    const [batch] = await collect(openTable(path, { columns: ['source_row', 'label'] }))
    expect(batch.schema.fields.map(field => field.name)).toEqual(['label', 'source_row'])
    expect([...int32Column(batch, 'label')]).toEqual([...int32Column(examples(0, 10), 'label')])
    expect([...int32Column(batch, 'source_row')]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('a table without rows has its columns', async () => {
    const path = join(folder, `empty.${format}`)
    await writeTable(path, schema, [])
    const batches = await collect(openTable(path))
    expect(batches.reduce((rows, batch) => rows + batch.numRows, 0)).toBe(0)
  })

  test('vectors of floats are flat typed arrays', async () => {
    const path = join(folder, `vectors.${format}`)
    const own = probabilitiesSchema(3)
    const probabilities = Float32Array.of(0.5, 0.25, 0.25, 1, 0, 0, 0, 0.125, 0.875)
    await writeTable(path, own, [recordBatch(own, { example_id: ['a', 'b', 'c'], probabilities })])
    const [batch] = await collect(openTable(path))
    expect(vectorColumn(batch, 'probabilities')).toEqual({ values: probabilities, size: 3 })
    expect(vectorColumn(batch.slice(1, 3), 'probabilities').values).toEqual(probabilities.subarray(3))
  })

  test('booleans and floats come back as typed arrays', async () => {
    const path = join(folder, `predictions.${format}`)
    const margins = Float32Array.of(-1.5, 0, 3.25)
    const batch = recordBatch(predictionsSchema, {
      example_id: ['a', 'a', 'b'],
      seed: Int32Array.of(0, 1, 0),
      in_sample: Uint8Array.of(0, 1, 1),
      predicted: Int32Array.of(2, 2, 0),
      rank_given: Int32Array.of(0, 0, 1),
      p_given: Float32Array.of(0.5, 0.5, 0.5),
      p_top: Float32Array.of(0.5, 0.5, 0.5),
      margin: margins,
    })
    await writeTable(path, predictionsSchema, [batch])
    const [read] = await collect(openTable(path))
    expect(booleanColumn(read, 'in_sample')).toEqual(Uint8Array.of(0, 1, 1))
    expect(float32Column(read, 'margin')).toEqual(margins)
    expect([...booleanColumn(read.slice(1, 3), 'in_sample')]).toEqual([1, 1])
  })

  test('the same batches give the same bytes', async () => {
    const encode = format === 'parquet' ? encodeParquet : encodeArrow
    const once = await bytesOf(encode(schema, [examples(0, 900), examples(900, 100)]))
    const again = await bytesOf(encode(schema, [examples(0, 900), examples(900, 100)]))
    expect(again).toEqual(once)
  })

  test('an error of the source is thrown, and no file is left behind', async () => {
    const path = join(folder, `failed.${format}`)
    async function* failing() {
      yield examples(0, 10)
      throw new Error('the source failed')
    }
    await expect(writeTable(path, schema, failing())).rejects.toThrow('the source failed')
    await expect(readFile(path)).rejects.toThrow('ENOENT')
    await expect(readFile(`${path}.partial`)).rejects.toThrow('ENOENT')
  })

  test('a reader may stop early', async () => {
    const path = join(folder, `stopped.${format}`)
    await writeTable(path, schema, [examples(0, 500), examples(500, 500)])
    for await (const batch of openTable(path)) {
      expect(batch.numRows).toBeGreaterThan(0)
      break
    }
  })

  test.each([0.1, 0.5, 0.99])('a file of which %f is left is refused', async share => {
    const encode = format === 'parquet' ? encodeParquet : encodeArrow
    const read = format === 'parquet' ? readParquet : readArrow
    const whole = await bytesOf(encode(schema, [examples(0, 1000)]))
    const cut = whole.subarray(0, Math.floor(whole.length * share))
    await expect(collect(read(cut))).rejects.toThrow(DataError)
  })
})

test('an Arrow stream that breaks off within a batch is refused', async () => {
  const whole = await bytesOf(encodeArrow(schema, [examples(0, 1000)], { format: 'stream' }))
  expect((await collect(readArrow(whole)))[0].numRows).toBe(1000)
  await expect(collect(readArrow(whole.subarray(0, whole.length - 2000)))).rejects.toThrow(DataError)
})

test('dictionary-encoded text reads as text, from Parquet and Arrow', async () => {
  const names = vectorFromArray(['b', 'a', 'b', null], new Dictionary(new Utf8(), new Int8()))
  const own = new Schema([new Field('name', names.type, true)])
  const batch = recordBatch(own, { name: names.data[0] })
  for (const format of ['parquet', 'arrow']) {
    const path = join(folder, `dictionary.${format}`)
    await writeTable(path, own, [batch])
    const [read] = await collect(openTable(path))
    expect(nullableStringColumn(read, 'name')).toEqual(['b', 'a', 'b', null])
  }
})

test('rows are grouped so that no group is large', async () => {
  const bytes = await bytesOf(encodeParquet(schema, [examples(0, 1000)], { rowGroupRows: 300 }))
  const { rows } = await describeParquet(bytes)
  expect(rows).toBe(1000)
  const path = join(folder, 'groups.parquet')
  await writeTable(path, schema, [examples(0, 1000)], { rowGroupRows: 300 })
  const groups = await query(
    `select distinct row_group_id, row_group_num_rows from parquet_metadata('${path}') order by 1`,
  )
  expect(groups.map(([, count]) => Number(count))).toEqual([300, 300, 300, 100])
})

test('numerals are the text of their numbers, and scattered numbers are compressed lightly', async () => {
  const path = join(folder, 'numerals.parquet')
  const own = new Schema([new Field('id', new Utf8(), false), new Field('p', new Float32(), false)])
  const ranges = [
    [0, 0],
    [0, 1],
    [1, 10],
    [10, 1105],
    [99_999, 100_001],
  ]
  const batches = ranges.map(([begin, end]) =>
    recordBatch(own, {
      id: numeralsData(begin, end),
      p: Float32Array.from({ length: end - begin }, (_, i) => 1 / (begin + i + 1)),
    }),
  )
  await writeTable(path, own, batches, { distinct: ['id'], scattered: ['p'] })
  const read = await collect(openTable(path))
  const numbers = ranges.flatMap(([begin, end]) => Array.from({ length: end - begin }, (_, i) => begin + i))
  expect(read.flatMap(batch => stringColumn(batch, 'id'))).toEqual(numbers.map(String))
  const expected = Float32Array.from(numbers, number => 1 / (number + 1))
  expect(read.flatMap(batch => [...float32Column(batch, 'p')])).toEqual([...expected])
  const codecs = await query(
    `select distinct path_in_schema, compression from parquet_metadata('${path}') order by 1`,
  )
  expect(codecs).toEqual([
    ['id', 'ZSTD'],
    ['p', 'SNAPPY'],
  ])
})

test('DuckDB reads what was written', async () => {
  const path = join(folder, 'duckdb.parquet')
  await writeTable(path, schema, [examples(0, 100)])
  const [[count, nulls, test, size, name]] = await query(`
    select count(*), count(*) filter (fold is null), count(*) filter (split = 'test'),
      sum(octet_length(image.bytes)), min(label_name) from '${path}'`)
  expect([count, nulls, test].map(Number)).toEqual([100, 34, 34])
  expect(Number(size)).toBe(Array.from({ length: 100 }, (_, row) => row % 7).reduce((a, b) => a + b))
  expect(name).toBe('Klasse ä')

  const vectors = join(folder, 'duckdb-vectors.parquet')
  const own = probabilitiesSchema(2)
  await writeTable(vectors, own, [
    recordBatch(own, { example_id: ['a', 'b'], probabilities: Float32Array.of(0.25, 0.75, 1, 0) }),
  ])
  expect(await query(`select probabilities[2] from '${vectors}'`)).toEqual([[0.75], [0]])
})

async function query(sql: string): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  const rows = (await connection.runAndReadAll(sql)).getRows()
  connection.closeSync()
  instance.closeSync()
  return rows as unknown[][]
}

describe('a batch is refused', () => {
  const values = { example_id: ['a'], probabilities: Float32Array.of(1, 0) }
  const own = probabilitiesSchema(2)
  test.each([
    ['a missing column', { example_id: ['a'] }],
    ['an unknown column', { ...values, more: [1] }],
    ['a null that may not be', { ...values, example_id: [null] }],
    ['columns of different length', { ...values, example_id: ['a', 'b'] }],
    ['a vector that is too short', { ...values, probabilities: Float32Array.of(1) }],
  ])('for %s', (_, columns) => {
    expect(() => recordBatch(own, columns)).toThrow(TypeError)
  })
})

test('64-bit integers are given as numbers', async () => {
  const columns = Object.fromEntries(
    levelsSchema.fields.map(field => [field.name, String(field.type) === 'Utf8' ? ['x'] : [2 ** 40]]),
  )
  const int32 = levelsSchema.fields.filter(field => String(field.type) === 'Int32')
  const batch = recordBatch(levelsSchema, {
    ...columns,
    ...Object.fromEntries(int32.map(field => [field.name, [7]])),
  })
  expect(numberColumn(batch, 'size_bytes')).toEqual([2 ** 40])
  const [read] = tableFromIPC(await bytesOf(encodeArrow(levelsSchema, [batch]))).batches
  expect(numberColumn(read, 'nonzero_weights')).toEqual([2 ** 40])
})

test.each(['Parquet', 'Arrow'])('columns that share memory come back whole from %s', async format => {
  const shared = Float32Array.of(0.5, 1.5, 2.5, 3.5, 4.5, 5.5)
  const names = ['first', 'same', 'overlapping', 'next']
  const pair = new Schema(names.map(name => new Field(name, new Float32(), false)))
  const columns = {
    first: shared.subarray(0, 4),
    same: shared.subarray(0, 4),
    overlapping: shared.subarray(1, 5),
    next: shared.subarray(2),
  }
  const batches = [recordBatch(pair, columns)]
  const parts: Uint8Array[] = []
  const encoded = format === 'Parquet' ? encodeParquet(pair, batches) : encodeArrow(pair, batches)
  for await (const part of encoded) parts.push(part)
  const file = new Uint8Array(Buffer.concat(parts))
  const read: RecordBatch[] = []
  for await (const batch of format === 'Parquet' ? readParquet(file) : readArrow(file)) read.push(batch)
  expect(read).toHaveLength(1)
  for (const [name, values] of Object.entries(columns)) {
    expect([...float32Column(read[0]!, name)]).toEqual([...values])
  }
})
