/** Writes the files of a version of a data set, and what takes them back. */
import { createWriteStream } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { RecordBatch } from 'apache-arrow'
import { readChunks } from '../dataset/file-bytes.js'
import { writeText } from '../pipeline/files.js'
import { linkFile } from '../pipeline/link.js'
import { encodeArrow } from '../tables/arrow.js'
import { encodeParquet } from '../tables/parquet.js'
import { takeRows } from '../tables/take.js'
import { type Edit, edited } from './edits.js'
import type { TableRewrite, VersionFile } from './layout.js'
import { formatUndo, type TableUndo, type UndoLine, undoOfEdits } from './undo.js'

export const dataFolder = 'data'
export const droppedFolder = 'dropped'
export const undoFile = 'undo.jsonl'

export interface VersionOptions {
  /** Folder in which all files of the original lie. */
  readonly base: string
  /** Copy files that stay as they are, in place of a hard link. */
  readonly copy: boolean
}

/** Writes the data of a version, what left it, and what takes it back. */
export async function writeVersion(
  folder: string,
  files: AsyncIterable<VersionFile>,
  { base, copy }: VersionOptions,
): Promise<void> {
  const place = (path: string) => relative(base, path).split(sep).join('/')
  const data = (path: string) => join(folder, dataFolder, place(path))
  const undo: UndoLine[] = []
  const written = new Set<string>()
  const dropped = new Set<string>()
  for await (const file of files) {
    const { kind, from } = file
    if (kind === 'dropped') dropped.add(from)
    if (kind === 'dropped' || written.has(from)) continue
    written.add(from)
    if (kind === 'same') await putFile(from, data(from), copy)
    else if (kind === 'moved') {
      await putFile(from, data(file.to), copy)
      undo.push({ moved: place(file.to), was: place(from) })
    } else if (kind === 'edited') {
      undo.push(undoOfEdits(place(from), await writeEdited(from, data(from), file.edits)))
    } else {
      const left = join(folder, droppedFolder, place(from))
      undo.push({ table: place(from), ...(await writeTableRewrite(file.table, data(from), left)) })
    }
  }
  for (const from of dropped) {
    if (written.has(from)) continue
    await putFile(from, join(folder, droppedFolder, place(from)), copy)
    undo.push({ dropped: place(from) })
  }
  await writeText(join(folder, undoFile), undo.map(formatUndo).join(''))
}

/** A file in another place, its folders made. */
export async function putFile(from: string, to: string, copy: boolean): Promise<void> {
  if (!copy) return linkFile(from, to)
  await mkdir(dirname(to), { recursive: true })
  await copyFile(from, to)
}

/** @returns the edits that take it back */
export async function writeEdited(from: string, to: string, edits: readonly Edit[]): Promise<Edit[]> {
  const undo: Edit[] = []
  await writeChunks(
    to,
    edited(readChunks(from), edits, edit => undo.push(edit)),
  )
  return undo
}

/** Writes bytes, compressed where the name ends in `.gz`. */
export async function writeChunks(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const file = createWriteStream(path, { flush: true })
  if (/\.gz$/i.test(path)) await pipeline(Readable.from(chunks), createGzip(), file)
  else await pipeline(Readable.from(chunks), file)
}

export const encodeTable = { parquet: encodeParquet, arrow: encodeArrow }

async function writeTableRewrite(
  { format, schema, label, rows, relabel, changes }: TableRewrite,
  path: string,
  droppedPath: string,
): Promise<Omit<TableUndo, 'table'>> {
  const relabeled: TableUndo['relabeled'] = []
  async function* kept(): AsyncGenerator<RecordBatch> {
    let begin = 0
    for await (const batch of rows()) {
      const column = batch.getChild(label)!
      const labels: number[] = []
      const stays: number[] = []
      for (let row = 0; row < batch.numRows; row++) {
        const change = changes.get(begin + row)
        if (change === null) continue
        if (change !== undefined) relabeled.push([begin + row, plainValue(column.get(row))])
        stays.push(row)
        labels.push(change ?? -1)
      }
      begin += batch.numRows
      yield relabel(stays.length === batch.numRows ? batch : takeRows(batch, stays), Int32Array.from(labels))
    }
  }
  async function* gone(): AsyncGenerator<RecordBatch> {
    let begin = 0
    for await (const batch of rows()) {
      const first = begin
      begin += batch.numRows
      const own = dropped.filter(row => row >= first && row < begin)
      if (own.length > 0)
        yield takeRows(
          batch,
          own.map(row => row - first),
        )
    }
  }
  const dropped = [...changes].flatMap(([row, to]) => (to === null ? [row] : [])).sort((a, b) => a - b)
  await writeChunks(path, encodeTable[format](schema, kept()))
  if (dropped.length > 0) await writeChunks(droppedPath, encodeTable[format](schema, gone()))
  return { format, label, relabeled, dropped }
}

function plainValue(value: unknown): TableUndo['relabeled'][number][1] {
  return typeof value === 'bigint' ? Number(value) : (value as string | number | boolean | null)
}
