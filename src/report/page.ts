/** The frame of a page that stands alone: one file, its own style and script and nothing from anywhere. */
import { createHash } from 'node:crypto'
import { htmlDocument } from '../pages/document.js'
import { Html, html } from '../pages/html.js'
import type { Section } from './sections/section.js'
import { styleSheet } from './style-sheet.js'

export interface PageContent {
  readonly title: string
  /** What stands above the first section. */
  readonly hero: Html
  readonly sections: readonly Section[]
  /** What the page was made from, in a sentence. */
  readonly origin: string
  /** JavaScript of the page; its content security policy admits it alone. */
  readonly script?: string
}

/** The whole page as text. */
export function renderPage({ title, hero, sections, origin, script }: PageContent): string {
  const policy = [
    "default-src 'none'",
    'img-src data:',
    `style-src '${digest(styleSheet)}'`,
    `script-src ${script === undefined ? "'none'" : `'${digest(script)}'`}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  return htmlDocument({
    title,
    head: html`<meta http-equiv="Content-Security-Policy" content="${policy}">
<link rel="icon" href="data:,">
<style>${new Html(styleSheet)}</style>`,
    body: html`<a class="skip" href="#content">Skip to the content</a>
<nav class="contents" aria-label="Sections"><ul>
${sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>\n`)}</ul></nav>
<main id="content">
${hero}
${sections.map(
  ({ id, title, body }) => html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${body}</section>
`,
)}</main>
<footer><p>${origin} The page loads nothing from anywhere.</p></footer>
${script !== undefined && html`<script type="module">${new Html(script)}</script>`}`,
  })
}

/** A hash source of a content security policy. */
function digest(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
