import { Bool, Field, FixedSizeList, Float32, Int32, Schema } from 'apache-arrow'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { booleanColumn, int32Column, recordBatch, vectorColumn } from '../../src/tables/columns.js'
import { RowReader } from '../../src/tables/row-reader.js'

const schema = new Schema([
  new Field('number', new Int32(), false),
  new Field('odd', new Bool(), false),
  new Field('pair', new FixedSizeList(2, new Field('item', new Float32(), false)), false),
])

/** Batches of these sizes; rows count up over all of them. */
async function* batchesOf(sizes: readonly number[]) {
  let row = 0
  for (const size of sizes) {
    const numbers = Int32Array.from({ length: size }, () => row++)
    yield recordBatch(schema, {
      number: numbers,
      odd: Uint8Array.from(numbers, number => number % 2),
      pair: Float32Array.from([...numbers].flatMap(number => [number, -number])),
    })
  }
}

describe('RowReader', () => {
  it('takes every row once, in order, whatever the batches and the portions', async () => {
    const sizes = fc.array(fc.nat(20), { maxLength: 8 })
    const portions = fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 1, maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(sizes, portions, async (sizes, portions) => {
        const reader = new RowReader(batchesOf(sizes))
        const total = sizes.reduce((sum, size) => sum + size, 0)
        let row = 0
        for (const portion of portions) {
          const begin = row
          for (const slice of await reader.take(portion)) {
            const odd = booleanColumn(slice, 'odd')
            const pair = vectorColumn(slice, 'pair').values
            for (const [i, number] of int32Column(slice, 'number').entries()) {
              expect([number, odd[i], pair[2 * i], pair[2 * i + 1] + 0]).toEqual([
                row,
                row % 2,
                row,
                -row + 0,
              ])
              row++
            }
          }
          expect(row - begin).toBe(Math.min(portion, total - begin))
        }
        await reader.close()
      }),
    )
  })

  it('ends the table’s reader when it is closed early', async () => {
    let ended = false
    async function* watched() {
      try {
        yield* batchesOf([5, 5])
      } finally {
        ended = true
      }
    }
    const reader = new RowReader(watched())
    await reader.take(3)
    await reader.close()
    expect(ended).toBe(true)
  })
})
