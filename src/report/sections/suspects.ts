/** The gallery of the most suspicious examples: its first page as it stands, the rest as data for the client script. */
import { parseHTML } from 'linkedom'
import { Html, html, jsonIsland } from '../../pages/html.js'
import {
  type GalleryData,
  kinds,
  noFilter,
  orders,
  pageSize,
  select,
  suspectElements,
} from '../client/gallery.js'
import type { ReportData } from '../data.js'
import { count, counted } from '../format.js'
import type { Section } from './section.js'

/** Pictures up to this side are enlarged pixel by pixel instead of blurred. */
const pixelatedSide = 64

export function suspects(data: ReportData): Section {
  const { listed, total } = data.suspects
  const gallery = galleryData(data)
  const title = 'Suspects'
  const id = 'suspects'
  if (listed.length === 0) {
    return { id, title, body: html`<p class="about">No example is a label issue or a PIE.</p>` }
  }
  const pictures = Object.keys(gallery.pictures).length
  return {
    id,
    title,
    body: html`<p class="about">${counted(data.suspects.issues, 'label issue')} and
${counted(data.suspects.pies, 'PIE')}, ${count(total)} examples in all, most suspicious first.${
      listed.length < total &&
      ` Listed here are ${count(listed.length)}; pies.parquet has all ${count(total)}.`
    }${
      gallery.form === 'pictures' &&
      pictures < listed.length &&
      ` The report carries ${counted(pictures, 'picture')} to stay small enough to send; the others are in pies.parquet.`
    }</p>
<ul class="legend">
<li><span class="vote given" aria-hidden="true"></span>a level votes for the given label</li>
<li><span class="vote suggested" aria-hidden="true"></span>for the suggested one</li>
<li><span class="vote other" aria-hidden="true"></span>for another</li>
<li class="order">levels in the order ${gallery.levels.join(', ')}</li>
</ul>
<p class="note" id="needs-script">Sorting, filtering and paging need JavaScript; without it, the first
${Math.min(pageSize, listed.length)} are shown.</p>
${filters(gallery)}
<div class="scroll"><div id="gallery">${firstPage(gallery)}</div></div>
<nav id="pager" class="pager" aria-label="Pages of suspects" hidden>
<button type="button" id="previous">Previous</button>
<label>Page <input id="page" type="number" min="1" value="1" inputmode="numeric"></label> <span id="pages"></span>
<button type="button" id="next">Next</button>
</nav>
<dialog id="detail" aria-labelledby="detail-title">
<div class="dialog-bar"><button type="button" id="detail-previous">Previous</button>
<span id="detail-place" aria-live="polite"></span>
<button type="button" id="detail-next">Next</button>
<button type="button" id="detail-close">Close</button></div>
<div id="detail-content"></div>
</dialog>
${jsonIsland('suspects-data', gallery)}
`,
  }
}

const kindTitles: Readonly<Record<(typeof kinds)[number], string>> = {
  any: 'All',
  issue: 'Label issues',
  pie: 'PIEs',
  both: 'Label issues that are PIEs',
  'issue-only': 'Label issues that are no PIEs',
  'pie-only': 'PIEs that are no label issues',
}

const orderTitles: Readonly<Record<(typeof orders)[number], string>> = {
  suspicion: 'Most suspicious first',
  quality: 'Lowest label quality',
  probability: 'Surest suggestion',
  disagreement: 'Largest disagreement',
  levels: 'PIE at most levels',
  given: 'Given label',
  suggested: 'Suggested label',
  id: 'Example id',
}

function filters({ texts }: GalleryData): Html {
  return html`<form id="filters" class="filters" aria-label="Filter and sort the suspects" hidden>
<label>Given <select id="filter-given"><option value="">any class</option></select></label>
<label>Suggested <select id="filter-suggested"><option value="">any class</option></select></label>
<label>Kind <select id="filter-kind">${kinds.map(kind => html`<option value="${kind}">${kindTitles[kind]}</option>`)}</select></label>
<label>Hint <select id="filter-hint"><option value="">any or none</option></select></label>
<label>PIE at <select id="filter-level"><option value="">any level or none</option></select></label>
<label>Sort by <select id="filter-order">${orders.map(order => html`<option value="${order}">${orderTitles[order]}</option>`)}</select></label>
<label>${texts === undefined ? 'Id' : 'Search'} <input id="filter-text" type="search" placeholder="part of an id${texts !== undefined && ' or text'}" autocomplete="off" spellcheck="false"></label>
<button type="reset">Reset</button>
<output id="gallery-status" aria-live="polite"></output>
</form>`
}

function firstPage(gallery: GalleryData): Html {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const rows = select(gallery, noFilter).slice(0, pageSize)
  return new Html(suspectElements(document as unknown as Document, gallery, rows).outerHTML)
}

/** Three significant digits are all that is shown. */
function rounded(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(3)) : null
}

const bit = (value: boolean): 0 | 1 => (value ? 1 : 0)

function galleryData({ classNames, input, splits, suspects }: ReportData): GalleryData {
  const { listed } = suspects
  return {
    classNames,
    levels: splits[0]!.levels.map(level => level.name),
    form: input.kind === 'image' ? 'pictures' : 'features',
    pixelated: input.kind === 'image' && Math.max(input.height, input.width) <= pixelatedSide,
    featureNames: suspects.featureNames,
    id: listed.map(({ id }) => id),
    split: listed.map(({ split }) => split),
    given: listed.map(({ given }) => given),
    suggested: listed.map(({ suggested }) => suggested),
    suggestedProbability: listed.map(({ suggestedProbability }) => rounded(suggestedProbability)),
    labelQuality: listed.map(({ labelQuality }) => rounded(labelQuality)),
    disagreement: listed.map(({ disagreement }) => rounded(disagreement)),
    issue: listed.map(({ issue }) => bit(issue)),
    hints: listed.map(({ hints }) => hints),
    modal: listed.map(({ votes }) => votes.map(({ modal }) => modal)),
    agreement: listed.map(({ votes }) => votes.map(({ agreement }) => rounded(agreement) ?? 0)),
    pie: listed.map(({ votes }) => votes.map(({ pie }) => bit(pie))),
    ...(listed.some(({ text }) => text !== undefined) && {
      texts: Object.fromEntries(listed.flatMap(({ text }, row) => (text === undefined ? [] : [[row, text]]))),
    }),
    pictures: Object.fromEntries(
      listed.flatMap(({ picture }, row) => (picture === undefined ? [] : [[row, picture]])),
    ),
    features: Object.fromEntries(
      listed.flatMap(({ features }, row) =>
        features === undefined ? [] : [[row, features.map(v => rounded(v) ?? 0)]],
      ),
    ),
  }
}
