/**
 * Prints a web page that shows what each face draws, at the data set's own size, to judge its kind by:
 * `npm run --silent sheet > sheet.html`
 */
import { drawGlyph, encodePng } from './drawing.mjs'
import { fontFamilies, readGlyphs } from './fonts.mjs'

const UPRIGHT = { extent: 20, shiftX: 0, shiftY: 0, turn: 0 }

function row({ family, kind, split }, face) {
  const images = readGlyphs(face).map(({ outline }) => {
    const png = Buffer.from(encodePng(drawGlyph(outline, UPRIGHT))).toString('base64')
    return `<img src="data:image/png;base64,${png}" width="56" alt="">`
  })
  return `<tr><td>${family}<td>${face.style}<td>${kind}<td>${split}<td>${images.join('')}`
}

const rows = fontFamilies().flatMap(family => family.faces.map(face => row(family, face)))
process.stdout.write(`<!doctype html><meta charset="utf-8"><title>Glyphs</title>
<style>img { image-rendering: pixelated }</style>
<table>${rows.join('\n')}</table>
`)
