/** Whether PIEs are the same from level to level, and would be the same in other populations. */
import * as Plot from '@observablehq/plot'
import { type Html, html, name } from '../../pages/html.js'
import { axisLabels, chart, colour, table, width } from '../chart.js'
import type { LevelOverlap, LevelStability, ReportData } from '../data.js'
import { count, percent } from '../format.js'
import type { Section } from './section.js'

/** Undefined where there is neither a pair of levels nor a population of two. */
export function pieStability({ overlaps, stability }: ReportData): Section | undefined {
  const figures = [overlapMap(overlaps), recurrence(stability)].filter(figure => figure !== undefined)
  if (figures.length === 0) return undefined
  return {
    id: 'pie-stability',
    title: 'How far PIEs can be relied on',
    body: html`<p class="about">Which PIEs levels have in common, and how many of a level’s PIEs another pair of populations of the same
size would find again. Up to half of the networks, pairs are drawn that share none; for all of them it is a bootstrap
over the networks, corrected by what it promises too much at half the size.</p>
<div class="charts">
${figures}</div>
`,
  }
}

function overlapMap(overlaps: readonly LevelOverlap[]): Html | undefined {
  const known = overlaps.filter(({ jaccard }) => Number.isFinite(jaccard))
  if (known.length === 0) return undefined
  const names = [...new Set(known.flatMap(({ levels }) => levels))]
  const { margin, shown } = axisLabels(names, 120)
  const cells = known.map(({ levels: [x, y], ...overlap }) => ({ x, y, ...overlap }))
  const side = Math.max(130, 24 + 34 * names.length)
  return chart(
    {
      width: width.half,
      height: side + margin,
      marginLeft: margin,
      marginBottom: margin,
      marginTop: 8,
      x: { domain: names, label: null, tickSize: 0, tickRotate: -90, tickFormat: shown },
      y: { domain: names, label: null, tickSize: 0, tickFormat: shown },
      marks: [
        Plot.cell(cells, {
          x: 'x',
          y: 'y',
          inset: 1,
          fill: colour.first,
          fillOpacity: ({ jaccard }: (typeof cells)[number]) => 0.08 + 0.72 * jaccard,
          title: ({ x, y, both, jaccard, expected }: (typeof cells)[number]) =>
            `${x} and ${y}: ${count(both)} in common (${percent(jaccard)} of either; ${expected.toFixed(1)} by chance)`,
        }),
        Plot.text(cells, {
          x: 'x',
          y: 'y',
          text: ({ jaccard }: (typeof cells)[number]) => (jaccard * 100).toFixed(0),
          fill: colour.ink,
        }),
      ],
    },
    {
      kind: 'pie-overlap',
      title: 'PIEs that levels share',
      summary: 'Common PIEs in % of the PIEs of either level.',
      table: table<LevelOverlap>(
        'PIEs that levels share',
        [
          { head: 'Level', value: ({ levels }) => name(levels[0]) },
          { head: 'and', value: ({ levels }) => name(levels[1]) },
          { head: 'in common', numeric: true, value: ({ both }) => count(both) },
          { head: 'of either', numeric: true, value: ({ jaccard }) => percent(jaccard) },
          { head: 'by chance', numeric: true, value: ({ expected }) => expected.toFixed(1) },
        ],
        overlaps,
      ),
    },
  )
}

function recurrence(stability: readonly LevelStability[]): Html | undefined {
  const known = stability.filter(({ recurrence }) => Number.isFinite(recurrence.mean))
  if (known.length === 0) return undefined
  const label = ({ level, members, recurrence: { mean, low, high } }: LevelStability) =>
    `${level}, ${members} networks: ${percent(mean)} (95 %: ${percent(low)} to ${percent(high)})`
  const last = known.filter(
    row => !known.some(other => other.level === row.level && other.members > row.members),
  )
  const height = 290
  const places = spread(
    last.map(({ recurrence }) => recurrence.mean * 100),
    (100 * lineHeight) / height,
  )
  return chart(
    {
      width: width.half,
      height,
      marginLeft: 46,
      marginRight: 120,
      marginBottom: 42,
      x: { label: 'Networks a level', zero: true, nice: true },
      y: { label: 'PIEs found again, %', domain: [0, 100], grid: true, ticks: 5 },
      marks: [
        Plot.lineY(known, {
          x: 'members',
          y: row => row.recurrence.mean * 100,
          z: 'level',
          stroke: colour.first,
          strokeWidth: 1.75,
        }),
        Plot.dot(known, {
          x: 'members',
          y: row => row.recurrence.mean * 100,
          fill: colour.first,
          r: 4,
          title: label,
        }),
        Plot.text(last, {
          x: 'members',
          y: places,
          text: 'level',
          textAnchor: 'start',
          dx: 8,
          fill: colour.ink,
        }),
      ],
    },
    {
      kind: 'pie-recurrence',
      title: 'PIEs that other populations find again',
      summary: 'Share of a level’s PIEs that a second pair of populations of this size would have too.',
      table: table<LevelStability>(
        'PIEs by size of the populations',
        [
          { head: 'Level', value: ({ level }) => name(level) },
          { head: 'Networks', numeric: true, value: ({ members }) => count(members) },
          { head: 'PIEs', numeric: true, value: ({ pies }) => count(pies.mean) },
          { head: 'found again', numeric: true, value: row => percent(row.recurrence.mean) },
          {
            head: '95 %',
            numeric: true,
            value: row => `${percent(row.recurrence.low)} to ${percent(row.recurrence.high)}`,
          },
        ],
        known,
      ),
    },
  )
}

/** Pixels from a label to the next below it, margins of the chart included. */
const lineHeight = 18

/** The values in their order, each moved up from its lower neighbour until they are this far apart, or down from 100. */
function spread(values: readonly number[], gap: number): number[] {
  const order = [...values.keys()].sort((a, b) => values[a]! - values[b]!)
  const placed = [...values]
  for (const [i, at] of order.entries()) {
    if (i > 0) placed[at] = Math.max(placed[at]!, placed[order[i - 1]!]! + gap)
  }
  let ceiling = 100
  for (const at of order.reverse()) {
    placed[at] = Math.min(placed[at]!, ceiling)
    ceiling = placed[at]! - gap
  }
  return placed
}
