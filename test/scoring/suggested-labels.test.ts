import { expect, test } from 'vitest'
import { emptyJudgement } from '../../src/scoring/noise-model.js'
import { issueKindsOf, suggestedLabels } from '../../src/scoring/suggested-labels.js'

const judgement = emptyJudgement(3)
judgement.quality.set([0.25, 0.75, 0.125])
judgement.rival.set([2, 0, 1])
judgement.rivalP.set([0.5, 0.125, 0.375])
judgement.kind.set([0, 0, 1])

test('a label issue is suggested its rival, any other example keeps its label', () => {
  const { label, probability } = suggestedLabels(Int32Array.of(0, 1, 2), [1, 0, 1], judgement)
  expect([...label]).toEqual([2, 1, 1])
  expect([...probability]).toEqual([0.5, 0.75, 0.375])
})

test('only label issues are of a kind', () => {
  expect(issueKindsOf([1, 0, 1], judgement)).toEqual(['wrong label', null, 'ambiguous'])
})
