/** CSV: the fields of labels are written over, all else keeps its bytes; lines of dropped examples go. */
import { delimiterOf } from '../dataset/delimiter.js'
import { readChunks } from '../dataset/file-bytes.js'
import type { Change } from './changes.js'
import { type CsvRecord, csvRecords, fieldOf, fieldText } from './csv-records.js'
import type { Edit } from './edits.js'
import { referencedImages } from './images.js'
import { changesByFile, checkLabel, type Layout } from './layout.js'

export const rewriteCsv: Layout = async function* (source, changes) {
  const byFile = changesByFile(changes)
  for (const { path, name } of source.files) {
    const own = byFile.get(name) ?? []
    const edits = own.length === 0 ? [] : await csvEdits(path, source.info, own)
    yield edits.length === 0 ? { kind: 'same', from: path } : { kind: 'edited', from: path, edits }
  }
  yield* referencedImages(source, changes)
}

interface LabeledAs {
  readonly classLabels: readonly (string | number)[]
  readonly source: { readonly label: string }
}

/** @param changes those of this file */
async function csvEdits(path: string, info: LabeledAs, changes: readonly Change[]): Promise<Edit[]> {
  const delimiter = await delimiterOf(path)
  const byRow = new Map(changes.map(change => [change.row, change]))
  const found: { readonly record: CsvRecord; readonly change: Change }[] = []
  // How the file itself writes each class: "3" or "3.0".
  const spellings = new Map<string, string>()
  const classOf = new Map(info.classLabels.map((label, index) => [label, index]))
  const areNumbers = typeof info.classLabels[0] === 'number'
  let column = -1
  let row = -1
  for await (const record of csvRecords(readChunks(path), delimiter)) {
    if (row === -1) column = record.fields.findIndex((_, at) => fieldText(record, at) === info.source.label)
    else if (column < record.fields.length) {
      const text = fieldText(record, column)
      const index = classOf.get(areNumbers ? Number(text) : text)
      if (index !== undefined && !spellings.has(String(index))) spellings.set(String(index), text)
      const change = byRow.get(row)
      if (change !== undefined) {
        checkLabel(index === change.from, path, change, info.source.label)
        found.push({ record: { ...record, bytes: Buffer.from(record.bytes) }, change })
      }
    }
    row++
  }
  return found.map(({ record, change }) => {
    if (change.to === null) {
      return { offset: record.start, length: record.bytes.length, bytes: new Uint8Array(0) }
    }
    const [start, end] = record.fields[column]
    const text = spellings.get(String(change.to)) ?? String(info.classLabels[change.to])
    const wasQuoted = record.bytes[start] === 0x22
    const bytes = Buffer.from(fieldOf(text, delimiter, wasQuoted))
    return { offset: record.start + start, length: end - start, bytes }
  })
}
