import { readFile } from 'node:fs/promises'
import { Schema } from 'apache-arrow'
import { expect, test } from 'vitest'
import { recordBatch } from '../../src/tables/columns.js'
import { rowTypesModule } from '../../src/tables/document-rows.js'
import { rowsOf } from '../../src/tables/rows.js'
import { examplesSchema, levelsSchema, probabilitiesSchema } from '../../src/tables/schemas.js'

test('the row types are what the schemas say', async () => {
  const module = await readFile(new URL('../../src/tables/row-types.ts', import.meta.url), 'utf8')
  expect(module, '"npm run docs" writes them anew').toBe(rowTypesModule())
})

test('rows have values of the types that the row types say', () => {
  const schema = examplesSchema({ content: { kind: 'image' }, groups: ['site'], trueLabel: true })
  const bytes = Uint8Array.of(1, 2, 3)
  const rows = rowsOf(
    recordBatch(schema, {
      example_id: ['a', 'b'],
      split: ['train', 'test'],
      fold: [2, null],
      label: Int32Array.of(0, 1),
      label_name: ['cat', 'dog'],
      true_label: [null, -1],
      group_site: ['north', null],
      source: ['a.png', 'b.png'],
      source_row: Int32Array.of(0, 1),
      image: [{ bytes, path: 'a.png' }, null],
    }),
  )
  expect(rows).toEqual([
    {
      example_id: 'a',
      split: 'train',
      fold: 2,
      label: 0,
      label_name: 'cat',
      true_label: null,
      group_site: 'north',
      source: 'a.png',
      source_row: 0,
      image: { bytes, path: 'a.png' },
    },
    {
      example_id: 'b',
      split: 'test',
      fold: null,
      label: 1,
      label_name: 'dog',
      true_label: -1,
      group_site: null,
      source: 'b.png',
      source_row: 1,
      image: null,
    },
  ])
})

test('vectors, booleans and 64-bit integers are plain values, in slices too', () => {
  const batch = recordBatch(probabilitiesSchema(2), {
    example_id: ['a', 'b'],
    probabilities: Float32Array.of(0.25, 0.75, 0.5, 0.5),
  })
  expect(rowsOf(batch)).toEqual([
    { example_id: 'a', probabilities: Float32Array.of(0.25, 0.75) },
    { example_id: 'b', probabilities: Float32Array.of(0.5, 0.5) },
  ])
  expect(rowsOf(batch.slice(1, 2))).toEqual([{ example_id: 'b', probabilities: Float32Array.of(0.5, 0.5) }])
  const sizes = new Schema(levelsSchema.fields.filter(({ name }) => name === 'size_bytes'))
  expect(rowsOf(recordBatch(sizes, { size_bytes: BigInt64Array.of(5_000_000_000n) }))).toEqual([
    { size_bytes: 5_000_000_000 },
  ])
})
