import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { partOf, sourceOf } from '../../src/tables/byte-source.js'
import { int32Column, recordBatch, stringColumn } from '../../src/tables/columns.js'
import { describeParquet, encodeParquet, readParquet } from '../../src/tables/parquet.js'
import { parquetWindows, withRightOffsets } from '../../src/tables/parquet-footer.js'
import { overlapSchema } from '../../src/tables/schemas.js'
import { readThrift, type ThriftField, type ThriftStruct, writeThrift } from '../../src/tables/thrift.js'

const rows = 5000

/** A table of many small row groups, with dictionaries. */
async function table(): Promise<Uint8Array> {
  const numbers = Int32Array.from({ length: rows }, (_, row) => row)
  const batch = recordBatch(overlapSchema, {
    level_a: Array.from(numbers, row => `level ${row % 7}`),
    level_b: Array.from(numbers, row => `other ${row}`),
    pies_a: numbers,
    pies_b: numbers.map(row => row % 3),
    both: numbers,
    jaccard: Float64Array.from(numbers, row => row / rows),
    expected_both: Float64Array.from(numbers, row => 1 / (row + 1)),
  })
  const chunks: Uint8Array[] = []
  for await (const chunk of encodeParquet(overlapSchema, [batch], { rowGroupRows: 300 })) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function read(bytes: Uint8Array): Promise<[number, string][]> {
  const found: [number, string][] = []
  for await (const batch of readParquet(bytes)) {
    const names = stringColumn(batch, 'level_b')
    for (const [row, number] of int32Column(batch, 'pies_a').entries()) found.push([number, names[row]])
  }
  return found
}

const expected = Array.from({ length: rows }, (_, row) => [row, `other ${row}`])

describe('files that are read in windows', () => {
  test.each([1, 20_000, 1 << 30])('of %d bytes hold every row once, in order', async window => {
    const bytes = await table()
    const found: [number, string][] = []
    let windows = 0
    for await (const part of parquetWindows(sourceOf(bytes), { whole: 1000, window })) {
      windows++
      found.push(...(await read(await part.read(0, part.size))))
    }
    expect(found).toEqual(expected)
    expect(windows).toBeGreaterThan(window === 1 ? 16 : 0)
    if (window === 1 << 30) expect(windows).toBe(1)
  })

  test('are small files of their own, with the schema of the whole', async () => {
    const bytes = await table()
    const whole = await describeParquet(bytes)
    for await (const part of parquetWindows(sourceOf(bytes), { whole: 1000, window: 20_000 })) {
      const { schema, rows: own } = await describeParquet(part)
      expect(String(schema)).toBe(String(whole.schema))
      expect(own).toBeLessThan(rows)
    }
  })

  test('a footer that is cut off, or of another file', async () => {
    const bytes = await table()
    const windowsOf = async (source: Uint8Array) => {
      for await (const _ of parquetWindows(sourceOf(source), { whole: 1000 }));
    }
    await expect(windowsOf(bytes.subarray(0, -3))).rejects.toThrow(/its last bytes are not PAR1/)
    await expect(windowsOf(bytes.subarray(bytes.length / 2))).rejects.toThrow(/not a whole Parquet file/)
    const forged = new Uint8Array(bytes)
    new DataView(forged.buffer).setUint32(forged.length - 8, 2 ** 31, true)
    await expect(windowsOf(forged)).rejects.toThrow(/the footer is longer/)
  })
})

test('small files pass as they are', async () => {
  const bytes = await table()
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000)
  }
  const passed: Uint8Array[] = []
  for await (const chunk of withRightOffsets(chunks())) passed.push(chunk)
  expect(Buffer.concat(passed).equals(bytes)).toBe(true)
})

test('offsets that were counted modulo a power of two are put right', async () => {
  const bytes = await table()
  // What a library that counts to 2^14 would have written: the same file, its offsets modulo that.
  const counted = 2 ** 14
  const wrapped = Buffer.from(bytes)
  const length = wrapped.readUInt32LE(wrapped.length - 8)
  const begin = wrapped.length - 8 - length
  const message = readThrift(wrapped.subarray(begin, begin + length))
  const footer = writeThrift(wrap(message, counted))
  const tail = Buffer.alloc(8, 'PAR1', 'latin1')
  tail.writeUInt32LE(footer.length)
  tail.write('PAR1', 4, 'latin1')
  async function* chunks() {
    yield wrapped.subarray(0, begin)
    yield Buffer.concat([footer, tail])
  }
  const mended: Uint8Array[] = []
  for await (const chunk of withRightOffsets(chunks(), { counted, heldBack: 4096 })) mended.push(chunk)
  expect(await read(Buffer.concat(mended))).toEqual(expected)
})

/** The footer with the offsets of its pages modulo a number. */
function wrap(message: ThriftStruct, counted: number): ThriftStruct {
  const lists = (of: ThriftStruct, id: number) =>
    (of.get(id)!.value as ThriftField[]).map(({ value }) => value as ThriftStruct)
  for (const group of lists(message, 4)) {
    for (const chunk of lists(group, 1)) {
      const column = chunk.get(3)!.value as ThriftStruct
      for (const id of [9, 11]) {
        const field = column.get(id)
        if (field !== undefined) column.set(id, { type: 'i64', value: (field.value as number) % counted })
      }
    }
  }
  return message
}

describe('Thrift', () => {
  test('a footer comes back byte for byte', async () => {
    const bytes = Buffer.from(await table())
    const length = bytes.readUInt32LE(bytes.length - 8)
    const footer = bytes.subarray(bytes.length - 8 - length, bytes.length - 8)
    expect(Buffer.from(writeThrift(readThrift(footer))).equals(footer)).toBe(true)
  })

  test('any bytes are read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        try {
          readThrift(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('depth and lengths that lie', () => {
    expect(() => readThrift(new Uint8Array(10_000).fill(0x1c))).toThrow('nested too deep')
    expect(() => readThrift(Uint8Array.of(0x19, 0xf5, 0xff, 0xff, 0xff, 0x7f))).toThrow('cut off')
  })
})

test('a part of a source is no more than that', async () => {
  const source = partOf(sourceOf(Uint8Array.of(1, 2, 3, 4, 5)), 1, 4)
  expect([...(await source.read(1, 100))]).toEqual([3, 4])
})
