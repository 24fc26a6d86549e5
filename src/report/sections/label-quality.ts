/** How label quality is spread, which classes have the most label issues, and what they are taken for. */
import * as Plot from '@observablehq/plot'
import { chart, colour, table, width } from '../chart.js'
import type { ConfusionPair, ReportData } from '../data.js'
import { count, fraction, percent, shorten } from '../format.js'
import { type Html, html, name } from '../html.js'
import type { Section } from './section.js'

/** Classes of the confusion chart; with more classes, those with the most label issues. */
const drawnClasses = 20
const tableRows = 50

export function labelQuality(data: ReportData): Section {
  const { labels } = data
  return {
    id: 'labels',
    title: 'Label quality',
    body: html`<p class="about">Label quality says how well a given label fits the evidence of the whole ensemble: 0 is
surely wrong, 1 surely right. A <dfn>label issue</dfn> is an example that falls under this run’s rule: ${labels.rule}.${
      labels.truth &&
      ` Against the known truth, label quality reaches an average precision of ${fraction(labels.truth.averagePrecision)} and an AUROC of ${fraction(labels.truth.auroc)}; ${count(labels.truth.wrong)} given labels are wrong.`
    }</p>
<div class="charts">
${histogram(data)}
${labels.issues > 0 && confusion(data)}</div>
${labels.issues > 0 && classTable(data)}
`,
  }
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

/** Where a pair's examples are found in the gallery. */
function galleryLink(pair: ConfusionPair): string {
  return `#suspects/given=${pair.given}&suggested=${pair.suggested}&kind=issue`
}

function confusion({ labels, classNames }: ReportData): Html {
  const drawn = confusedClasses(labels.confusion, classNames.length)
  const shown = new Set(drawn)
  const pairs = labels.confusion.filter(pair => shown.has(pair.given) && shown.has(pair.suggested))
  const most = Math.max(1, ...pairs.map(pair => pair.examples))
  const longest = Math.max(...drawn.map(index => [...(classNames[index] ?? '')].length))
  const margin = Math.min(width.half / 3, 14 + 6.8 * Math.min(longest, 14))
  const cell = drawn.length > 12 ? 26 : 30
  const isDense = longest > 3
  const axis = { type: 'band', domain: drawn, padding: 0.06 } as const
  const tickFormat = (index: number) => shorten(classNames[index] ?? String(index), 14)
  const [first] = labels.confusion
  const nameOf = (index: number) => classNames[index] ?? String(index)
  const isStrong = (pair: ConfusionPair) => pair.examples > most * 0.6
  return chart(
    {
      width: Math.max(width.half, margin + 24 + cell * drawn.length),
      height: (isDense ? margin : 40) + 40 + cell * drawn.length,
      marginLeft: margin + 16,
      marginTop: isDense ? margin + 14 : 44,
      marginBottom: 10,
      x: {
        ...axis,
        axis: 'top',
        label: 'Suggested',
        tickFormat,
        tickSize: 0,
        ...(isDense ? { tickRotate: -60 } : {}),
      },
      y: { ...axis, label: 'Given', tickFormat, tickSize: 0 },
      opacity: { domain: [0, most], range: [0.08, 1], type: 'sqrt' },
      marks: [
        Plot.cell(
          drawn.flatMap(given => drawn.map(suggested => ({ given, suggested }))),
          { x: 'suggested', y: 'given', fill: 'var(--cell)' },
        ),
        Plot.cell(pairs, {
          x: 'suggested',
          y: 'given',
          fill: colour.first,
          fillOpacity: 'examples',
          href: galleryLink,
          title: (pair: ConfusionPair) =>
            `given ${nameOf(pair.given)}, suggested ${nameOf(pair.suggested)}: ${count(pair.examples)}`,
        }),
        Plot.text(pairs, {
          x: 'suggested',
          y: 'given',
          text: (pair: ConfusionPair) => count(pair.examples),
          fontSize: 11,
          fill: (pair: ConfusionPair) => (isStrong(pair) ? 'var(--on-first)' : colour.ink),
          pointerEvents: 'none',
        }),
      ],
    },
    {
      kind: 'confusion',
      wide: drawn.length > 12,
      title: 'Given and suggested labels',
      summary: `Label issues by given label (rows) and suggested label (columns). ${
        first
          ? `Most frequent: ${nameOf(first.given)} → ${nameOf(first.suggested)}, ${count(first.examples)}. `
          : ''
      }${drawn.length < classNames.length ? `The ${drawn.length} classes with the most label issues of ${count(classNames.length)}. ` : ''}A cell leads to its examples.`,
      table: table<ConfusionPair>(
        'Label issues by given and suggested label, most frequent first',
        [
          { head: 'Given', value: pair => name(nameOf(pair.given)) },
          { head: 'Suggested', value: pair => name(nameOf(pair.suggested)) },
          {
            head: 'Examples',
            numeric: true,
            value: pair => html`<a href="${galleryLink(pair)}">${count(pair.examples)}</a>`,
          },
        ],
        labels.confusion.slice(0, tableRows),
        labels.confusion.length > tableRows
          ? `The ${tableRows} most frequent of ${count(labels.confusion.length)} pairs.`
          : undefined,
      ),
    },
  )
}

/** Class indices in order: all where they are few, else those in the most frequent pairs. */
function confusedClasses(pairs: readonly ConfusionPair[], classes: number): number[] {
  if (classes <= drawnClasses) return Array.from({ length: classes }, (_, i) => i)
  const chosen = new Set<number>()
  for (const { given, suggested } of pairs) {
    const added = Number(!chosen.has(given)) + Number(!chosen.has(suggested))
    if (chosen.size + added > drawnClasses) break
    chosen.add(given).add(suggested)
  }
  return [...chosen].sort((a, b) => a - b)
}

function classTable({ labels, classNames }: ReportData): Html {
  const commonest = new Map<number, ConfusionPair>()
  for (const pair of labels.confusion) if (!commonest.has(pair.given)) commonest.set(pair.given, pair)
  const rows = labels.byClass
    .map((counts, index) => ({
      ...counts,
      index,
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
