/** Pictures of label issues beside each other, on pages without a script. */

import { type Content, type Html, html } from '../pages/html.js'
import { fraction } from './format.js'

/** Cards that a page shows at most. */
export const shownCards = 48

export interface SuspectCard {
  readonly id: string
  /** Names of the given and of the suggested label. */
  readonly given: string
  readonly suggested: string
  readonly quality: number
  /** Data URI. */
  readonly picture: string
  readonly badge?: Content
}

/** @param title names the list for people who hear the page */
export function suspectCards(cards: readonly SuspectCard[], title: string): Html {
  return html`<ol class="cards" aria-label="${title}">
${cards.map(
  ({ id, given, suggested, quality, picture, badge }) => html`<li><div class="card">
<img class="picture pixelated" src="${picture}" alt="Example ${id}" loading="lazy">
<span class="verdict"><bdi class="given">${given}</bdi> <span class="arrow" aria-hidden="true">→</span> <bdi class="suggested">${suggested}</bdi></span>
<span class="quality">quality ${fraction(quality)}</span>
<span class="marks"><span class="badges">${badge}</span></span>
</div></li>
`,
)}</ol>
`
}
