/**
 * Draws the data set: train.parquet, test.parquet and their SHA256SUMS.
 *
 * `--check` draws it again and compares with what is committed, writing nothing.
 */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { drawGlyph, encodePng, JITTER } from './drawing.mjs'
import { CLASS_NAMES, fontFamilies, readGlyphs } from './fonts.mjs'
import { flipLabels } from './labels.mjs'
import { encodeExamples } from './parquet.mjs'
import { randomStream } from './random.mjs'

const SEED = 1
const SPLITS = ['train', 'test']

/** One example for each glyph of each face: no picture comes twice with nothing but other jitter. */
function drawSplit(split) {
  const families = fontFamilies().filter(family => family.split === split)
  return families.flatMap(({ family, kind, faces }) =>
    faces.flatMap(face =>
      readGlyphs(face).map(({ label, letterCase, outline }) => {
        const random = randomStream(SEED, `${face.name}/${CLASS_NAMES[label]}/${letterCase}`)
        const grey = drawGlyph(outline, {
          extent: random.between(JITTER.extent),
          shiftX: random.between(JITTER.shift),
          shiftY: random.between(JITTER.shift),
          turn: random.between(JITTER.turn),
        })
        const trueLabel = kind === 'letters' ? label : null
        return { bytes: encodePng(grey), label, trueLabel, kind, font: family, style: face.style, letterCase }
      }),
    ),
  )
}

/** Shuffled, then named by row, so that neither order nor path tells what a picture shows. */
function examplesOf(split) {
  const shuffled = randomStream(SEED, `${split}/order`).shuffle(drawSplit(split))
  const examples = shuffled.map((example, row) => ({
    ...example,
    path: `${split}/${String(row).padStart(5, '0')}.png`,
  }))
  return split === 'train' ? flipLabels(examples, CLASS_NAMES, randomStream(SEED, 'noise')) : examples
}

function describe(split, examples) {
  const count = predicate => examples.filter(predicate).length
  return {
    split,
    examples: examples.length,
    families: new Set(examples.map(({ font }) => font)).size,
    letters: count(({ kind }) => kind === 'letters'),
    'no letters': count(({ kind }) => kind === 'no letters'),
    'beyond recognition': count(({ kind }) => kind === 'beyond recognition'),
    'flipped labels': count(({ label, trueLabel }) => trueLabel !== null && trueLabel !== label),
  }
}

const here = name => new URL(name, import.meta.url)
const sumOf = (name, bytes) => `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`

const drawn = SPLITS.map(split => ({ split, name: `${split}.parquet`, examples: examplesOf(split) }))
const files = drawn.map(({ name, examples }) => ({ name, bytes: encodeExamples(examples) }))
const sums = files.map(({ name, bytes }) => sumOf(name, bytes)).join('')

if (process.argv.includes('--check')) {
  const stated = readFileSync(here('SHA256SUMS'), 'utf8')
  const committed = files.map(({ name }) => sumOf(name, readFileSync(here(name)))).join('')
  if (committed !== stated) throw new Error(`The Parquet files differ from SHA256SUMS:\n${committed}`)
  if (sums !== stated) throw new Error(`Drawn again, the Parquet files differ from SHA256SUMS:\n${sums}`)
} else {
  for (const { name, bytes } of files) writeFileSync(here(name), bytes)
  writeFileSync(here('SHA256SUMS'), sums)
}
console.table(drawn.map(({ split, examples }) => describe(split, examples)))
process.stdout.write(sums)
