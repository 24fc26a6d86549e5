/**
 * The folder of images that the tutorial cleans: `npx tsx docs/make-letters.ts letters 100 40` writes the first 100
 * glyphs of each given label as `letters/train/A/00001.png`, …, and 40 of each for testing as `letters/test/A/…`.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openTable } from '../src/pipeline/files.js'
import { imageColumn, numberColumn } from '../src/tables/columns.js'

const classNames = [...'ABCDEFGHIJ']

/**
 * Writes glyphs as `<folder>/<given label>/<row>.png`.
 * @param perClass examples of each class; fewer where there are not as many
 * @param classes how many of the ten
 */
export async function writeLetters(
  folder: string,
  part: 'train' | 'test',
  perClass: number,
  classes = classNames.length,
): Promise<void> {
  const counts = new Array<number>(classes).fill(0)
  for (const name of classNames.slice(0, classes)) await mkdir(join(folder, name), { recursive: true })
  const table = fileURLToPath(new URL(`../data/glyphs/${part}.parquet`, import.meta.url))
  let row = 0
  for await (const batch of openTable(table, { columns: ['image', 'label'] })) {
    const labels = numberColumn(batch, 'label')
    for (const [at, image] of imageColumn(batch, 'image').entries()) {
      const label = labels[at]!
      row++
      if (label >= classes || counts[label]++ >= perClass) continue
      const name = `${String(row).padStart(5, '0')}.png`
      await writeFile(join(folder, classNames[label], name), image!.bytes!)
    }
  }
}

if (process.argv[1] === import.meta.filename) {
  const [folder, train, test] = process.argv.slice(2)
  if (folder === undefined || train === undefined || test === undefined) {
    throw new Error(
      'usage: npx tsx docs/make-letters.ts <folder> <training images a class> <test images a class>',
    )
  }
  await writeLetters(join(folder, 'train'), 'train', Number(train))
  await writeLetters(join(folder, 'test'), 'test', Number(test))
}
