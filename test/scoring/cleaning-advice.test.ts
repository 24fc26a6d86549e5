import { describe, expect, it } from 'vitest'
import { type ArmOutcome, cleaningAdvice } from '../../src/scoring/cleaning-advice.js'

/** Seeds differ by points, arms of one seed by tenths. */
const seeds = [0.8, 0.82, 0.79]
const jitter = [0.0004, -0.0002, -0.0002]

function outcome(arm: string, gain: number, turn = 0): ArmOutcome {
  return { arm, runs: seeds.map((seed, i) => seed + gain + jitter[(i + turn) % 3]!) }
}

const cleaning = new Map([
  ['cleaned', 'random-cleaned'],
  ['relabeled', undefined],
])

describe('cleaningAdvice', () => {
  it('names the arm that is better than all others', () => {
    const advice = cleaningAdvice(
      [outcome('all', 0), outcome('cleaned', 0.004, 1), outcome('relabeled', 0.02, 2)],
      cleaning,
    )
    expect(advice).toMatchObject({ verdict: 'best', best: { arm: 'relabeled' } })
    expect((advice as { best: { mean: number } }).best.mean).toBeCloseTo(0.02, 10)
  })

  it('has no winner where two cannot be told apart', () => {
    const arms = [outcome('all', 0), outcome('cleaned', 0.0198, 1), outcome('relabeled', 0.02, 2)]
    expect(cleaningAdvice(arms, cleaning)).toMatchObject({
      verdict: 'tie',
      gains: [{ arm: 'relabeled' }, { arm: 'cleaned' }],
    })
  })

  it('takes no gain that removal at random brings too', () => {
    const arms = [outcome('all', 0), outcome('cleaned', 0.02, 1)]
    expect(cleaningAdvice(arms, cleaning)).toMatchObject({ verdict: 'best', best: { arm: 'cleaned' } })
    const control = outcome('random-cleaned', 0.0199, 2)
    expect(cleaningAdvice([...arms, control], cleaning)).toMatchObject({ verdict: 'none' })
  })

  it('shows no gain within chance, and none at all with one seed', () => {
    expect(cleaningAdvice([outcome('all', 0), outcome('cleaned', 0.0003, 1)], cleaning)).toMatchObject({
      verdict: 'none',
      best: { arm: 'cleaned' },
    })
    const single = [
      { arm: 'all', runs: [0.8] },
      { arm: 'cleaned', runs: [0.9] },
    ]
    expect(cleaningAdvice(single, cleaning)).toMatchObject({ verdict: 'untested', best: { arm: 'cleaned' } })
  })

  it('needs something to compare', () => {
    expect(cleaningAdvice([outcome('cleaned', 0)], cleaning)).toBeUndefined()
    expect(cleaningAdvice([outcome('all', 0), outcome('random', 0)], cleaning)).toBeUndefined()
  })
})
