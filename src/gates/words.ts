/** A verdict in words. */
import { counted, percent, points } from '../report/format.js'
import type { Verdict } from './check.js'

/** Population stability index from which class shares are said to have moved (Siddiqi 2006). */
const shiftedBalance = 0.1

/** `all 4 gates held`, `1 of 4 gates failed`. */
export function outcomeText({ gates }: Pick<Verdict, 'gates'>): string {
  const failed = gates.filter(({ outcome }) => outcome === 'failed').length
  if (gates.length === 0) return 'no gates'
  if (failed > 0) return `${failed} of ${counted(gates.length, 'gate')} failed`
  return gates.length === 1 ? 'the gate held' : `all ${gates.length} gates held`
}

/** What is new since the last good run, in a sentence or two. */
export function newsText({ against, figures }: Pick<Verdict, 'against' | 'figures'>): string {
  const found = [
    figures.labelIssues !== undefined && counted(figures.labelIssues, 'label issue'),
    figures.noiseRate !== undefined &&
      `${percent(figures.noiseRate)} of the labels estimated to be wrong (${percent(figures.noiseRateLow)} to ${percent(figures.noiseRateHigh)})`,
  ].filter(part => typeof part === 'string')
  const now = found.length === 0 ? '' : `${found.join(', ')}. `
  if (against === null) return `${now}There is no earlier good run to compare with.`
  const changes = [
    ['newIssues', 'new issue'],
    ['solvedIssues', 'solved issue'],
    ['addedExamples', 'added example'],
    ['removedExamples', 'removed example'],
    ['relabeledExamples', 'relabeled example'],
    ['editedExamples', 'edited example'],
    ['driftedStatistics', 'image statistic that moved', 'image statistics that moved'],
  ] as const
  const moved = changes.flatMap(([name, noun, plural]) => {
    const value = figures[name]
    return value === undefined || value === 0 ? [] : [counted(value, noun, plural)]
  })
  const shares = [
    ['noiseRateChange', 'noise rate'],
    ['top1Change[dense]', 'accuracy'],
  ] as const
  for (const [name, noun] of shares) {
    const change = figures[name]
    if (change !== undefined && points(change) !== points(0)) moved.push(`${noun} ${points(change)} points`)
  }
  if (figures.classDrift !== undefined && figures.classDrift >= shiftedBalance) {
    moved.push(`class shares moved (stability index ${figures.classDrift.toFixed(2)})`)
  }
  return `${now}Since ${against}: ${moved.length === 0 ? 'nothing changed' : moved.join(', ')}.`
}
