import fc from 'fast-check'
import { parseHTML } from 'linkedom'
import { describe, expect, it } from 'vitest'
import { escapeHtml, html, jsonIsland, name } from '../../src/pages/html.js'

/** Any text that can be written as UTF-8 and that an HTML parser leaves as it is. */
const text = fc.string({ unit: 'grapheme' }).filter(value => !/[\0\r]/.test(value))
const hostile = fc.constantFrom(
  '<script>alert(1)</script>',
  '</script><script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '<!-- <script>',
  '&lt;&amp;',
)

describe('html', () => {
  it('leaves data as text, whatever it holds', () => {
    fc.assert(
      fc.property(fc.oneof(text, hostile), value => {
        const { document } = parseHTML(`<html><body>${html`<p title="${value}">${value}</p>`}</body></html>`)
        const body = document.body
        expect(body.children.length).toBe(1)
        expect(body.firstElementChild!.children.length).toBe(0)
        expect(body.firstElementChild!.textContent).toBe(value)
        expect(body.firstElementChild!.getAttribute('title')).toBe(value)
      }),
    )
  })

  it('takes markup, lists, numbers and nothing', () => {
    const items = ([1, 'a<b', undefined, false] as const).map(item => html`<li>${item}</li>`)
    expect(html`<ul>${items}${undefined}</ul>`.source).toBe(
      '<ul><li>1</li><li>a&lt;b</li><li></li><li></li></ul>',
    )
  })

  it('isolates names from the writing direction around them', () => {
    expect(name('\u202Eabc').source).toBe('<bdi>\u202Eabc</bdi>')
  })

  it('escapes every character that ends text or a quoted attribute', () => {
    expect(escapeHtml(`&<>"'`)).toBe('&amp;&lt;&gt;&quot;&#39;')
  })
})

describe('jsonIsland', () => {
  it('gives the same value back and never a tag', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), hostile), value => {
        const source = jsonIsland('island', value).source
        const inside = source.slice(source.indexOf('>') + 1, source.lastIndexOf('</script>'))
        expect(inside).not.toContain('<')
        // JSON has no −0.
        expect(JSON.parse(inside)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })
})
