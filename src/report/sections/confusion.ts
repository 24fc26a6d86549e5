/** What the label issues are labeled, and what they are taken for. */
import * as Plot from '@observablehq/plot'
import { axisLabels, chart, colour, table, width } from '../chart.js'
import type { ConfusionPair, ReportData } from '../data.js'
import { count, shorten } from '../format.js'
import { type Html, html, name } from '../html.js'

/** Up to this many classes a matrix shows every pair; beyond, most of it would be empty. */
const matrixClasses = 20
/** Pairs drawn in place of the matrix, and rows of the table. */
const drawnPairs = 20
const tableRows = 50

const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })

/** Matrix of the pairs of given and suggested label, or the most frequent pairs where there are many classes. */
export function confusion(data: ReportData): Html {
  return data.classNames.length <= matrixClasses ? matrix(data) : frequentPairs(data)
}

/** Where a pair's examples are found in the gallery. */
function galleryLink(pair: ConfusionPair): string {
  return `#suspects/given=${pair.given}&suggested=${pair.suggested}&kind=issue`
}

function inWords(pair: ConfusionPair, { classNames }: ReportData): string {
  return `given ${classNames[pair.given]}, suggested ${classNames[pair.suggested]}: ${count(pair.examples)}`
}

function matrix(data: ReportData): Html {
  const { labels, classNames } = data
  const pairs = labels.confusion
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
      x: { ...axis, axis: 'top', label: 'Suggested', tickFormat, ...(isTurned ? { tickRotate: -60 } : {}) },
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
          href: galleryLink,
          title: (pair: ConfusionPair) => inWords(pair, data),
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
      kind: 'confusion',
      wide: classes.length > 12,
      title: 'Given and suggested labels',
      summary: `Label issues by given label (rows) and suggested label (columns). Most frequent: ${inWords(pairs[0]!, data)}. A cell leads to its examples.`,
      table: pairTable(data),
    },
  )
}

function frequentPairs(data: ReportData): Html {
  const { labels, classNames } = data
  const pairs = labels.confusion.slice(0, drawnPairs)
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
      x: { label: 'Label issues', zero: true, nice: true, grid: true, ticks: 5 },
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
          href: galleryLink,
          title: (pair: ConfusionPair) => inWords(pair, data),
        }),
        Plot.text(pairs, { y: place, x: 'examples', text: 'examples', textAnchor: 'start', dx: 4 }),
      ],
    },
    {
      kind: 'confusion',
      title: 'Given and suggested labels',
      summary: `Label issues by given → suggested label: the ${pairs.length} most frequent of ${count(labels.confusion.length)} pairs. A bar leads to its examples.`,
      table: pairTable(data),
    },
  )
}

function pairTable({ labels, classNames }: ReportData): Html {
  return table<ConfusionPair>(
    'Label issues by given and suggested label, most frequent first',
    [
      { head: 'Given', value: pair => name(classNames[pair.given]!) },
      { head: 'Suggested', value: pair => name(classNames[pair.suggested]!) },
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
  )
}
