/** What corrupted pictures cost each level beyond what they cost the dense one. */
import * as Plot from '@observablehq/plot'
import { type Html, html, name } from '../../pages/html.js'
import { axisLabels, chart, colour, table, width } from '../chart.js'
import type { ReportData, RobustnessSummary } from '../data.js'
import { meanPercent, percent } from '../format.js'
import type { Section } from './section.js'

export function robustness({ robustness: rows, alpha }: ReportData): Section | undefined {
  if (rows === undefined) return undefined
  const measured = rows.filter(({ relative }) => Number.isFinite(relative))
  const categories = [...new Set(measured.map(({ category }) => category))]
  return {
    id: 'robustness',
    title: 'Robustness',
    body: html`<p class="about">Accuracy on corrupted test pictures as a share of the level’s own accuracy on clean ones, mean over
corruptions, severities and members: what compression costs on top of what it costs on clean pictures. <em>all</em> is the
mean over noise, blur, weather and digital; natural sets are measured by test pictures of their classes, and what is of
another test set by none.</p>
<div class="charts">
${categories.map(category => ofCategory(category, measured, alpha))}</div>
${table<RobustnessSummary>(
  'Accuracy on corrupted pictures',
  [
    { head: 'Level', value: ({ level }) => name(level) },
    { head: 'Pictures', value: ({ category }) => name(category) },
    { head: 'Accuracy', numeric: true, value: ({ top1 }) => meanPercent(top1.mean, top1.sd) },
    { head: 'clean', numeric: true, value: ({ clean }) => percent(clean) },
    { head: 'of clean', numeric: true, value: ({ relative }) => percent(relative) },
    { head: 'against dense', numeric: true, value: ({ relativeToDense }) => percent(relativeToDense) },
    {
      head: 'p',
      numeric: true,
      value: ({ p }) => (Number.isNaN(p) ? '–' : p < 0.001 ? '< 0.001' : p.toFixed(3)),
    },
  ],
  rows,
)}
`,
  }
}

function ofCategory(category: string, rows: readonly RobustnessSummary[], alpha: number): Html {
  const levels = rows.filter(row => row.category === category)
  const names = levels.map(({ level }) => level)
  const { margin, shown } = axisLabels(names, 120)
  const verdict = ({ p, relativeToDense }: RobustnessSummary) =>
    p < alpha ? (relativeToDense < 1 ? 'worse' : 'better') : 'unclear'
  return chart(
    {
      width: width.third,
      height: 70 + 30 * names.length,
      marginLeft: margin,
      marginTop: 12,
      marginBottom: 42,
      y: { type: 'band', domain: names, label: null, padding: 0.4, tickSize: 0, tickFormat: shown },
      x: {
        label: 'Corrupted ÷ clean accuracy, %',
        transform: (share: number) => share * 100,
        nice: true,
        grid: true,
        ticks: 4,
      },
      color: { domain: ['better', 'worse', 'unclear'], range: [colour.third, colour.second, colour.muted] },
      symbol: { domain: ['better', 'worse', 'unclear'], range: ['square', 'triangle', 'circle'] },
      marks: [
        Plot.ruleX([levels[0].relative], { stroke: colour.muted, strokeDasharray: '3,3' }),
        Plot.dot(levels, {
          y: 'level',
          x: 'relative',
          fill: verdict,
          symbol: verdict,
          r: 5,
          title: (row: RobustnessSummary) => `${row.level}: ${percent(row.relative)} of clean`,
        }),
      ],
    },
    {
      kind: 'robustness',
      title: `Robustness: ${category}`,
      summary: 'The broken line is dense; levels differ from it where their p value is below alpha.',
      legend: [
        { label: 'better', colour: 'third', shape: 'square' },
        { label: 'worse', colour: 'second', shape: 'triangle' },
        { label: 'no clear difference', colour: 'muted', shape: 'circle' },
      ],
    },
  )
}
