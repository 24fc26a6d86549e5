/** What every page begins and ends with, whether it stands alone or is served. */
import { type Content, Html, html } from './html.js'

/** A page as a whole. */
export interface PageDocument {
  readonly title: string
  /** What the head has beside what every page has. */
  readonly head: Content
  readonly body: Content
}

/** The whole page as text. */
export function htmlDocument({ title, head, body }: PageDocument): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="pieline">
<title>${title}</title>
${head}
</head>
<body>
${body}
</body>
</html>
`.source
}

/** Where a page that is served has what belongs to it. */
export const parts = { script: '/page.js', style: '/page.css', icon: '/icon.svg' } as const

/** A page that is served; nothing in it runs or is styled inline. */
export interface ServedDocument {
  readonly title: string
  readonly body: Content
  /** What stands there for people whose browser runs no script. */
  readonly withoutScript: string
}

/** The whole page as text; its script and style lie beside it. */
export function servedDocument({ title, body, withoutScript }: ServedDocument): string {
  return htmlDocument({
    title,
    head: html`<link rel="stylesheet" href="${parts.style}">
<link rel="icon" type="image/svg+xml" href="${parts.icon}">`,
    body: html`${body}
<noscript><p class="trouble">${withoutScript}</p></noscript>
${new Html(`<script type="module" src="${parts.script}"></script>`)}`,
  })
}
