/** What labels are taken for which: the label issues, and what the noise model expects in all. */
import * as Plot from '@observablehq/plot'
import { type Html, html, name } from '../../pages/html.js'
import { axisLabels, chart, colour, table, width } from '../chart.js'
import type { ConfusionPair, ReportData } from '../data.js'
import { count, shorten } from '../format.js'

/** Up to this many classes a matrix shows every pair; beyond, most of it would be empty. */
const matrixClasses = 20
/** Pairs drawn in place of the matrix, and rows of the table. */
const drawnPairs = 20
const tableRows = 50

const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })

/** What the cells of a matrix count. */
interface PairCounts {
  readonly kind: string
  readonly title: string
  readonly pairs: readonly ConfusionPair[]
  /** Of the columns. */
  readonly other: string
  /** What is counted, at the beginning of a sentence. */
  readonly unit: string
  /** Whether a cell leads to its examples in the gallery. */
  readonly linked: boolean
  readonly note: string
}

/** Label issues by given and suggested label: a matrix, or the most frequent pairs where there are many classes. */
export function confusion(data: ReportData): Html {
  return pairChart(data, {
    kind: 'confusion',
    title: 'Given and suggested labels',
    pairs: data.labels.confusion,
    other: 'suggested',
    unit: 'Label issues',
    linked: true,
    note: 'leads to its examples.',
  })
}

/** Wrong labels by given and likely true label, those among them that are too unsure to be listed. */
export function noiseMatrix(data: ReportData): Html {
  return pairChart(data, {
    kind: 'noise',
    title: 'Noise matrix',
    pairs: data.labels.noise,
    other: 'likely',
    unit: 'Expected wrong labels',
    linked: false,
    note: 'counts those too that are not sure enough to be label issues.',
  })
}

function pairChart(data: ReportData, counts: PairCounts): Html {
  return data.classNames.length <= matrixClasses ? matrix(data, counts) : frequentPairs(data, counts)
}

/** Where a pair's examples are found in the gallery. */
function galleryLink(pair: ConfusionPair): string {
  return `#suspects/given=${pair.given}&suggested=${pair.suggested}&kind=issue`
}

function inWords(pair: ConfusionPair, { classNames }: ReportData, { other }: PairCounts): string {
  return `given ${classNames[pair.given]}, ${other} ${classNames[pair.suggested]}: ${count(pair.examples)}`
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function linkOf({ linked }: PairCounts): { href?: typeof galleryLink } {
  return linked ? { href: galleryLink } : {}
}

function matrix(data: ReportData, counts: PairCounts): Html {
  const { classNames } = data
  const { pairs, other, unit, note } = counts
  const classes = classNames.map((_, index) => index)
  const most = pairs[0]!.examples
  const { margin, shown } = axisLabels(classNames, 105)
  const cell = classes.length > 12 ? 26 : 30
  const isTurned = margin > 40
  const axis = { type: 'band', domain: classes, padding: 0.06, tickSize: 0 } as const
  const tickFormat = (index: number) => shown(classNames[index]!)
  const isStrong = (pair: ConfusionPair) => pair.examples > most * 0.6
  const position = { x: 'suggested', y: 'given' }
  return chart(
    {
      width: Math.max(width.half, margin + 24 + cell * classes.length),
      height: (isTurned ? margin : 40) + 40 + cell * classes.length,
      marginLeft: margin + 16,
      marginTop: isTurned ? margin + 14 : 44,
      marginBottom: 10,
      x: {
        ...axis,
        axis: 'top',
        label: capitalized(other),
        tickFormat,
        ...(isTurned ? { tickRotate: -60 } : {}),
      },
      y: { ...axis, label: 'Given', tickFormat },
      opacity: { domain: [0, most], range: [0.08, 1], type: 'sqrt' },
      marks: [
        Plot.cell(
          classes.flatMap(given => classes.map(suggested => ({ given, suggested }))),
          { ...position, fill: 'var(--cell)' },
        ),
        Plot.cell(pairs, {
          ...position,
          fill: colour.first,
          fillOpacity: 'examples',
          ...linkOf(counts),
          title: (pair: ConfusionPair) => inWords(pair, data, counts),
        }),
        Plot.text(pairs, {
          ...position,
          text: (pair: ConfusionPair) => compact.format(pair.examples),
          fontSize: 11,
          fill: (pair: ConfusionPair) => (isStrong(pair) ? 'var(--on-first)' : colour.ink),
          pointerEvents: 'none',
        }),
      ],
    },
    {
      kind: counts.kind,
      wide: classes.length > 12,
      title: counts.title,
      summary: `${unit} by given label (rows) and ${other} label (columns). Most frequent: ${inWords(pairs[0]!, data, counts)}. A cell ${note}`,
      table: pairTable(data, counts),
    },
  )
}

function frequentPairs(data: ReportData, counts: PairCounts): Html {
  const { classNames } = data
  const { other, unit, note } = counts
  const pairs = counts.pairs.slice(0, drawnPairs)
  const label = (place: number) => {
    const { given, suggested } = pairs[place]!
    return `${shorten(classNames[given]!, 95)} → ${shorten(classNames[suggested]!, 95)}`
  }
  const { margin } = axisLabels(
    pairs.map((_, place) => label(place)),
    width.half,
  )
  const place = (_: ConfusionPair, index: number) => index
  return chart(
    {
      height: 50 + 20 * pairs.length,
      marginLeft: margin,
      marginRight: 36,
      marginTop: 6,
      marginBottom: 40,
      x: { label: unit, zero: true, nice: true, grid: true, ticks: 5 },
      y: {
        type: 'band',
        domain: pairs.map((_, index) => index),
        label: null,
        padding: 0.25,
        tickSize: 0,
        tickFormat: label,
      },
      marks: [
        Plot.barX(pairs, {
          y: place,
          x: 'examples',
          fill: colour.first,
          ...linkOf(counts),
          title: (pair: ConfusionPair) => inWords(pair, data, counts),
        }),
        Plot.text(pairs, {
          y: place,
          x: 'examples',
          text: (pair: ConfusionPair) => compact.format(pair.examples),
          textAnchor: 'start',
          dx: 4,
        }),
      ],
    },
    {
      kind: counts.kind,
      title: counts.title,
      summary: `${unit} by given → ${other} label: the ${pairs.length} most frequent of ${count(counts.pairs.length)} pairs. A bar ${note}`,
      table: pairTable(data, counts),
    },
  )
}

function pairTable({ classNames }: ReportData, { pairs, other, unit, linked }: PairCounts): Html {
  return table<ConfusionPair>(
    `${unit} by given and ${other} label, most frequent first`,
    [
      { head: 'Given', value: pair => name(classNames[pair.given]!) },
      { head: capitalized(other), value: pair => name(classNames[pair.suggested]!) },
      {
        head: 'Examples',
        numeric: true,
        value: pair =>
          linked ? html`<a href="${galleryLink(pair)}">${count(pair.examples)}</a>` : count(pair.examples),
      },
    ],
    pairs.slice(0, tableRows),
    pairs.length > tableRows ? `The ${tableRows} most frequent of ${count(pairs.length)} pairs.` : undefined,
  )
}
