import { expect, it } from 'vitest'
import { type ArmChanges, recommendation } from '../../src/report/recommendation.js'

const noise = [0.0006, -0.0004, 0.0002, -0.0004]

function arm(name: string, gain: number, examples: number, relabeled = 0, turn = 0): ArmChanges {
  const runs = noise.map((_, seed) => 0.8 + seed / 100 + gain + noise[(seed + turn) % noise.length]!)
  return { arm: name, examples, relabeled, runs }
}

const all = arm('all', 0, 20_000)
const sure = arm('relabeled-or-dropped', 0.021, 19_760, 1312, 1)

it('says what to do, in figures', () => {
  expect(recommendation([all, sure])).toBe('Relabel 1,312, drop 240: test accuracy +2.1 points [1.9, 2.3].')
  expect(recommendation([all, arm('non-pie', 0.01, 18_000, 0, 1)])).toMatch(/^Drop the 2,000 PIEs: /)
  expect(recommendation([all, arm('weighted', 0.01, 20_000, 0, 1)])).toMatch(
    /^Weight examples by their label quality: /,
  )
})

it('says what there is to gain where the truth is known', () => {
  expect(recommendation([all, sure, arm('true-labels', 0.032, 20_000, 3440, 2)])).toMatch(
    /^Relabel 1,312, drop 240: .*\. With every label true it would be \+3\.2 points \[3\.\d, 3\.\d\]\.$/,
  )
})

it('says that there is no clear winner', () => {
  expect(recommendation([all, sure, arm('cleaned', 0.0208, 18_448, 0, 2)])).toMatch(
    /^No clear winner: test accuracy gains by each of relabel 1,312, drop 240 \(\+2\.1 points \[.*\]\); drop 1,552 \(/,
  )
})

it('says that nothing helps, or that one seed tells nothing', () => {
  expect(recommendation([all, arm('cleaned', -0.004, 18_448, 0, 2)])).toMatch(
    /^Nothing is shown to help: at best \(drop 1,552\) test accuracy changes by −0\.4 points \[−0\.\d, −0\.\d\]\.$/,
  )
  const one = (of: ArmChanges) => ({ ...of, runs: of.runs.slice(0, 1) })
  expect(recommendation([one(all), one(sure)])).toMatch(
    /^A single seed tells nothing apart: at best \(relabel 1,312, drop 240\) /,
  )
  expect(recommendation([all])).toBeUndefined()
})
