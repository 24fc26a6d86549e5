import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Suspect } from '../../src/report/data.js'
import { pictureOrder, SuspectChoice } from '../../src/report/suspect-choice.js'

function suspect(rank: number, issue: boolean, given = 0): Suspect {
  const vote = { modal: 0, agreement: 1, pie: false }
  return {
    rank,
    id: String(rank),
    split: 'train',
    given,
    suggested: 1,
    suggestedProbability: 0.9,
    labelQuality: 0.1,
    disagreement: 0,
    issue,
    hints: [],
    votes: [vote, { ...vote, pie: !issue }],
  }
}

const stream = fc
  .array(fc.record({ issue: fc.boolean(), given: fc.nat(4) }), { maxLength: 60 })
  .map(rows => rows.map(({ issue, given }, i) => suspect(i + 1, issue, given)))

function choose(rows: readonly Suspect[], places: number): SuspectChoice {
  const choice = new SuspectChoice(places)
  for (const row of rows) choice.add(row)
  return choice
}

describe('SuspectChoice', () => {
  it('lists everything where there is room, and fills the places where there is not', () => {
    fc.assert(
      fc.property(stream, fc.integer({ min: 1, max: 70 }), (rows, places) => {
        const choice = choose(rows, places)
        const listed = choice.listed()
        expect(listed.length).toBe(Math.min(rows.length, places))
        expect(choice.total).toBe(rows.length)
        expect(choice.issues).toBe(rows.filter(({ issue }) => issue).length)
        expect(choice.pies).toBe(rows.filter(({ issue }) => !issue).length)
      }),
    )
  })

  it('keeps the order of rank, and of each kind the most suspicious', () => {
    fc.assert(
      fc.property(stream, fc.integer({ min: 1, max: 70 }), (rows, places) => {
        const listed = choose(rows, places).listed()
        expect(listed.map(({ rank }) => rank)).toEqual(listed.map(({ rank }) => rank).sort((a, b) => a - b))
        for (const issue of [true, false]) {
          const kept = listed.filter(row => row.issue === issue)
          expect(kept).toEqual(rows.filter(row => row.issue === issue).slice(0, kept.length))
        }
      }),
    )
  })

  it('leaves neither kind out of sight', () => {
    const rows = Array.from({ length: 100 }, (_, i) => suspect(i + 1, i < 90))
    const listed = choose(rows, 20).listed()
    expect(listed.filter(({ issue }) => !issue).length).toBe(10)
  })
})

describe('pictureOrder', () => {
  it('gives each row at most one picture, the first rows first', () => {
    fc.assert(
      fc.property(stream, fc.integer({ min: 0, max: 70 }), (rows, places) => {
        const order = pictureOrder(rows, places)
        expect(new Set(order).size).toBe(order.length)
        expect(order.length).toBe(Math.min(rows.length, places))
        const first = Math.min(rows.length, Math.ceil(places * 0.6))
        expect(order.slice(0, first)).toEqual(Array.from({ length: first }, (_, i) => i))
      }),
    )
  })

  it('shows something of every class', () => {
    const rows = Array.from({ length: 100 }, (_, i) => suspect(i + 1, true, i < 95 ? 0 : i - 94))
    const shown = new Set(pictureOrder(rows, 20).map(row => rows[row]!.given))
    expect([...shown].sort()).toEqual([0, 1, 2, 3, 4, 5])
  })
})
