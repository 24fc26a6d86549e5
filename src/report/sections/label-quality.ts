/** How label quality is spread, which classes have the most label issues, and what they are taken for. */
import * as Plot from '@observablehq/plot'
import { type Html, html, name } from '../../pages/html.js'
import { chart, colour, table } from '../chart.js'
import type { ConfusionPair, KnownTruth, ReportData } from '../data.js'
import { count, counted, fraction, percent } from '../format.js'
import { confusion, noiseMatrix } from './confusion.js'
import type { Section } from './section.js'

const tableRows = 50

export function labelQuality(data: ReportData): Section {
  const { labels } = data
  return {
    id: 'labels',
    title: 'Label quality',
    body: html`<p class="about">Label quality says how well a given label fits the evidence of the whole ensemble: 0 is
surely wrong, 1 surely right. By its noise model ${count(Math.round(labels.wrong.count))} labels are wrong (95 % interval for chance alone: ${count(Math.round(labels.wrong.low))} to ${count(Math.round(labels.wrong.high))}). A <dfn>label issue</dfn> is an example that falls under this run’s rule: ${labels.rule}.${bySplit(data)}${
      labels.truth &&
      ` Against the known truth, label quality reaches an average precision of ${fraction(labels.truth.averagePrecision)} and an AUROC of ${fraction(labels.truth.auroc)}, and is off by ${fraction(labels.truth.calibrationError)} as a probability; ${count(labels.truth.wrong)} given labels are wrong.`
    }</p>
<div class="charts">
${histogram(data)}
${labels.truth && reliabilityChart(labels.truth)}
${labels.confusion.length > 0 && confusion(data)}
${labels.noise.length > 0 && noiseMatrix(data)}</div>
${labels.issues > 0 && classTable(data)}
`,
  }
}

/** How the label issues are shared between the splits. */
function bySplit({ labels }: ReportData): string {
  if (labels.bySplit.length < 2) return ''
  const shares = labels.bySplit.map(
    ({ split, examples, issues }) => `${count(issues)} on the ${split} split (${percent(issues / examples)})`,
  )
  return ` ${counted(labels.issues, 'label issue')}: ${shares.join(', ')}.`
}

function histogram({ labels }: ReportData): Html {
  const { issues, others } = labels.quality
  const bins = issues.length
  const kinds = ['label issue', 'other'] as const
  const bars = issues.flatMap((_, bin) => {
    const bounds = { x1: bin / bins, x2: (bin + 1) / bins }
    const counts = [issues[bin]!, others[bin]!]
    return kinds.map((kind, i) => ({ ...bounds, kind, examples: counts[i]! }))
  })
  const drawn = bars.filter(bar => bar.examples > 0)
  const low = share(issues, others, bin => bin < bins / 10)
  const high = share(issues, others, bin => bin >= (bins * 9) / 10)
  return chart(
    {
      height: 340,
      marginLeft: 56,
      marginBottom: 42,
      x: { label: 'Label quality', domain: [0, 1], ticks: 5 },
      // Nearly all labels are good ones; a square root leaves the few that are not something to be seen by.
      y: {
        label: 'Examples (square-root scale)',
        type: 'sqrt',
        grid: true,
        ticks: 6,
        tickFormat: (n: number) => count(n),
      },
      color: { domain: kinds, range: [colour.second, colour.first] },
      marks: [
        Plot.rectY(drawn, {
          x1: 'x1',
          x2: 'x2',
          y: 'examples',
          fill: 'kind',
          inset: 0.5,
          title: ({ x1, x2, kind, examples }: (typeof drawn)[number]) =>
            `${x1.toFixed(2)} to ${x2.toFixed(2)}, ${kind}: ${count(examples)}`,
        }),
        Plot.ruleY([0], { stroke: colour.muted }),
      ],
    },
    {
      kind: 'label-quality',
      title: 'Distribution of label quality',
      summary: `${percent(high)} of the examples lie at 0.9 or above, ${percent(low)} below 0.1.`,
      legend: [
        { label: 'label issue', colour: 'second', shape: 'bar' },
        { label: 'other', colour: 'first', shape: 'bar' },
      ],
    },
  )
}

/** Label quality against the share of labels that are right indeed. */
function reliabilityChart({ reliability, calibrationError }: KnownTruth): Html {
  return chart(
    {
      height: 340,
      marginLeft: 56,
      marginBottom: 42,
      x: { label: 'Label quality, mean of a tenth', domain: [0, 1], ticks: 5 },
      y: { label: 'Share of right labels', domain: [0, 1], ticks: 5, grid: true },
      marks: [
        Plot.line(
          [
            [0, 0],
            [1, 1],
          ],
          { stroke: colour.muted, strokeDasharray: '4 3' },
        ),
        Plot.line(reliability, { x: 'quality', y: 'right', stroke: colour.first }),
        Plot.dot(reliability, {
          x: 'quality',
          y: 'right',
          fill: colour.first,
          title: ({ examples, quality, right }: (typeof reliability)[number]) =>
            `${count(examples)} labels of quality ${fraction(quality)}: ${percent(right)} right`,
        }),
      ],
    },
    {
      kind: 'reliability',
      title: 'Reliability of label quality',
      summary: `Against the known truth, label quality as a probability is off by ${fraction(calibrationError)} in the mean; on the broken line it would be right.`,
    },
  )
}

function share(
  issues: readonly number[],
  others: readonly number[],
  within: (bin: number) => boolean,
): number {
  let inside = 0
  let total = 0
  for (let bin = 0; bin < issues.length; bin++) {
    const examples = issues[bin]! + others[bin]!
    total += examples
    if (within(bin)) inside += examples
  }
  return inside / total
}

function classTable({ labels, classNames }: ReportData): Html {
  const commonest = new Map<number, ConfusionPair>()
  for (const pair of labels.confusion) if (!commonest.has(pair.given)) commonest.set(pair.given, pair)
  const rows = labels.byClass
    .map((counts, index) => ({
      ...counts,
      index,
      wrong: labels.wrongByClass[index]!,
      rate: counts.examples > 0 ? counts.issues / counts.examples : 0,
    }))
    .filter(row => row.issues > 0)
    .sort((a, b) => b.rate - a.rate || a.index - b.index)
  return html`<details><summary>Label issues by class</summary>
${table<(typeof rows)[number]>(
  'Label issues by given class, highest share first',
  [
    { head: 'Class', value: row => name(classNames[row.index] ?? String(row.index)) },
    { head: 'Examples', numeric: true, value: row => count(row.examples) },
    { head: 'Label issues', numeric: true, value: row => count(row.issues) },
    {
      head: 'Estimated wrong',
      numeric: true,
      value: ({ wrong }) =>
        `${count(Math.round(wrong.count))} (${count(Math.round(wrong.low))}–${count(Math.round(wrong.high))})`,
    },
    { head: 'Share', numeric: true, value: row => percent(row.rate) },
    {
      head: 'Most often taken for',
      value: row => {
        const pair = commonest.get(row.index)
        return pair && html`${name(classNames[pair.suggested] ?? '–')} (${count(pair.examples)})`
      },
    },
  ],
  rows.slice(0, tableRows),
  rows.length > tableRows ? `The first ${tableRows} of ${count(rows.length)} classes.` : undefined,
)}</details>`
}
