import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Annotations, agreementAmongAnnotators, majorityVote } from '../../src/scoring/annotations.js'
import { type Consensus, CrowdPredictions, crowdlab } from '../../src/scoring/crowdlab.js'
import { expectClose } from './close.js'
import { crowds } from './fixtures/crowdlab.json' with { type: 'json' }

/** @param rows labels of each example by annotator, null where there is none */
function annotationsOf(rows: readonly (readonly (number | null)[])[]): Annotations {
  const cells = rows.map(row => row.flatMap((label, j) => (label === null ? [] : [[j, label] as const])))
  const begin = new Uint32Array(rows.length + 1)
  for (const [i, own] of cells.entries()) begin[i + 1] = begin[i] + own.length
  return {
    begin,
    annotator: Int32Array.from(cells.flat(), ([annotator]) => annotator),
    label: Int32Array.from(cells.flat(), ([, label]) => label),
    annotators: rows[0].length,
  }
}

function consensusOf(annotations: Annotations, probabilities: readonly (readonly number[])[], block = 7) {
  const predictions = new CrowdPredictions(annotations)
  const classes = probabilities[0].length
  for (let row = 0; row < probabilities.length; row += block) {
    predictions.add(Float32Array.from(probabilities.slice(row, row + block).flat()), classes)
  }
  return crowdlab(annotations, predictions, classes)
}

describe('CROWDLAB', () => {
  it.each(Object.entries(crowds))('says of %s what cleanlab says', (_, crowd) => {
    const consensus = consensusOf(annotationsOf(crowd.labels), crowd.probabilities) as Consensus
    expect([...consensus.label]).toEqual(crowd.consensus)
    expect([...consensus.majority]).toEqual(crowd.majority)
    expectClose(consensus.quality, crowd.quality, 1e-6)
    expectClose(consensus.agreement, crowd.agreement, 1e-6)
    const of = (key: 'quality' | 'agreement' | 'weight') => consensus.annotators.map(own => own[key])
    expectClose(of('quality'), crowd.annotatorQuality, 1e-6)
    expectClose(of('agreement'), crowd.annotatorAgreement, 1e-6)
    expectClose(of('weight'), crowd.annotatorWeight, 1e-6)
    expect(consensus.modelWeight).toBeCloseTo(crowd.modelWeight, 6)
  })

  it('goes beyond the majority where the model is strong', () => {
    const { consensus, majority } = crowds['strong model']
    expect(consensus).not.toEqual(majority)
  })

  it('is blind to the order of annotators, and its qualities are probabilities', () => {
    const row = fc.array(fc.option(fc.integer({ min: 0, max: 2 })), { minLength: 4, maxLength: 4 })
    const rows = fc.array(
      row.filter(own => own.some(label => label !== null)),
      { minLength: 2, maxLength: 12 },
    )
    fc.assert(
      fc.property(rows, fc.infiniteStream(fc.integer({ min: 1, max: 99 })), (labels, stream) => {
        const probabilities = labels.map(() => {
          const weights = [...stream.take(3)]
          const sum = weights.reduce((total, weight) => total + weight)
          return weights.map(weight => weight / sum)
        })
        const own = consensusOf(annotationsOf(labels), probabilities)
        const turned = consensusOf(annotationsOf(labels.map(row => row.toReversed())), probabilities)
        expect(turned === undefined).toBe(own === undefined)
        if (own === undefined || turned === undefined) return
        expectClose(turned.quality, own.quality, 1e-5)
        expectClose(
          turned.annotators.map(({ agreement }) => agreement).toReversed(),
          own.annotators.map(({ agreement }) => agreement),
          1e-5,
        )
        for (const quality of own.quality) {
          expect(quality).toBeGreaterThanOrEqual(0)
          expect(quality).toBeLessThanOrEqual(1 + 1e-6)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('knows nothing where no two annotators share an example', () => {
    const annotations = annotationsOf([
      [0, null],
      [null, 1],
    ])
    expect(
      consensusOf(annotations, [
        [0.5, 0.5],
        [0.5, 0.5],
      ]),
    ).toBeUndefined()
  })
})

describe('without a model', () => {
  const labels = [
    [0, 0, 1, null],
    [2, 1, null, null],
    [1, null, null, null],
    [2, 2, 2, 0],
  ]

  it('the majority wins, and of equally many votes the heavier', () => {
    const annotations = annotationsOf(labels)
    const weights = (perAnnotator: number[]) => Array.from(annotations.annotator, j => perAnnotator[j])
    expect([...majorityVote(annotations, weights([1, 1, 1, 1]))]).toEqual([0, 1, 1, 2])
    expect([...majorityVote(annotations, weights([3, 2, 9, 9]))]).toEqual([0, 2, 1, 2])
  })

  it('annotators are held against each other', () => {
    // Pairs of the first: 0–0, 0–1, 2–1, 2–2, 2–2, 2–0; the last shares one example alone.
    expectClose(agreementAmongAnnotators(annotationsOf(labels))!, [3 / 6, 3 / 6, 2 / 5, 0])
  })
})
