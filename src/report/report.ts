/** The report: one self-contained HTML page that needs no network and no server. */
import { createHash } from 'node:crypto'
import type { ReportData } from './data.js'
import { Html, html } from './html.js'
import { classImpact } from './sections/class-impact.js'
import { dataChecks } from './sections/data-checks.js'
import { headline } from './sections/headline.js'
import { labelQuality } from './sections/label-quality.js'
import { levels } from './sections/levels.js'
import { pieStability } from './sections/pie-stability.js'
import { reading } from './sections/reading.js'
import { retraining } from './sections/retraining.js'
import { robustness } from './sections/robustness.js'
import type { Section } from './sections/section.js'
import { suspects } from './sections/suspects.js'
import { styleSheet } from './style-sheet.js'

export interface ReportOptions {
  /** JavaScript of the page, from `clientScript()`; the page has a content security policy that admits it alone. */
  readonly script: string
}

/**
 * The whole page. Same data, same bytes; every string of the data is escaped.
 */
export function renderReport(data: ReportData, { script }: ReportOptions): string {
  const sections = [
    suspects(data),
    labelQuality(data),
    dataChecks(data),
    levels(data),
    classImpact(data),
    pieStability(data),
    robustness(data),
    retraining(data),
    reading(data),
  ].filter((section): section is Section => section !== undefined)
  const policy = [
    "default-src 'none'",
    'img-src data:',
    `style-src '${digest(styleSheet)}'`,
    `script-src '${digest(script)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="pieline">
<title>${data.pipeline}: pieline report</title>
<link rel="icon" href="data:,">
<style>${new Html(styleSheet)}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<nav class="contents" aria-label="Sections"><ul>
${sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>\n`)}</ul></nav>
<main id="content">
${headline(data)}
${sections.map(
  ({ id, title, body }) => html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${body}</section>
`,
)}</main>
<footer><p>Made by pieline from the tables of this run. The page loads nothing from anywhere.</p></footer>
<script type="module">${new Html(script)}</script>
</body>
</html>
`.source
}

/** A hash source of a content security policy. */
function digest(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
