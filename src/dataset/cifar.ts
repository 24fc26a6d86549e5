/**
 * CIFAR-10 and CIFAR-100, binary version: records of one label byte (CIFAR-100: coarse, then fine) and 3,072 bytes
 * of pixels, 32×32, all of red before all of green before all of blue. Classes are named in text files beside
 * them, one a line. Layout: www.cs.toronto.edu/~kriz/cifar.html.
 */
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { DataError } from '../errors.js'
import { type ArrayFile, arrayReader, channelsLast, type LabelArray } from './arrays.js'
import { FileBytes } from './file-bytes.js'
import type { Layout } from './layout.js'
import type { Reader, SourceFile } from './source.js'
import { readText } from './text-file.js'

const side = 32
const pixelBytes = side * side * 3
const recordsAtATime = 512

interface Variant {
  readonly name: string
  /** Label bytes in the order of a record. */
  readonly labels: readonly { readonly name: string; readonly classes: number; readonly names: string }[]
}

const cifar10: Variant = {
  name: 'CIFAR-10',
  labels: [{ name: 'label', classes: 10, names: 'batches.meta.txt' }],
}
const cifar100: Variant = {
  name: 'CIFAR-100',
  labels: [
    { name: 'coarse_label', classes: 20, names: 'coarse_label_names.txt' },
    { name: 'fine_label', classes: 100, names: 'fine_label_names.txt' },
  ],
}
const nameFiles = new Set([...cifar10.labels, ...cifar100.labels].map(({ names }) => names))

export const cifarLayout: Layout = {
  format: 'cifar',
  matches: name => /\.bin$/i.test(name),
  inputs(names, part) {
    const batches = names.filter(name =>
      (part === 'train' ? /^data_batch_\d+\.bin$/ : /^test_batch\.bin$/).test(name),
    )
    if (batches.length > 0) return batches
    // Other data sets have files of these names too.
    return names.includes('fine_label_names.txt') ? names.filter(name => name === `${part}.bin`) : []
  },
  companions: (_, names) => names.filter(name => nameFiles.has(name)),
}

export const cifarReader = (files: readonly SourceFile[]): Reader => arrayReader('cifar', files, openCifar)

async function openCifar(file: SourceFile): Promise<ArrayFile> {
  const { size } = await stat(file.path)
  const variant = variantOf(file, size)
  const labelBytes = variant.labels.length
  const recordBytes = labelBytes + pixelBytes
  const rows = Math.floor(size / recordBytes)
  if (size % recordBytes !== 0) {
    throw new DataError(
      `the file is cut off, or not of ${variant.name}’s binary layout: ${size} bytes are ${rows} records of ${recordBytes} bytes and ${size % recordBytes} more`,
      { file: file.path, row: rows, mend: 'Fetch the file again, or set another `dataset.format`.' },
    )
  }
  const labels = await Promise.all(
    variant.labels.map(async ({ name, names }): Promise<LabelArray> => {
      const classNames = await readNames(file, names)
      return { name, kind: 'integer', ...(classNames !== undefined && { classNames }) }
    }),
  )

  async function* blocks() {
    const bytes = new FileBytes(file.path)
    try {
      for (let row = 0; row < rows; ) {
        const block = await bytes.read(recordsAtATime * recordBytes)
        const count = Math.floor(block.length / recordBytes)
        if (count === 0)
          throw new DataError('the file became shorter while it was read', { file: file.path, row })
        const planar = new Uint8Array(count * pixelBytes)
        const values = labels.map(() => new Uint8Array(count))
        for (let record = 0; record < count; record++) {
          const start = record * recordBytes
          for (const [index, column] of values.entries()) column[record] = block[start + index]
          planar.set(block.subarray(start + labelBytes, start + recordBytes), record * pixelBytes)
        }
        for (const [index, column] of values.entries()) checkRange(column, index, row)
        yield { inputs: channelsLast(planar, 3, side * side), labels: values }
        row += count
      }
    } finally {
      await bytes.close()
    }
  }

  function checkRange(column: Uint8Array, index: number, firstRow: number): void {
    const { name, classes: published } = variant.labels[index]
    const classes = labels[index].classNames?.length ?? published
    const row = column.findIndex(label => label >= classes)
    if (row < 0) return
    throw new DataError(`the label ${column[row]} is beyond ${classes - 1}, the last of ${classes} classes`, {
      file: file.path,
      row: firstRow + row,
      key: name,
      mend: `Is this a file of ${variant.name}’s binary layout, with ${recordBytes} bytes a record?`,
    })
  }

  return { rows, input: { kind: 'image', height: side, width: side, channels: 3 }, labels, blocks }
}

/** By the published names, else by which size of record fits. */
function variantOf({ path }: SourceFile, size: number): Variant {
  const name = basename(path)
  if (/^(train|test)\.bin$/.test(name)) return cifar100
  if (/_batch(_\d+)?\.bin$/.test(name)) return cifar10
  const fits = ({ labels }: Variant) => size % (labels.length + pixelBytes) === 0
  return !fits(cifar10) && fits(cifar100) ? cifar100 : cifar10
}

async function readNames({ companions = [] }: SourceFile, name: string): Promise<string[] | undefined> {
  const file = companions.find(({ path }) => basename(path) === name)
  if (file === undefined) return undefined
  const lines = (await readText(file.path)).split('\n').map(line => line.trim())
  const names = lines.filter(line => line !== '')
  const twice = names.find((other, index) => names.indexOf(other) !== index)
  if (twice !== undefined)
    throw new DataError(`the class "${twice}" is named twice`, {
      file: file.path,
      mend: 'Fetch the file again: every class has a name of its own.',
    })
  return names
}
