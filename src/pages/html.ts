/** Text into HTML: everything put into a template is escaped unless it is {@link Html} itself. */

/** A piece of markup that is safe to put into a page as it is. */
export class Html {
  constructor(readonly source: string) {}

  toString(): string {
    return this.source
  }
}

/** What a template takes; `undefined` and `false` leave nothing. */
export type Content = Html | string | number | undefined | false | readonly Content[]

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** The text with the characters that mean something in HTML, in content and in quoted attributes, as entities. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => entities[character]!)
}

function toSource(content: Content): string {
  if (content instanceof Html) return content.source
  if (content === undefined || content === false) return ''
  if (typeof content === 'string' || typeof content === 'number') return escapeHtml(String(content))
  return content.map(toSource).join('')
}

/** Tag of a template whose values are escaped; attributes must be quoted. */
export function html(strings: TemplateStringsArray, ...values: Content[]): Html {
  return new Html(strings.reduce((source, text, i) => source + toSource(values[i - 1]) + text))
}

/** A name that comes from the data, isolated so that its writing direction cannot reorder what stands beside it. */
export function name(text: string): Html {
  return html`<bdi>${text}</bdi>`
}

/**
 * JSON inside a `<script type="application/json">` element. No `<` is left, so nothing in the data can end the
 * element or open a comment in it.
 */
export function jsonIsland(id: string, value: unknown): Html {
  const json = JSON.stringify(value).replaceAll('<', '\\u003c')
  return new Html(`<script type="application/json" id="${escapeHtml(id)}">${json}</script>`)
}
