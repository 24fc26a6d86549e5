import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { modalLabels, pieFlags } from '../../src/scoring/modal-labels.js'
import fixture from './fixtures/votes.json' with { type: 'json' }

const { a, membersA: members, classes } = fixture
const votes = { predicted: a, members, classes }

describe('modalLabels', () => {
  it('agrees with numpy, ties broken by probability or by the highest index', () => {
    const { modal, agreement } = modalLabels(votes, 'probability', Float32Array.from(fixture.probabilities))
    expect([...modal]).toEqual(fixture.modal)
    expect([...agreement]).toEqual(fixture.agreement.map(Math.fround))
    expect([...modalLabels(votes, 'reference').modal]).toEqual(fixture.modalReference)
  })

  it('breaks ties by the lower index where probabilities are equal or unknown', () => {
    const tie = { predicted: [3, 1, 3, 1], members: 4, classes: 4 }
    const row = (...probabilities: number[]) => Float32Array.from(probabilities)
    expect([...modalLabels(tie, 'probability').modal]).toEqual([1])
    expect([...modalLabels(tie, 'probability', row(0, 0.5, 0, 0.5)).modal]).toEqual([1])
    expect([
      ...modalLabels(tie, 'probability', row(Number.NaN, Number.NaN, Number.NaN, Number.NaN)).modal,
    ]).toEqual([1])
    expect([...modalLabels(tie, 'probability', row(0.9, 0.02, 0, 0.08)).modal]).toEqual([3])
  })

  it('is blind to the order of the members, and equivariant under renaming classes without ties', () => {
    const row = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(row, fc.constantFrom('probability', 'reference'), (predicted, ties) => {
        const of = (values: number[]) =>
          modalLabels({ predicted: values, members: values.length, classes: 5 }, ties)
        const { modal, agreement } = of(predicted)
        expect(of(predicted.toReversed()).modal).toEqual(modal)
        expect(of(predicted.toSorted()).modal).toEqual(modal)
        expect(agreement[0]).toBe(
          Math.fround(predicted.filter(value => value === modal[0]).length / predicted.length),
        )
        const other = ties === 'reference' ? 'probability' : 'reference'
        const renamed = modalLabels(
          { predicted: predicted.map(value => 4 - value), members: predicted.length, classes: 5 },
          other,
        )
        expect(renamed.modal[0]).toBe(4 - modal[0])
      }),
    )
  })
})

describe('pieFlags', () => {
  it('marks where modal labels differ', () => {
    expect([...pieFlags(Int32Array.of(1, 2, 3), Int32Array.of(1, 0, 3))]).toEqual([0, 1, 0])
  })
})
