import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PopulationScores, type ScoringOptions } from '../../src/scoring/population-scores.js'

const classes = 4

/** Random answers of a dense and a sparse population about 40 examples, 10 of them for testing. */
const population = fc
  .record({
    seed: fc.array(fc.nat(2 ** 20), { minLength: 40 * 8, maxLength: 40 * 8 }),
    cut: fc.integer({ min: 0, max: 40 }),
    members: fc.constantFrom([3, 3], [2, 4]),
  })
  .map(({ seed, cut, members }) => {
    const examples = {
      labels: Int32Array.from({ length: 40 }, (_, i) => seed[i] % classes),
      split: Uint8Array.from({ length: 40 }, (_, i) => (i < 30 ? 0 : 1)),
      groups: [Int32Array.from({ length: 40 }, (_, i) => (seed[40 + i] % 3) - 1)],
    }
    const answers = members.map((count, level) => ({
      predicted: Int32Array.from(
        { length: 40 * count },
        (_, k) => (seed[(k * 7 + level) % 320] >> 3) % classes,
      ),
      ranks: Int32Array.from({ length: 40 * count }, (_, k) => (seed[(k * 5 + level) % 320] >> 5) % 8),
      inSample: Uint8Array.from({ length: 40 * count }, (_, k) =>
        Math.floor(k / count) < 30 && k % 3 > 0 ? 1 : 0,
      ),
    }))
    return { examples, answers, members, cut }
  })

function optionsFor(members: readonly number[]): ScoringOptions {
  const levels = members.map(count => ({ members: count, copy: false }))
  return { examples: 40, classes, levels, ties: 'probability' }
}

function everythingOf(scores: PopulationScores) {
  return {
    levels: scores.levels.map(({ modal, agreement, tally }) => ({
      modal,
      agreement,
      train: tally.accuracies('train'),
      pies: tally.accuracies('test', 'pie'),
      recalls: tally.recalls('train'),
      group: tally.recalls('train', { attribute: 0, value: 1 }),
    })),
    disagreement: scores.disagreement,
    outOfSample: scores.outOfSample,
  }
}

describe('PopulationScores', () => {
  it('gives the same whatever the batches are', () => {
    fc.assert(
      fc.property(population, ({ examples, answers, members, cut }) => {
        const whole = new PopulationScores(optionsFor(members))
        whole.add(examples, answers)
        const parts = new PopulationScores(optionsFor(members))
        for (const [begin, end] of [
          [0, cut],
          [cut, 40],
        ]) {
          parts.add(
            {
              labels: examples.labels.subarray(begin, end),
              split: examples.split.subarray(begin, end),
              groups: examples.groups.map(group => group.subarray(begin, end)),
            },
            answers.map(({ predicted, ranks, inSample }, level) => ({
              predicted: predicted.subarray(begin * members[level], end * members[level]),
              ranks: ranks.subarray(begin * members[level], end * members[level]),
              inSample: inSample.subarray(begin * members[level], end * members[level]),
            })),
          )
        }
        expect(everythingOf(parts)).toEqual(everythingOf(whole))
      }),
    )
  })

  it('scores a population small enough to count by hand', () => {
    const scores = new PopulationScores({ ...optionsFor([2, 2]), examples: 3, classes: 2 })
    scores.add({ labels: Int32Array.of(0, 1, 1), split: Uint8Array.of(0, 0, 1), groups: [] }, [
      {
        predicted: Int32Array.of(0, 0, 1, 0, 1, 1),
        ranks: Int32Array.of(0, 0, 0, 1, 0, 0),
        inSample: Uint8Array.of(0, 1, 1, 0, 0, 0),
        probabilities: Float32Array.of(0.9, 0.1, 0.7, 0.3, 0.2, 0.8),
      },
      {
        predicted: Int32Array.of(0, 0, 1, 1, 0, 0),
        ranks: Int32Array.of(0, 0, 0, 0, 1, 1),
        inSample: Uint8Array.of(0, 1, 1, 0, 0, 0),
      },
    ])
    const [dense, sparse] = scores.levels
    expect([...dense.modal]).toEqual([0, 0, 1])
    expect([...sparse.modal]).toEqual([0, 1, 0])
    expect([...dense.agreement]).toEqual([1, 0.5, 1])
    expect([...scores.disagreement]).toEqual([0, 0.5, 1])
    // Out of sample: member 0 answers the first training example, member 1 the second.
    expect([...dense.tally.accuracies('train').top1]).toEqual([1, 0])
    expect([...dense.tally.accuracies('train', 'pie').top1]).toEqual([0])
    expect([...sparse.tally.accuracies('train', 'pie').top1]).toEqual([1])
    expect([...sparse.tally.accuracies('test', 'non-pie').top1]).toEqual([])
    expect(sparse.tally.recalls('train').map(recalls => [...recalls])).toEqual([[1], [1]])
    expect(dense.tally.pooledAccuracy()).toBe(3 / 4)
    expect([...scores.weights()]).toEqual([1, 2 ** (-1 / 0.03)])
  })

  it('judges members on what they trained on only where nobody else can', () => {
    const scores = new PopulationScores({ ...optionsFor([2]), examples: 2, classes: 2 })
    scores.add({ labels: Int32Array.of(0, 1), split: new Uint8Array(2), groups: [] }, [
      {
        predicted: Int32Array.of(0, 1, 1, 1),
        ranks: Int32Array.of(0, 1, 0, 0),
        inSample: Uint8Array.of(1, 1, 1, 1),
      },
    ])
    expect([...scores.outOfSample]).toEqual([0, 0])
    expect([...scores.levels[0].tally.accuracies('train').top1]).toEqual([1, 0.5])
    expect([...scores.levels[0].tally.accuracies('test').top1]).toEqual([])
  })
})
