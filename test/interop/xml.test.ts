import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DataError } from '../../src/errors.js'
import { escapeXml, readXml } from '../../src/interop/xml.js'

const read = (text: string) => readXml(text, 'some.xml')

test('text and attributes come back as they were', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      const { attributes, children } = read(`<a b="${escapeXml(text)}"><c>x${escapeXml(text)}x</c></a>`)
      expect([attributes.b, children[0]!.text]).toEqual([text, `x${text}x`])
    }),
  )
})

test('declarations, comments, CDATA and entities are understood', () => {
  const source = `\ufeff<?xml version="1.0"?>\n<!-- <a> -->\n<a b='"1"' c = "&lt;&#65;&#x42;"><![CDATA[<&>]]> <d/>&amp;</a>\n`
  expect(read(source)).toEqual({
    name: 'a',
    attributes: { b: '"1"', c: '<AB' },
    children: [{ name: 'd', attributes: {}, children: [], text: '' }],
    text: '<&> &',
  })
})

test.each([
  ['', 'one element holds all others'],
  ['<a/><b/>', 'one element holds all others'],
  ['<a><b></a></b>', '</a> without its beginning in line 1'],
  ['<a>\n<b', 'something that is no tag in line 2'],
  ['<a>', '<a> does not end'],
  ['<a b=c/>', 'something that is no tag'],
  ['<a>&b;</a>', 'the entity &b;'],
  ['<a>& b</a>', 'the entity'],
  ['<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 'something that is no tag'],
  ['{"a": 1}', 'one element holds all others'],
])('%j is refused', (text, message) => {
  expect(() => read(text)).toThrow(DataError)
  expect(() => read(text)).toThrow(message)
})
