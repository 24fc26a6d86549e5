import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { csvRecords, fieldText } from '../../src/apply/csv-records.js'
import { type Edit, edited } from '../../src/apply/edits.js'
import { beginning, member, members, removals } from '../../src/apply/json-spans.js'

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(Uint8Array.from(chunk))
  return Buffer.concat(all)
}

function* pieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function* asynchronous(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks
}

/** Bytes, and edits of them that touch at most, in order. */
const fileAndEdits = fc.uint8Array({ maxLength: 60 }).chain(file =>
  fc.array(fc.tuple(fc.nat(file.length), fc.uint8Array({ maxLength: 6 })), { maxLength: 5 }).map(drawn => {
    const bounds = drawn.map(([at]) => at).sort((a, b) => a - b)
    const edits: Edit[] = []
    for (let at = 0; at + 1 < bounds.length; at += 2) {
      edits.push({ offset: bounds[at], length: bounds[at + 1] - bounds[at], bytes: drawn[at][1] })
    }
    return { file, edits }
  }),
)

test('edits do what splicing does, in chunks of any size, and are taken back by what they leave', async () => {
  await fc.assert(
    fc.asyncProperty(fileAndEdits, fc.integer({ min: 1, max: 9 }), async ({ file, edits }, size) => {
      const undo: Edit[] = []
      const changed = await bytesOf(edited(pieces(file, size), edits, edit => undo.push(edit)))
      const spliced = [...file]
      for (const { offset, length, bytes } of edits.toReversed()) spliced.splice(offset, length, ...bytes)
      expect([...changed]).toEqual(spliced)
      expect([...(await bytesOf(edited(pieces(changed, size), undo)))]).toEqual([...file])
    }),
    { numRuns: 200 },
  )
})

test('edits that overlap or lie beyond the end are refused', async () => {
  const edit = (offset: number, length: number) => ({ offset, length, bytes: new Uint8Array(1) })
  await expect(bytesOf(edited([new Uint8Array(9)], [edit(2, 4), edit(3, 1)]))).rejects.toThrow(RangeError)
  await expect(bytesOf(edited([new Uint8Array(9)], [edit(8, 3)]))).rejects.toThrow(RangeError)
})

const cell = fc.string({ unit: fc.constantFrom('a', 'é', '"', ',', '\n', ' ', '0'), maxLength: 4 })

test('records and fields of a CSV file are those that its reader sees, to the byte', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(cell, { minLength: 2, maxLength: 2 }), { minLength: 1, maxLength: 5 }),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      fc.boolean(),
      fc.integer({ min: 1, max: 7 }),
      async (rows, lineBreak, hasMark, endsInBreak, size) => {
        // The first line break decides what the others are.
        const lines = [['x', 'y'], ...rows].map(row =>
          row.map((text, at) => (at === 0 || /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)),
        )
        const text = lines.map(line => line.join(',')).join(lineBreak) + (endsInBreak ? lineBreak : '')
        const file = Buffer.from(`${hasMark ? '\uFEFF' : ''}${text}`)
        const expected = parse(file, { bom: true, skip_empty_lines: true }) as string[][]
        const found: string[][] = []
        let position = hasMark ? 3 : 0
        for await (const record of csvRecords(asynchronous(pieces(file, size)), ',')) {
          expect(record.start).toBe(position)
          expect(file.subarray(position, position + record.bytes.length).equals(record.bytes)).toBe(true)
          position += record.bytes.length
          found.push(record.fields.map((_, at) => fieldText(record, at)))
        }
        expect(position).toBe(file.length)
        expect(found).toEqual(expected)
      },
    ),
    { numRuns: 200 },
  )
})

test('elements leave a JSON array, and all else stays as it was', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.jsonValue(), fc.boolean()), { maxLength: 6 }),
      fc.constantFrom(undefined, 1, '\t'),
      (drawn, indent) => {
        const values = drawn.map(([value]) => value)
        const json = Buffer.from(JSON.stringify({ 'a"[': [1, ']'], list: values, after: {} }, null, indent))
        const list = members(json, member(json, beginning(json), 'list')!.value)
        expect(list.map(({ value, end }) => JSON.parse(json.toString('utf8', value, end)))).toEqual(
          JSON.parse(JSON.stringify(values)),
        )
        let text = json
        for (const { offset, length } of removals(list, at => drawn[at][1]).toReversed()) {
          text = Buffer.concat([text.subarray(0, offset), text.subarray(offset + length)])
        }
        const kept = drawn.filter(([, goes]) => !goes).map(([value]) => value)
        expect(JSON.parse(text.toString())).toEqual(
          JSON.parse(JSON.stringify({ 'a"[': [1, ']'], list: kept, after: {} })),
        )
      },
    ),
    { numRuns: 200 },
  )
})
