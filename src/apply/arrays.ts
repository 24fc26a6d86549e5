/** CIFAR's binary files, IDX and npy: labels are written over in place; of dropped examples the bytes go. */
import { FileBytes } from '../dataset/file-bytes.js'
import { DataError } from '../errors.js'
import { parseNpyHeader } from '../tables/npy.js'
import type { Change } from './changes.js'
import type { Edit } from './edits.js'
import { changesByFile, checkLabel, type Layout, type PartSource, type VersionFile } from './layout.js'

/** A file of rows of equal size behind a header. */
interface RowFile {
  readonly path: string
  readonly header: Uint8Array
  readonly rowBytes: number
  /** The header of a file of fewer rows, just as long. */
  headerOf(rows: number): Uint8Array
  readonly rows: number
}

/** Where a row of a file has its label. */
interface LabelPlace {
  readonly offset: number
  readonly length: number
  encode(label: string | number, change: Change): Uint8Array
}

interface LabeledFiles {
  /** Files whose rows go with a dropped example: inputs, labels. */
  readonly files: readonly RowFile[]
  /** The one of them that holds the labels, and where in its rows. */
  readonly labels: RowFile
  readonly place: LabelPlace
}

const rewriteArrays = (open: (source: PartSource, at: number) => Promise<LabeledFiles>): Layout =>
  async function* (source, changes) {
    const byFile = changesByFile(changes)
    for (const [at, { path, name, companions = [] }] of source.files.entries()) {
      const own = [...(byFile.get(name) ?? [])].sort((a, b) => a.row - b.row)
      const paths = [path, ...companions.map(companion => companion.path)]
      const opened = own.length === 0 ? undefined : await open(source, at)
      if (opened !== undefined) await checkLabels(source, opened, own)
      for (const from of paths) {
        const file = opened?.files.find(other => other.path === from)
        const edits = file === undefined ? [] : await rowEdits(source, opened!, file, own)
        yield (edits.length === 0 ? { kind: 'same', from } : { kind: 'edited', from, edits }) as VersionFile
      }
    }
  }

async function rowEdits(
  { info }: PartSource,
  { labels, place }: LabeledFiles,
  file: RowFile,
  changes: readonly Change[],
): Promise<Edit[]> {
  const dropped = changes.filter(({ to }) => to === null)
  const start = file.header.length
  const header =
    dropped.length === 0 || start === 0
      ? []
      : [{ offset: 0, length: start, bytes: file.headerOf(file.rows - dropped.length) }]
  const rows = changes.flatMap(change => {
    const offset = start + change.row * file.rowBytes
    if (change.to === null) return [{ offset, length: file.rowBytes, bytes: new Uint8Array(0) }]
    if (file !== labels) return []
    const bytes = place.encode(info.classLabels[change.to], change)
    return [{ offset: offset + place.offset, length: place.length, bytes }]
  })
  return [...header, ...rows]
}

/** @throws DataError if the labels that are to change are not those that the run read */
async function checkLabels(
  { info }: PartSource,
  { labels, place }: LabeledFiles,
  changes: readonly Change[],
): Promise<void> {
  const bytes = new FileBytes(labels.path)
  try {
    await bytes.read(labels.header.length)
    let row = 0
    for (const change of changes) {
      for (; row < change.row; row++) await bytes.read(labels.rowBytes)
      const record = await bytes.read(labels.rowBytes)
      row++
      const expected = place.encode(info.classLabels[change.from], change)
      const found = record.subarray(place.offset, place.offset + place.length)
      checkLabel(Buffer.compare(found, expected) === 0, labels.path, change, info.source.label)
    }
  } finally {
    await bytes.close()
  }
}

const cifarPixels = 3072

