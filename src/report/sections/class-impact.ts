/** Which classes and subgroups pay for compression, level by level. */
import * as Plot from '@observablehq/plot'
import { type Html, html, name } from '../../pages/html.js'
import { axisLabels, chart, colour, table, width } from '../chart.js'
import {
  auditedSplit,
  type ClassImpact,
  type LevelSummary,
  levelInWords,
  type ReportData,
  tellingChange,
} from '../data.js'
import { count, counted, fraction, meanPercent, percent, points } from '../format.js'
import type { Section } from './section.js'

/** Classes drawn per level, and rows of the tables; `classes.parquet` has all. */
const drawnClasses = 24
const tableRows = 100

/** Undefined where nothing was compressed. */
export function classImpact(data: ReportData): Section | undefined {
  const split = auditedSplit(data)
  const compressed = split.levels.slice(1)
  if (compressed.length === 0) return undefined
  const rows = data.classes.filter(row => row.split === split.split && row.examples > 0)
  const whole = rows.filter(row => row.group === undefined)
  const subgroups = rows.filter(row => row.group !== undefined)
  const drawn = mostAffected(whole, data.classNames.length)
  const reach = Math.max(0.001, ...whole.map(row => Math.abs(row.relativeChange)).filter(Number.isFinite))
  const classes = data.classNames.length
  return {
    id: 'classes',
    title: 'What compression does to each class',
    body: html`<p class="about">Change of a class’s recall beyond the change of the level’s accuracy on all classes, so
that a class left behind shows even where everything gets worse. Significant: ${testSentence(compressed)}, adjusted by
Benjamini–Hochberg over the classes of a level, q ≤ ${data.alpha}. ${powerSentence(compressed)} Measured on the ${split.split} split.${
      classes > drawnClasses &&
      ` Drawn are the ${drawnClasses} most affected of ${count(classes)} classes; classes.parquet has them all.`
    }</p>
<ul class="legend">
<li><span class="key circle second" aria-hidden="true"></span>significantly worse</li>
<li><span class="key square third" aria-hidden="true"></span>significantly better</li>
<li><span class="key circle muted hollow" aria-hidden="true"></span>not significant</li>
</ul>
<div class="charts small">
${compressed.map(level =>
  levelChart(
    levelInWords(level),
    whole.filter(row => row.level === level.name && drawn.has(row.class)),
    data,
    [...drawn],
    reach,
  ),
)}</div>
<details><summary>The figures</summary>
${impactTable('Recall by level and class, most changed first', whole, data)}</details>
${
  subgroups.length > 0 &&
  html`<details><summary>Subgroups: ${count(subgroups.filter(row => row.significant).length)} of
${counted(subgroups.length, 'comparison')} significant</summary>${impactTable('Recall by level, class and subgroup, most changed first', subgroups, data)}</details>`
}
`,
  }
}

function testSentence(compressed: readonly LevelSummary[]): string {
  const paired = compressed.filter(({ test }) => test === 'paired').map(level => level.name)
  if (paired.length === 0) return 'Welch’s test over seeds'
  const pairs = 'Student’s test over pairs of a network and the dense one that it is made from'
  return paired.length === compressed.length
    ? pairs
    : `${pairs} (${paired.join(', ')}), else Welch’s test over seeds`
}

/** What the tests could not have found; undefined where they could have found small changes. */
function powerSentence(compressed: readonly LevelSummary[]): string | undefined {
  const weakest = compressed.toSorted((a, b) => b.detectableChange - a.detectableChange)[0]!
  if (weakest.members < 2) return 'A single network a level says nothing about what is chance.'
  if (!(weakest.detectableChange > tellingChange)) return undefined
  if (weakest.detectableChange >= 1) {
    return `${weakest.members} networks a level are too few: at ${weakest.name} no change of a lone class could be told from chance.`
  }
  return `With ${weakest.members} networks a level, a lone class that changes by less than ${(weakest.detectableChange * 100).toFixed(1)} points (at ${weakest.name}) would be missed in more than one of five such audits: what is not significant may still have changed.`
}

/** The classes to draw, by index: all where they are few, else those that change most at any level, significant ones first. */
function mostAffected(rows: readonly ClassImpact[], classes: number): ReadonlySet<number> {
  if (classes <= drawnClasses) return new Set(Array.from({ length: classes }, (_, i) => i))
  const ordered = rows.toSorted(bySignificanceAndSize)
  return new Set([...new Set(ordered.map(row => row.class))].slice(0, drawnClasses).sort((a, b) => a - b))
}

