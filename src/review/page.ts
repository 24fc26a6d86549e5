/** The frame of the review's page; its script, `client/review-page.ts`, fills it. */
import { servedDocument } from '../pages/document.js'
import { html } from '../pages/html.js'
import { keys } from './client/review-page.js'
import type { states } from './queue.js'

const stateTitles: Readonly<Record<(typeof states)[number], string>> = {
  open: 'Not decided',
  mine: 'Not decided by me',
  decided: 'Decided',
  disputed: 'Reviewers disagree',
  any: 'All',
}

const kindTitles = {
  any: 'All',
  issue: 'Label issues',
  pie: 'PIEs',
  both: 'Label issues that are PIEs',
  'issue-only': 'Label issues that are no PIEs',
  'pie-only': 'PIEs that are no label issues',
} as const

const options = (titles: Readonly<Record<string, string>>) =>
  Object.entries(titles).map(([value, title]) => html`<option value="${value}">${title}</option>`)

/** The page, the same for every run but for its title. */
export function reviewPage(pipeline: string): string {
  return servedDocument({
    title: `${pipeline}: pieline review`,
    body: html`<a class="skip" href="#suspect">To the suspect</a>
<header class="top">
<h1 id="title">Review</h1>
<dl class="progress" id="progress" aria-label="Progress of the review"></dl>
<p class="advice" id="advice" role="status" hidden></p>
</header>
<main>
<details id="filter-box"><summary>Queue: <span id="queue-status" aria-live="polite">loading</span></summary>
<form id="filters" class="filters" aria-label="What the queue holds">
<label>State <select name="state">${options(stateTitles)}</select></label>
<label>Kind <select name="kind">${options(kindTitles)}</select></label>
<label>Issue <select name="issueKind"><option value="">any</option></select></label>
<label>Given <select name="given"><option value="">any class</option></select></label>
<label>Suggested <select name="suggested"><option value="">any class</option></select></label>
<label>Confusion <select name="pair"><option value="">any pair</option></select></label>
<label>Hint <select name="hint"><option value="">any or none</option></select></label>
<label>Split <select name="split"><option value="">any</option></select></label>
<label>Subgroup <select name="subgroup"><option value="">any</option></select></label>
<label>Search <input name="text" type="search" placeholder="part of an id, path or text" autocomplete="off" spellcheck="false"></label>
<button type="reset">Reset</button>
</form></details>
<div class="views" role="group" aria-label="View">
<button type="button" id="view-one" aria-pressed="true">One by one</button>
<button type="button" id="view-grid" aria-pressed="false">Grid</button>
<span id="saved" class="saved" role="status"></span>
</div>
<p id="trouble" class="trouble" role="alert" hidden></p>
<section id="suspect" class="suspect" tabindex="-1" aria-label="The suspect"></section>
<section id="grid" aria-label="Suspects to choose from" hidden>
<div class="chosen"><output id="chosen" aria-live="polite"></output>
<button type="button" id="choose-page" aria-keyshortcuts="x">Choose this page</button>
<button type="button" id="choose-all">Choose the whole queue</button>
<button type="button" id="choose-none">Choose none</button></div>
<ol id="cells" class="cards"></ol>
<nav class="pager" aria-label="Pages of the grid"><button type="button" id="previous-page">Previous</button>
<button type="button" id="next-page">Next</button></nav>
</section>
<div id="actions" class="actions" role="group" aria-label="Decide">${keys
      .filter(({ button }) => button)
      .map(
        ({ key, id, title }) =>
          html`<button type="button" id="act-${id}" aria-keyshortcuts="${key}"><kbd>${key}</kbd> <span>${title}</span></button>`,
      )}</div>
<div class="say"><label>Note <input id="note" maxlength="2000" autocomplete="off" placeholder="goes with the next decision"></label></div>
</main>
<dialog id="labels" aria-labelledby="labels-title">
<form method="dialog"><h2 id="labels-title">Another label</h2>
<input id="label-text" role="combobox" aria-label="Name of the class" aria-expanded="true" aria-controls="label-list" aria-autocomplete="list" autocomplete="off" spellcheck="false">
<ul id="label-list" role="listbox" aria-label="Classes"></ul>
<p class="note">Type a part of the name, arrows choose, Enter takes, Escape leaves.</p></form>
</dialog>
<dialog id="help" aria-labelledby="help-title">
<form method="dialog"><h2 id="help-title">Keys</h2><table><tbody>${keys.map(
      ({ key, title }) => html`<tr><th scope="row"><kbd>${key}</kbd></th><td>${title}</td></tr>`,
    )}</tbody></table><button>Close</button></form>
</dialog>
<p id="spoken" class="spoken" aria-live="polite"></p>`,
    withoutScript: 'The review needs JavaScript, or try "pieline review --terminal".',
  })
}
