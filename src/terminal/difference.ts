/** What changed between two runs, as text. */
import type { Difference, MarkChanges } from '../difference/difference.js'
import {
  accuracyCaution,
  balanceSentence,
  driftAlpha,
  examplesSentence,
  imagesSentence,
  marksSentence,
  noiseSentence,
  settingText,
} from '../report/difference-words.js'
import { count, fraction, meanPercent, points } from '../report/format.js'
import type { Style } from './style.js'
import { table } from './table.js'

const right = { align: 'right' as const }

/** All of it. @param listed how many of the new label issues and relabelings are shown */
export function differenceText(difference: Difference, listed: number, style: Style): string {
  const { a, b, issues, pies } = difference
  const sentences = [
    examplesSentence(difference),
    issues && marksSentence(issues, 'label issue'),
    pies && marksSentence(pies, 'PIE'),
    noiseSentence(difference),
    balanceSentence(difference),
    imagesSentence(difference),
  ]
  const sections = [
    `${style('bold', a.name)} → ${style('bold', b.name)}`,
    sentences
      .filter(sentence => sentence !== undefined)
      .map(sentence => `  ${sentence}`)
      .join('\n'),
    relabelingTable(difference, listed, style),
    issues && newIssueTable(issues, listed, style),
    levelTable(difference, style),
    driftTable(difference, style),
    settingTable(difference, style),
  ]
  return sections.filter(section => section !== undefined).join('\n\n')
}

function relabelingTable({ examples }: Difference, listed: number, style: Style): string | undefined {
  const { relabelings } = examples
  if (relabelings.length === 0) return undefined
  const rows = relabelings.slice(0, listed).map(pair => [pair.from, pair.to, count(pair.count)])
  const columns = [{ title: 'relabeled from' }, { title: 'to' }, { title: 'examples', ...right }]
  return withMore(table(columns, rows, style), relabelings.length - rows.length, style)
}

function newIssueTable({ new: fresh }: MarkChanges, listed: number, style: Style): string | undefined {
  if (fresh.count === 0) return undefined
  const rows = fresh.listed
    .slice(0, listed)
    .map(({ id, labels, quality, suggested }) => [
      id,
      labels[1] ?? '',
      fraction(quality ?? Number.NaN),
      suggested ?? '',
      why(labels),
    ])
  const columns = [
    { title: 'new label issue' },
    { title: 'given' },
    { title: 'label quality', ...right },
    { title: 'suggested' },
    { title: '' },
  ]
  return withMore(table(columns, rows, style), fresh.count - rows.length, style)
}

function why([a, b]: readonly [string | null, string | null]): string {
  if (a === null) return 'added'
  return a === b ? '' : `relabeled from ${a}`
}

function levelTable(difference: Difference, style: Style): string | undefined {
  const { levels, audited } = difference
  if (levels.length === 0) return undefined
  const columns = [
    { title: `accuracy, ${audited} split` },
    { title: 'a', ...right },
    { title: 'b', ...right },
    { title: 'points', ...right },
    { title: '95 % interval', ...right },
    { title: 'p', ...right },
  ]
  const rows = levels.map(({ level, a, b, difference, low, high, p }) => [
    style('bold', level),
    meanPercent(a.mean, a.sd),
    meanPercent(b.mean, b.sd),
    points(difference),
    Number.isNaN(low) ? '' : `${points(low)} to ${points(high)}`,
    fraction(p),
  ])
  const caution = accuracyCaution(difference)
  return `${table(columns, rows, style)}${caution ? `\n  ${style('yellow', caution)}` : ''}`
}

function driftTable({ images }: Difference, style: Style): string | undefined {
  if (images === undefined || images.every(({ p }) => Number.isNaN(p))) return undefined
  const columns = [
    { title: 'pictures' },
    { title: 'median of a', ...right },
    { title: 'of b', ...right },
    { title: 'of the new', ...right },
    { title: 'Kolmogorov–Smirnov', ...right },
    { title: 'q', ...right },
  ]
  const rows = images.map(({ statisticName, a, b, fresh, statistic, q }) => [
    q < driftAlpha ? style('yellow', statisticName) : statisticName,
    ...[a, b, fresh].map(measured),
    fraction(statistic),
    fraction(q),
  ])
  return table(columns, rows, style)
}

const measured = (value: number): string =>
  Number.isNaN(value) ? '–' : Number(value.toPrecision(3)).toString()

function settingTable({ settings, versions }: Difference, style: Style): string | undefined {
  const rows = [...settings, ...versions.map(({ key, ...sides }) => ({ key: `version of ${key}`, ...sides }))]
  if (rows.length === 0) return undefined
  return table(
    [{ title: 'setting' }, { title: 'a' }, { title: 'b' }],
    rows.map(({ key, ...sides }) => [key, settingText(sides.a), settingText(sides.b)]),
    style,
  )
}

function withMore(text: string, more: number, style: Style): string {
  return more > 0 ? `${text}\n${style('dim', `  … and ${count(more)} more`)}` : text
}