export const rewriteCifar = rewriteArrays(async ({ files, info }, at) => {
  const names = info.source.columns.filter(name => name !== 'image')
  const rowBytes = names.length + cifarPixels
  const file = {
    path: files[at].path,
    header: new Uint8Array(0),
    rowBytes,
    rows: 0,
    headerOf: () => new Uint8Array(0),
  }
  return { files: [file], labels: file, place: bytePlace(names.indexOf(info.source.label)) }
})

const bytePlace = (offset: number): LabelPlace => ({
  offset,
  length: 1,
  encode: label => Uint8Array.of(Number(label)),
})

export const rewriteIdx = rewriteArrays(async ({ files }, at) => {
  const { path, companions = [] } = files[at]
  const inputs = await idxFile(path)
  const labels = await idxFile(companions[0].path)
  return { files: [inputs, labels], labels, place: bytePlace(0) }
})

async function idxFile(path: string): Promise<RowFile> {
  const bytes = new FileBytes(path)
  try {
    const magic = await bytes.read(4)
    const dimensions = await bytes.read(4 * magic[3])
    const header = Buffer.concat([magic, dimensions])
    const sizes = Array.from({ length: magic[3] }, (_, index) => header.readUInt32BE(4 + 4 * index))
    const headerOf = (rows: number) => {
      const changed = Buffer.from(header)
      changed.writeUInt32BE(rows, 4)
      return changed
    }
    const rowBytes = sizes.slice(1).reduce((product, size) => product * size, 1)
    return { path, header, rowBytes, rows: sizes[0], headerOf }
  } finally {
    await bytes.close()
  }
}

export const rewriteNpy = rewriteArrays(async ({ files }, at) => {
  const { path, companions = [] } = files[at]
  const inputs = await npyFile(path)
  const { description, ...labels } = await npyFile(companions[0].path)
  const place = {
    offset: 0,
    length: labels.rowBytes,
    encode: (label: string | number) => npyValue(description, labels, label),
  }
  return { files: [inputs, labels], labels, place }
})

async function npyFile(path: string): Promise<RowFile & { readonly description: string }> {
  const bytes = new FileBytes(path)
  try {
    const start = await bytes.read(4096)
    const { description, shape, offset } = parseNpyHeader(start)
    const header = Buffer.from(start.subarray(0, offset))
    const [, type, size] = /^[<|>](.)(\d+)$/.exec(description)!
    const valueBytes = type === 'U' ? 4 * Number(size) : Number(size)
    const rowBytes = shape.slice(1).reduce((product, length) => product * length, valueBytes)
    function headerOf(rows: number): Uint8Array {
      const text = header.toString('latin1')
      const shorter = text.replace(/('shape':\s*\(\s*)\d+/, `$1${rows}`).trimEnd()
      return Buffer.from(`${shorter.padEnd(offset - 1)}\n`, 'latin1')
    }
    return { path, header, rowBytes, rows: shape[0], headerOf, description }
  } finally {
    await bytes.close()
  }
}

/** @throws DataError if text has more characters than the array holds */
function npyValue(description: string, { path, rowBytes }: RowFile, label: string | number): Uint8Array {
  const bytes = Buffer.alloc(rowBytes)
  const kind = description[1]
  if (kind === 'U') {
    const characters = [...String(label)]
    if (4 * characters.length > rowBytes) {
      throw new DataError(`the array holds ${rowBytes / 4} characters a label, "${label}" has more`, {
        file: path,
        mend: `Save the labels as .astype("<U${characters.length}"), and run the pipeline again.`,
      })
    }
    for (const [at, character] of characters.entries()) bytes.writeUInt32LE(character.codePointAt(0)!, 4 * at)
  } else if (kind === 'f') {
    if (rowBytes === 4) bytes.writeFloatLE(Number(label))
    else bytes.writeDoubleLE(Number(label))
  } else if (rowBytes === 8) bytes.writeBigInt64LE(BigInt(label))
  else if (kind === 'i') bytes.writeIntLE(Number(label), 0, rowBytes)
  else bytes.writeUIntLE(Number(label), 0, rowBytes)
  return bytes
}
