import {
  Bool,
  type DataType,
  Decimal,
  Dictionary,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float32,
  Int32,
  Int64,
  LargeUtf8,
  List,
  makeData,
  Null,
  RecordBatch,
  Schema,
  Struct,
  TimestampNanosecond,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { imageType } from '../../src/tables/schemas.js'
import { takeRows } from '../../src/tables/take.js'

const rows = 13
const nullEvery = 3
const values = <T>(of: (row: number) => T): (T | null)[] =>
  Array.from({ length: rows }, (_, row) => (row % nullEvery === 2 ? null : of(row)))

const columns: Record<string, Vector> = {
  int32: vectorFromArray(
    values(row => row * 7 - 20),
    new Int32(),
  ),
  int64: vectorFromArray(
    values(row => BigInt(row) * 2n ** 55n + 1n),
    new Int64(),
  ),
  float: vectorFromArray(
    Array.from({ length: rows }, (_, row) => row / 8),
    new Float32(),
  ),
  bool: vectorFromArray(
    values(row => row % 2 === 0),
    new Bool(),
  ),
  text: vectorFromArray(
    values(row => 'é'.repeat(row)),
    new Utf8(),
  ),
  largeText: vectorFromArray(
    values(row => `row ${row}`),
    new LargeUtf8(),
  ),
  dictionary: vectorFromArray(
    values(row => ['cat', 'dog'][row % 2]),
    new Dictionary(new Utf8(), new Int32()),
  ),
  pair: vectorFromArray(
    values(row => [row, -row]),
    new FixedSizeList(2, new Field('item', new Float32(), true)),
  ),
  list: vectorFromArray(
    values(row => Array.from({ length: row % 4 }, (_, k) => `${row}.${k}`)),
    new List(new Field('item', new Utf8(), true)),
  ),
  image: vectorFromArray(
    values(row => ({
      bytes: Uint8Array.from({ length: row }, (_, k) => k),
      path: row % 2 ? null : `${row}.png`,
    })),
    imageType,
  ),
  time: vectorFromArray(
    values(row => row * 1000),
    new TimestampNanosecond(),
  ),
  hash: vectorFromArray(
    values(row => new Uint8Array(5).fill(row)),
    new FixedSizeBinary(5),
  ),
  decimal: vectorFromArray(
    values(row => Uint32Array.of(row, 1, 0, 0)),
    new Decimal(2, 20, 128),
  ),
  nothing: vectorFromArray(Array(rows).fill(null), new Null()),
}

function batchOf(columns: Record<string, Vector>): RecordBatch {
  const fields = Object.entries(columns).map(([name, { type }]) => new Field(name, type as DataType, true))
  const children = Object.values(columns).map(({ data }) => data[0])
  return new RecordBatch(
    new Schema(fields, new Map([['made', 'here']])),
    makeData({ type: new Struct(fields), length: rows, nullCount: 0, children }),
  )
}

/** Cells as plain values that can be compared. */
const cell = (value: unknown): unknown =>
  value === null || typeof value !== 'object'
    ? value
    : JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}n` : part))

describe('takeRows', () => {
  const batch = batchOf(columns)

  it.each(Object.keys(columns))(
    'takes rows of the type of "%s", in any order, of batches and of slices',
    name => {
      const index = fc.nat(rows - 1)
      fc.assert(
        fc.property(index, index, fc.array(index, { maxLength: 20 }), (a, b, places) => {
          const [begin, end] = [Math.min(a, b), Math.max(a, b) + 1]
          const slice = batch.slice(begin, end)
          const wanted = places.map(place => place % (end - begin))
          const taken = takeRows(slice, wanted)
          expect(taken.numRows).toBe(wanted.length)
          const [source, result] = [batch.getChild(name)!, taken.getChild(name)!]
          expect(wanted.map((_, k) => cell(result.get(k)))).toEqual(
            wanted.map(row => cell(source.get(begin + row))),
          )
          expect(result.nullCount).toBe(wanted.filter(row => source.get(begin + row) === null).length)
        }),
      )
    },
  )

  it('keeps the schema', () => {
    const { schema } = takeRows(batch, [1])
    expect(String(schema)).toBe(String(batch.schema))
    expect(schema.metadata).toEqual(batch.schema.metadata)
  })
})
