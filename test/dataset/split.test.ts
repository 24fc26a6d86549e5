import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assignFolds, holdOut, type StratifiedExamples } from '../../src/dataset/split.js'

const examples = fc
  .array(
    fc.record({ label: fc.integer({ min: -1, max: 4 }), id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
    {
      maxLength: 200,
    },
  )
  .map(
    (rows): StratifiedExamples => ({
      classes: Int32Array.from(rows, row => row.label),
      ids: BigUint64Array.from(rows, row => row.id),
    }),
  )
const seeds = fc.integer({ min: 0, max: 1000 })
const folds = fc.integer({ min: 2, max: 7 })

const counts = (values: Iterable<number>, length: number) => {
  const counted = new Array<number>(length).fill(0)
  for (const value of values) counted[value]++
  return counted
}

describe('folds', () => {
  test('differ in size by one at most within each class', () => {
    fc.assert(
      fc.property(examples, folds, seeds, (data, count, seed) => {
        const assigned = assignFolds(data, count, seed)
        for (let label = 0; label <= 4; label++) {
          const sizes = counts(
            assigned.filter((_, i) => data.classes[i] === label),
            count,
          )
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
        }
        expect(assigned.every((fold, i) => (fold === -1) === data.classes[i] < 0)).toBe(true)
      }),
    )
  })

  test('do not depend on the order of the rows', () => {
    fc.assert(
      fc.property(examples, folds, seeds, ({ classes, ids }, count, seed) => {
        fc.pre(new Set(ids).size === ids.length)
        const reversed = assignFolds({ classes: classes.toReversed(), ids: ids.toReversed() }, count, seed)
        expect(reversed.toReversed()).toEqual(assignFolds({ classes, ids }, count, seed))
      }),
    )
  })

  test('move few examples when one is added: one at each boundary between two folds', () => {
    fc.assert(
      fc.property(
        examples,
        folds,
        seeds,
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (data, count, seed, id) => {
          const before = assignFolds(data, count, seed)
          const after = assignFolds(
            {
              classes: Int32Array.of(...data.classes, 0),
              ids: BigUint64Array.of(...data.ids, id),
            },
            count,
            seed,
          )
          const moved = before.filter((fold, i) => fold !== after[i]).length
          expect(moved).toBeLessThan(count)
        },
      ),
    )
  })

  test('differ from seed to seed', () => {
    const data = {
      classes: new Int32Array(100),
      ids: BigUint64Array.from({ length: 100 }, (_, i) => BigInt(i)),
    }
    expect(assignFolds(data, 5, 0)).not.toEqual(assignFolds(data, 5, 1))
  })
})

describe('the held-out share', () => {
  test('is that of every class, and leaves one example of each to train on', () => {
    fc.assert(
      fc.property(examples, fc.double({ min: 0, max: 1, noNaN: true }), seeds, (data, share, seed) => {
        const heldOut = holdOut(data, share, seed)
        for (let label = 0; label <= 4; label++) {
          const members = [...heldOut].filter((_, i) => data.classes[i] === label)
          const expected = Math.min(Math.round(share * members.length), Math.max(0, members.length - 1))
          expect(members.filter(value => value === 1)).toHaveLength(expected)
        }
        expect([...heldOut].every((value, i) => value === 0 || data.classes[i] >= 0)).toBe(true)
      }),
    )
  })
})
