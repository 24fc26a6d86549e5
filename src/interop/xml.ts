/**
 * XML as programs write it: elements, attributes, text and the entities of XML itself. Document types, and with them
 * entities of one's own, are refused: nobody needs them here, and they are how XML is abused.
 */
import { DataError } from '../errors.js'

export interface XmlElement {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly XmlElement[]
  /** All text directly in it, without the spaces around it. */
  readonly text: string
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const signs: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Text as it stands between tags or in an attribute. */
export const escapeXml = (text: string): string => text.replace(/[&<>"]/g, sign => signs[sign])

/** A tag, text up to the next one, or what is passed over: declarations, comments, CDATA's frame is kept as text. */
const token =
  /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[(?<data>[\s\S]*?)\]\]>|<(?<close>\/)?(?<name>[\w:.-]+)(?<attributes>(?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(?<empty>\/)?>|(?<text>[^<]+)/y
const attribute = /([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g

/** The element that holds all others. @throws DataError that names the line of what is no such XML */
export function readXml(source: string, file: string): XmlElement {
  const root = element('', {})
  const open = [root]
  token.lastIndex = source.startsWith('\ufeff') ? 1 : 0
  while (token.lastIndex < source.length) {
    const at = token.lastIndex
    const damaged = (what: string) =>
      new DataError(`this is no XML: ${what} in line ${source.slice(0, at).split('\n').length}`, { file })
    const found = token.exec(source)
    if (found === null) throw damaged('something that is no tag')
    const { data, close, name, attributes, empty, text } = found.groups!
    const current = open[open.length - 1]
    if (data !== undefined) current.text += data
    if (text !== undefined) current.text += decoded(text, damaged)
    if (name === undefined) continue
    if (close !== undefined) {
      if (open.length === 1 || current.name !== name) throw damaged(`</${name}> without its beginning`)
      current.text = current.text.trim()
      open.pop()
      continue
    }
    const child = element(
      name,
      Object.fromEntries(
        [...attributes.matchAll(attribute)].map(([, key, double, single]) => [
          key,
          decoded(double ?? single, damaged),
        ]),
      ),
    )
    current.children.push(child)
    if (empty === undefined) open.push(child)
  }
  if (open.length > 1)
    throw new DataError(`this is no whole XML: <${open.at(-1)!.name}> does not end`, { file })
  const [only, ...more] = root.children
  if (only === undefined || more.length > 0 || root.text.trim() !== '') {
    throw new DataError('this is no XML: one element holds all others', { file })
  }
  return only
}

interface OpenElement extends XmlElement {
  readonly children: XmlElement[]
  text: string
}

const element = (name: string, attributes: Readonly<Record<string, string>>): OpenElement => ({
  name,
  attributes,
  children: [],
  text: '',
})

function decoded(text: string, damaged: (what: string) => DataError): string {
  return text.replace(/&(#x?)?([^;&]*);?/g, (whole, number: string | undefined, name: string) => {
    const code = number === undefined ? undefined : Number.parseInt(name, number === '#' ? 10 : 16)
    const character =
      code === undefined ? entities[name] : code <= 0x10ffff ? String.fromCodePoint(code) : undefined
    if (character === undefined || !whole.endsWith(';')) throw damaged(`the entity ${whole}`)
    return character
  })
}
