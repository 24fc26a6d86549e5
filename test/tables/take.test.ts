import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import {
  Dictionary,
  Field,
  FixedSizeList,
  Float32,
  Int8,
  LargeUtf8,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  TimestampMillisecond,
  Utf8,
  Utf8View,
  vectorFromArray,
} from 'apache-arrow'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openTable } from '../../src/pipeline/files.js'
import { takeRows } from '../../src/tables/take.js'

const item = new Field('item', new Float32(), true)

/** A column of every kind, each with nulls. */
function batchOf(rows: readonly number[]): RecordBatch {
  const maybe = <T>(value: T, row: number) => (row % 4 === 3 ? null : value)
  const columns = {
    float: vectorFromArray(rows.map(row => maybe(row / 2, row))),
    integer: vectorFromArray(rows.map(row => maybe(BigInt(row), row))),
    flag: vectorFromArray(rows.map(row => maybe(row % 3 === 0, row))),
    text: vectorFromArray(
      rows.map(row => maybe(`text ${row}`, row)),
      new Utf8(),
    ),
    large: vectorFromArray(
      rows.map(row => maybe(`large ${row}`, row)),
      new LargeUtf8(),
    ),
    view: vectorFromArray(
      rows.map(row => maybe(`${'long '.repeat(row % 5)}${row}`, row)),
      new Utf8View(),
    ),
    category: vectorFromArray(
      rows.map(row => maybe('abc'[row % 3], row)),
      new Dictionary(new Utf8(), new Int8()),
    ),
    list: vectorFromArray(
      rows.map(row =>
        maybe(
          Array.from({ length: row % 3 }, (_, i) => row + i),
          row,
        ),
      ),
      new List(item),
    ),
    pair: vectorFromArray(
      rows.map(row => maybe([row, -row], row)),
      new FixedSizeList(2, item),
    ),
    struct: vectorFromArray(
      rows.map(row => maybe({ a: row, b: `b${row}` }, row)),
      new Struct<never>([new Field('a', new Float32(), true), new Field('b', new Utf8(), true)] as never),
    ),
    time: vectorFromArray(
      rows.map(row => maybe(row * 1000, row)),
      new TimestampMillisecond(),
    ),
  }
  const fields = Object.entries(columns).map(([name, vector]) => new Field(name, vector.type, true))
  const children = Object.values(columns).map(vector => vector.data[0])
  const schema = new Schema(fields)
  const data = { type: new Struct(fields), length: rows.length, nullCount: 0, children }
  return new RecordBatch(schema, makeData<Struct>(data as never))
}

const contents = (batch: RecordBatch): string =>
  JSON.stringify(batch.toArray(), (_, value) => (typeof value === 'bigint' ? Number(value) : value))

test('taken rows are the rows, of batches and of slices of them', () => {
  const rows = Array.from({ length: 40 }, (_, row) => row)
  const batch = batchOf(rows)
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 30 }).chain(begin =>
        fc.record({
          begin: fc.constant(begin),
          taken: fc.array(fc.integer({ min: 0, max: 39 - begin }), { maxLength: 20 }),
        }),
      ),
      ({ begin, taken }) => {
        const expected = batchOf(taken.map(row => row + begin))
        expect(contents(takeRows(batch.slice(begin), taken))).toBe(contents(expected))
      },
    ),
    { numRuns: 50 },
  )
})

test('types that other writers use, decimals and lists among them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pieline-take-'))
  const path = join(folder, 'types.parquet')
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  await connection.run(`copy (
    select i, (i * 1.25)::decimal(12, 2) as d, '2024-01-01'::date + i::integer as day,
      [i, i + 1] as l, {'k': i::text, 'v': [i]} as s, map([i::text], [i]) as m, i % 2 = 0 as b, uuid() as u
    from range(100) r(i)) to '${path}' (format parquet)`)
  for await (const batch of openTable(path)) {
    const taken = takeRows(batch, [99, 0, 50])
    const whole = JSON.parse(contents(batch))
    expect(JSON.parse(contents(taken))).toEqual([whole[99], whole[0], whole[50]])
  }
  connection.closeSync()
  instance.closeSync()
  await rm(folder, { recursive: true })
})
