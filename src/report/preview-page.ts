/** The first results of a run that goes on: which labels the dense members alone doubt. */

import { html, name } from '../pages/html.js'
import { table } from './chart.js'
import { count, counted, fraction, percent } from './format.js'
import { renderPage } from './page.js'
import { type SuspectCard, suspectCards } from './suspect-cards.js'

export interface PreviewSuspect extends Omit<SuspectCard, 'picture' | 'badge'> {
  readonly split: string
  readonly probability: number
  readonly picture?: string
  /** The beginning of the text that people see. */
  readonly text?: string
}

export interface PreviewData {
  readonly pipeline: string
  readonly examples: number
  readonly members: number
  readonly issues: number
  /** Estimated number of wrong labels, with its 95 % interval for chance alone. */
  readonly wrong: { readonly count: number; readonly low: number; readonly high: number }
  /** The first of the label issues, most suspicious first. */
  readonly suspects: readonly PreviewSuspect[]
}

const tableRows = 200

/** The page. Same data, same bytes; every string of the data is escaped. */
export function previewPage(data: PreviewData): string {
  const { pipeline, examples, members, issues, wrong, suspects } = data
  const cards = suspects.flatMap(({ picture, ...card }) =>
    picture === undefined ? [] : [{ ...card, picture }],
  )
  const shown = suspects.slice(0, tableRows)
  return renderPage({
    title: `${pipeline}: first results`,
    hero: html`<header class="hero">
<p class="eyebrow">pieline, first results <span aria-hidden="true">·</span> ${name(pipeline)}</p>
<h1>${count(issues)} of ${count(examples)} labels look wrong so far.</h1>
<div class="lead"><p class="caution">Preliminary: ${counted(members, 'dense member')} alone judged, and the run goes on.
The report at its end has the compressed levels too, and its list may differ.</p>
<p>About ${count(Math.round(wrong.count))} labels are estimated to be wrong (95 % interval for chance alone:
${count(Math.round(wrong.low))} to ${count(Math.round(wrong.high))}).</p></div>
</header>`,
    sections: [
      {
        id: 'suspects',
        title: 'Most suspicious labels',
        body: html`${cards.length > 0 && suspectCards(cards, 'Label issues, most suspicious first')}
${table(
  'Label issues, most suspicious first',
  [
    {
      head: 'Example',
      value: ({ id, text }) =>
        text === undefined ? name(id) : html`${name(id)}<p class="text" dir="auto">${text}</p>`,
    },
    { head: 'Split', value: ({ split }) => split },
    { head: 'Given', value: ({ given }) => name(given) },
    { head: 'Suggested', value: ({ suggested }) => name(suggested) },
    { head: 'Probability', numeric: true, value: ({ probability }) => percent(probability) },
    { head: 'Label quality', numeric: true, value: ({ quality }) => fraction(quality) },
  ],
  shown,
  issues > shown.length
    ? `The first ${count(shown.length)} of ${count(issues)}; preview.parquet has them all.`
    : undefined,
)}`,
      },
    ],
    origin: 'Made by pieline while the run went on.',
  })
}
