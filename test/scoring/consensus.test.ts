import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Annotations, majorityVote } from '../../src/scoring/annotations.js'
import { consensusOf } from '../../src/scoring/consensus.js'
import { CrowdPredictions, sharpness } from '../../src/scoring/crowd-predictions.js'
import { expectClose } from './close.js'
import fixture from './fixtures/consensus.json' with { type: 'json' }

const { crowds } = fixture

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

function consensus(annotations: Annotations, probabilities: readonly (readonly number[])[], block = 7) {
  const predictions = new CrowdPredictions(annotations, probabilities[0].length)
  for (let row = 0; row < probabilities.length; row += block) {
    predictions.add(Float32Array.from(probabilities.slice(row, row + block).flat()))
  }
  return consensusOf(annotations, predictions)
}

/** Whole numbers that look random. */
function xorshift(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) >>> 4
  }
}

const right = (labels: ArrayLike<number>, truth: readonly number[]) =>
  truth.filter((label, i) => labels[i] === label).length

describe('consensus', () => {
  it.each(Object.entries(crowds))(
    'of %s is that of expectation maximisation over all classes',
    (_, crowd) => {
      const found = consensus(annotationsOf(crowd.labels), crowd.probabilities)
      expect([...found.majority]).toEqual(crowd.majority)
      expect([...found.label]).toEqual(crowd.consensus)
      expect(found.sharpness).toBeCloseTo(crowd.sharpness, 9)
      expectClose(found.quality, crowd.quality, 2e-4)
      expectClose(
        found.annotators.map(({ quality }) => quality),
        crowd.accuracy,
        2e-4,
      )
    },
  )

  it.each(Object.entries(crowds))(
    'of %s is right at least as often as CROWDLAB’s and the majority',
    (_, crowd) => {
      const { label } = consensus(annotationsOf(crowd.labels), crowd.probabilities)
      expect(right(label, crowd.truth)).toBeGreaterThanOrEqual(right(crowd.crowdlab, crowd.truth))
      expect(right(label, crowd.truth)).toBeGreaterThanOrEqual(right(crowd.majority, crowd.truth))
    },
  )

  it('is blind to the order of annotators and to how portions are cut, and its qualities are probabilities', () => {
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
        const own = consensus(annotationsOf(labels), probabilities)
        expect(consensus(annotationsOf(labels), probabilities, 1)).toEqual(own)
        const turned = consensus(annotationsOf(labels.map(row => row.toReversed())), probabilities)
        expectClose(turned.quality, own.quality, 1e-3)
        for (const [i, quality] of own.quality.entries()) {
          expect(quality).toBeGreaterThanOrEqual(own.rivalP[i])
          expect(quality + own.rivalP[i]).toBeLessThanOrEqual(1 + 1e-6)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('finds out who errs, and sharpens a timid model', () => {
    const classes = 5
    const accuracy = [0.95, 0.7, 0.4]
    const random = xorshift(3)
    const truth = Array.from({ length: 3000 }, () => random() % classes)
    const other = (label: number) => (label + 1 + (random() % (classes - 1))) % classes
    const labels = truth.map(label =>
      accuracy.map(share => (random() % 1000 < share * 1000 ? label : other(label))),
    )
    // Right 9 times in 10, and 40 % sure.
    const probabilities = truth.map(label => {
      const said = random() % 10 === 0 ? other(label) : label
      return Array.from({ length: classes }, (_, c) => (c === said ? 0.4 : 0.15))
    })
    const found = consensus(annotationsOf(labels), probabilities, 512)
    for (const [j, { quality }] of found.annotators.entries()) {
      expect(Math.abs(quality - accuracy[j])).toBeLessThan(0.03)
    }
    // 0.4ˢ / (0.4ˢ + 4 · 0.15ˢ) = 0.9 at s = 3.65.
    expect([sharpness.at(-1), sharpness.at(-2)]).toContain(found.sharpness)
    const wrong = found.quality.reduce((sum, quality) => sum + 1 - quality, 0)
    expect(Math.abs(wrong / (truth.length - right(found.label, truth)) - 1)).toBeLessThan(0.25)
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
})
