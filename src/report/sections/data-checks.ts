/** What the checks of the data set itself found: duplicates, leaks, odd images, outliers. */

import { type Html, html } from '../../pages/html.js'
import type { DataChecks, ReportData } from '../data.js'
import { count, counted, percent } from '../format.js'
import type { Section } from './section.js'

const meanings: Readonly<Record<string, string>> = {
  blurry: 'far more blurred than the others',
  dark: 'nearly no pixel is bright',
  bright: 'nearly no pixel is dark',
  'low-information': 'hardly any variety of tones',
  'odd-size': 'half or twice the usual size, or beyond',
  'odd-aspect': 'half or twice as wide as usual for its height, or beyond',
  'exact-duplicate': 'the networks see the same of another example',
  'near-duplicate': 'looks nearly the same as another example',
  'duplicate-other-label': 'a duplicate has another given label',
  leak: 'a duplicate is in the other split',
  outlier: 'far from its neighbours in feature space, who are near to theirs',
  ambiguous: 'two classes are plausible',
}

/** Undefined where the pipeline leaves the checks out. */
export function dataChecks({ checks }: ReportData): Section | undefined {
  if (checks === undefined) return undefined
  const found = checks.hints.filter(({ bySplit }) => bySplit.some(examples => examples > 0))
  return {
    id: 'checks',
    title: 'Data checks',
    body: html`${warnings(checks)}${
      found.length === 0
        ? html`<p class="about">No example stands out, and none comes twice.</p>`
        : html`<p class="about">Hints by numbers alone, to look at, not verdicts; inspection.parquet has every example.</p>
<div class="scroll"><table><caption>Examples by hint</caption>
<thead><tr><th scope="col">Hint</th>${checks.splits.map(split => html`<th scope="col" class="number">${split}</th>`)}<th scope="col">Meaning</th></tr></thead>
<tbody>${found.map(
            ({ kind, bySplit }) =>
              html`<tr><th scope="row">${kind}</th>${bySplit.map(examples => html`<td class="number">${count(examples)}</td>`)}<td>${meanings[kind]}</td></tr>\n`,
          )}</tbody></table></div>`
    }
<p class="about">On average ${percent(checks.neighborAgreement)} of an example’s nearest neighbours in feature space
have its given label.</p>
`,
  }
}

function warnings({ leaks, otherLabel }: DataChecks): Html {
  return html`${
    leaks > 0 &&
    html`<p class="warning"><strong>${counted(leaks, 'example')} ${leaks === 1 ? 'has' : 'have'} a duplicate in the other
split.</strong> Test accuracy is flattered by what was seen in training: take them out of one split.</p>`
  }${
    otherLabel > 0 &&
    html`<p class="warning"><strong>${counted(otherLabel, 'example')} ${otherLabel === 1 ? 'has' : 'have'} a duplicate with
another label.</strong> At most one of the labels is right.</p>`
  }`
}