function bySignificanceAndSize(a: ClassImpact, b: ClassImpact): number {
  return Number(b.significant) - Number(a.significant) || size(b) - size(a)
}

const size = (row: ClassImpact) => (Number.isFinite(row.relativeChange) ? Math.abs(row.relativeChange) : -1)

const outcomes = ['worse', 'better', 'unclear'] as const

function outcome(row: ClassImpact): (typeof outcomes)[number] {
  if (!row.significant) return 'unclear'
  return row.relativeChange < 0 ? 'worse' : 'better'
}

function levelChart(
  level: string,
  rows: readonly ClassImpact[],
  { classNames }: ReportData,
  drawn: readonly number[],
  reach: number,
): Html {
  const known = rows.filter(row => Number.isFinite(row.relativeChange))
  const { margin, shown } = axisLabels(
    drawn.map(index => classNames[index]!),
    120,
  )
  const significant = known.filter(row => row.significant)
  const unclear = known.filter(row => !row.significant)
  const worst = significant.toSorted((a, b) => a.relativeChange - b.relativeChange)[0]
  const worstInWords =
    worst && worst.relativeChange < 0
      ? `; worst ${classNames[worst.class]} (${points(worst.relativeChange)} points)`
      : ''
  const text = (row: ClassImpact) =>
    `${classNames[row.class]}: ${points(row.relativeChange)} points (recall ${percent(row.denseRecall.mean)} → ${percent(row.levelRecall.mean)}, q = ${fraction(row.q)})`
  const position = { y: 'class', x: 'relativeChange', r: 4, title: text }
  return chart(
    {
      width: width.third,
      height: 58 + 18 * drawn.length,
      marginLeft: margin,
      marginTop: 8,
      marginBottom: 40,
      x: {
        label: 'Relative change, points',
        domain: [-reach * 108, reach * 108],
        transform: (share: number) => share * 100,
        grid: true,
        ticks: 5,
      },
      y: {
        type: 'point',
        domain: drawn,
        label: null,
        tickSize: 0,
        padding: 0.6,
        tickFormat: (index: number) => shown(classNames[index]!),
      },
      color: { domain: outcomes, range: [colour.second, colour.third, colour.muted] },
      symbol: { domain: outcomes, range: ['circle', 'square', 'circle'] },
      marks: [
        Plot.ruleX([0], { stroke: colour.muted }),
        Plot.ruleY(known, {
          y: 'class',
          x1: 0,
          x2: 'relativeChange',
          stroke: outcome,
          strokeWidth: 1.5,
          strokeOpacity: 0.6,
        }),
        Plot.dot(unclear, { ...position, stroke: outcome, fill: 'var(--surface)' }),
        Plot.dot(significant, { ...position, fill: outcome, symbol: outcome }),
      ],
    },
    {
      kind: 'class-impact',
      title: capitalized(level),
      summary: `${significant.length === 0 ? 'No class' : counted(significant.length, 'class', 'classes')} changed significantly${worstInWords}.`,
    },
  )
}

function impactTable(caption: string, rows: readonly ClassImpact[], { classNames }: ReportData): Html {
  const ordered = rows.toSorted(bySignificanceAndSize)
  const hasGroups = rows.some(row => row.group !== undefined)
  return table<ClassImpact>(
    caption,
    [
      { head: 'Class', value: row => name(classNames[row.class] ?? String(row.class)) },
      ...(hasGroups ? [{ head: 'Subgroup', value: (row: ClassImpact) => name(row.group ?? '') }] : []),
      { head: 'Level', value: row => name(row.level) },
      { head: 'Examples', numeric: true, value: row => count(row.examples) },
      {
        head: 'Dense recall',
        numeric: true,
        value: row => meanPercent(row.denseRecall.mean, row.denseRecall.sd),
      },
      { head: 'Recall', numeric: true, value: row => meanPercent(row.levelRecall.mean, row.levelRecall.sd) },
      { head: 'Relative change', numeric: true, value: row => points(row.relativeChange) },
      { head: 'q', numeric: true, value: row => fraction(row.q) },
      {
        head: 'Significant',
        value: row => ({ worse: 'worse', better: 'better', unclear: '–' })[outcome(row)],
      },
    ],
    ordered.slice(0, tableRows),
    ordered.length > tableRows
      ? `The first ${tableRows} of ${count(ordered.length)} rows; classes.parquet has them all.`
      : undefined,
  )
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
