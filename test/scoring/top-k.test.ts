import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countTop } from '../../src/scoring/top-k.js'

const all = (classes: number) => Array.from({ length: classes }, (_, c) => c)

describe('right answers among the first one and five', () => {
  it('count ties for the lower class, and leave out classes that do not compete', () => {
    const logits = Float32Array.of(5, 4, 3, 2, 1, 0, 0, 1, 2, 3, 4, 5, 7, 7, 1, 1, 1, 1)
    expect(countTop(logits, Int32Array.of(0, 0, 1), 6, all(6))).toEqual({ top1: 1, top5: 2 })
    expect(countTop(logits, Int32Array.of(0, 0, 1), 6, [0, 1, 2])).toEqual({ top1: 1, top5: 3 })
  })

  it('are those of sorting the classes that compete', () => {
    const problem = fc.integer({ min: 2, max: 9 }).chain(classes =>
      fc.record({
        classes: fc.constant(classes),
        among: fc.subarray(all(classes), { minLength: 1 }),
        rows: fc.array(
          fc.array(fc.integer({ min: -3, max: 3 }), { minLength: classes, maxLength: classes }),
          {
            minLength: 1,
            maxLength: 6,
          },
        ),
        pick: fc.nat(),
      }),
    )
    fc.assert(
      fc.property(problem, ({ classes, among, rows, pick }) => {
        const labels = Int32Array.from(rows, (_, i) => among[(pick + i) % among.length]!)
        const ranked = rows.map(row => [...among].sort((a, b) => row[b]! - row[a]! || a - b))
        const right = (first: number) =>
          ranked.filter((order, i) => order.slice(0, first).includes(labels[i]!)).length
        expect(countTop(Float32Array.from(rows.flat()), labels, classes, among)).toEqual({
          top1: right(1),
          top5: right(5),
        })
      }),
    )
  })
})
