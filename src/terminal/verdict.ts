/** What became of a run's gates, on the terminal. */
import type { Verdict } from '../gates/check.js'
import { newsText } from '../gates/words.js'
import type { Style } from './style.js'

const marks = { held: ['green', '✓'], failed: ['red', '✗'], skipped: ['dim', '–'] } as const

/** What is new since the last good run, and a line for each gate. */
export function verdictText(verdict: Verdict, style: Style): string {
  const width = Math.max(0, ...verdict.gates.map(({ gate }) => gate.length))
  const lines = verdict.gates.map(({ gate, outcome, reason }) => {
    const [colour, mark] = marks[outcome]
    return `  ${style(colour, mark)} ${gate.padEnd(width)}  ${style('dim', reason)}`
  })
  return [`  ${newsText(verdict)}`, ...lines].join('\n')
}
