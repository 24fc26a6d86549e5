/**
 * Font files and the outlines in them.
 *
 * Outlines are taken straight from the font file's own character map, never through a text shaper, so a glyph
 * the font lacks is an error here instead of a silent substitute from another font.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import * as fontkit from 'fontkit'

const require = createRequire(import.meta.url)

export const CLASS_NAMES = [...'ABCDEFGHIJ']
export const CASES = ['upper', 'lower']

/**
 * The families of fonts.json, each with the faces it contributes.
 *
 * A face is one font file read through one code page: the offset between an ASCII letter and the character that
 * the font keeps in its place. It is 0 for a font that encodes letters, and, for a symbol font, the start of one of
 * its blocks (as in symbol-encoded TrueType, where the character in the place of `A` is U+F041).
 *
 * @returns {{ family: string, licence: string, kind: string, split: 'train' | 'test',
 *   faces: { name: string, style: string, path: string, codePage: number }[] }[]}
 */
export function fontFamilies() {
  const entries = JSON.parse(readFileSync(new URL('fonts.json', import.meta.url), 'utf8'))
  return entries.map(entry => {
    const folder = dirname(require.resolve(`${entry.package}/package.json`))
    const { family, files } = entry.file
      ? { family: entry.family, files: [{ style: '400 normal', file: entry.file }] }
      : fontsourceFamily(folder, entry)
    const faces = files.flatMap(({ style, file }) =>
      (entry.codePages ?? ['0']).map(page => {
        const name = `${entry.package}/${file}`
        const codePage = Number.parseInt(page, 16)
        return {
          name: codePage ? `${name}#${page}` : name,
          style: codePage ? `${style} U+${page}` : style,
          path: join(folder, file),
          codePage,
        }
      }),
    )
    return { family, licence: entry.licence, kind: entry.kind, split: entry.split, faces }
  })
}

/**
 * The twenty outlines of a face, in class order, upper case first.
 *
 * @returns {{ label: number, letterCase: string, outline: object }[]} `outline` is a fontkit path in font units
 * @throws {Error} where the font has no glyph, or an empty one, for a character
 */
export function readGlyphs(face) {
  const font = fontkit.create(readFileSync(face.path))
  return CASES.flatMap(letterCase =>
    CLASS_NAMES.map((name, label) => {
      const character = letterCase === 'upper' ? name : name.toLowerCase()
      const codePoint = face.codePage + character.codePointAt(0)
      const outline = font.hasGlyphForCodePoint(codePoint) && font.glyphForCodePoint(codePoint).path
      if (!outline || !(outline.bbox.width > 0 || outline.bbox.height > 0)) {
        throw new Error(`${face.name} draws nothing for U+${codePoint.toString(16).toUpperCase()}`)
      }
      return { label, letterCase, outline }
    }),
  )
}

/** A Fontsource package's name for its family, and the files of all weights and styles that fonts.json admits. */
function fontsourceFamily(folder, { subset = 'latin', weights }) {
  const { id, family } = JSON.parse(readFileSync(join(folder, 'metadata.json'), 'utf8'))
  const name = new RegExp(`^${id}-${subset}-(\\d+)-(\\w+)\\.woff2$`)
  const files = readdirSync(join(folder, 'files'))
    .sort()
    .map(file => name.exec(file))
    .filter(match => match && (weights ?? [Number(match[1])]).includes(Number(match[1])))
    .map(([file, weight, style]) => ({ style: `${weight} ${style}`, file: `files/${file}` }))
  return { family, files }
}
