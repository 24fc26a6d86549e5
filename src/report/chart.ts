/**
 * Charts as static SVG, drawn by Observable Plot in a small DOM when the report is written: they need no script, print
 * as they are, and take their colours from the page's custom properties, so that they follow the dark scheme.
 */
import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { type Content, Html, html } from '../pages/html.js'
import { shorten, textWidth } from './format.js'

/**
 * Widths in pixels at which a chart's text has its nominal size, in columns of two and of three; charts grow and shrink
 * with their column from there.
 */
export const width = { half: 400, third: 340 } as const

/** Colours by meaning; blue, vermillion and bluish green of Okabe and Ito, with a shape each, stay apart for any eye. */
export const colour = {
  first: 'var(--first)',
  second: 'var(--second)',
  third: 'var(--third)',
  muted: 'var(--muted)',
  ink: 'var(--ink)',
  line: 'var(--line)',
} as const

/** Labels of an axis on the left: how they read in `room` pixels, and the margin that they need. */
export function axisLabels(
  labels: readonly string[],
  room: number,
): { readonly margin: number; readonly shown: (label: string) => string } {
  const shown = (label: string) => shorten(label, room)
  return { margin: 14 + Math.max(0, ...labels.map(label => textWidth(shown(label)))), shown }
}

export interface LegendEntry {
  readonly label: string
  /** One of the classes `first`, `second`, `third`, `muted` of the style sheet. */
  readonly colour: 'first' | 'second' | 'third' | 'muted'
  readonly shape: 'circle' | 'triangle' | 'square' | 'bar'
}

export interface ChartText {
  readonly title: string
  /** One or two sentences that say what the chart shows: caption and text alternative in one. */
  readonly summary: string
  readonly legend?: readonly LegendEntry[]
  /** The figures behind the chart, from {@link table}. */
  readonly table?: Html
  /** Names the figure for style and tests. */
  readonly kind: string
  /** Wide charts scroll inside their frame instead of being scaled down. */
  readonly wide?: boolean
}

/** A figure: title, caption, legend, chart, and its figures as a table to unfold. */
export function chart(options: Plot.PlotOptions, text: ChartText): Html {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const svg = Plot.plot({
    width: width.half,
    ...options,
    document: document as unknown as Document,
    className: 'plot',
  })
  // The page's own style sheet styles charts; its content security policy admits no other.
  for (const style of svg.querySelectorAll('style')) style.remove()
  for (const styled of svg.querySelectorAll('[style]')) styled.removeAttribute('style')
  // The picture as a whole has its text alternative; names of the marks within would be read by nobody.
  for (const mark of svg.querySelectorAll('g[aria-label]')) mark.removeAttribute('aria-label')
  for (const link of svg.querySelectorAll('a')) link.setAttribute('tabindex', '-1')
  svg.setAttribute('font-size', '12')
  svg.removeAttribute('font-family')
  // An image has no parts; links within are parts.
  svg.setAttribute('role', svg.querySelector('a') === null ? 'img' : 'group')
  svg.setAttribute('aria-label', `${text.title}. ${text.summary}`)
  const frame = text.wide
    ? html`<div class="scroll" tabindex="0" role="region" aria-label="${text.title}">${new Html(svg.outerHTML)}</div>`
    : new Html(svg.outerHTML)
  return html`<figure class="chart${text.wide ? ' wide' : ''}" data-chart="${text.kind}">
<figcaption><h3>${text.title}</h3><p>${text.summary}</p></figcaption>
${text.legend && legend(text.legend)}
${frame}
${text.table && html`<details><summary>The figures</summary>${text.table}</details>`}
</figure>
`
}

function legend(entries: readonly LegendEntry[]): Html {
  const items = entries.map(
    entry =>
      html`<li><span class="key ${entry.shape} ${entry.colour}" aria-hidden="true"></span>${entry.label}</li>`,
  )
  return html`<ul class="legend">${items}</ul>`
}

export interface TableColumn<Row> {
  readonly head: Content
  readonly value: (row: Row) => Content
  /** Numbers are set flush right. Default false. */
  readonly numeric?: boolean
}

/** A table with a caption; the first column heads its rows. It scrolls sideways inside its frame where it must. */
export function table<Row>(
  caption: string,
  columns: readonly TableColumn<Row>[],
  rows: readonly Row[],
  more?: Content,
): Html {
  const numeric = (column: TableColumn<Row>) => column.numeric && html` class="number"`
  const heads = columns.map(column => html`<th scope="col"${numeric(column)}>${column.head}</th>`)
  const body = rows.map(row => {
    const cells = columns.map((column, i) =>
      i === 0
        ? html`<th scope="row"${numeric(column)}>${column.value(row)}</th>`
        : html`<td${numeric(column)}>${column.value(row)}</td>`,
    )
    return html`<tr>${cells}</tr>\n`
  })
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table>
<caption>${caption}</caption>
<thead><tr>${heads}</tr></thead>
<tbody>
${body}</tbody>
</table></div>
${more !== undefined && html`<p class="note">${more}</p>`}`
}
