/** From a new version and what it keeps of its changes back to the original. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { DataType, type RecordBatch, type Schema, vectorFromArray } from 'apache-arrow'
import { arrowReader } from '../dataset/arrow.js'
import { replaceColumn } from '../dataset/original.js'
import { parquetReader } from '../dataset/parquet.js'
import { ConfigError } from '../errors.js'
import { writeFolder } from '../pipeline/whole-folder.js'
import { RowReader } from '../tables/row-reader.js'
import { editsOfUndo, parseUndo, type TableUndo } from './undo.js'
import {
  dataFolder,
  droppedFolder,
  encodeTable,
  putFile,
  undoFile,
  writeChunks,
  writeEdited,
} from './version.js'

/**
 * Writes the original of a version that `apply` wrote: the same files, with the same bytes but for tables, which are
 * encoded anew with the same rows, and compressed files, which hold the same bytes.
 * @param version its folder
 * @param output the folder to make
 * @returns how many files differ from the version
 * @throws ConfigError if it is no such version, or the output is there already
 */
export async function revertVersion(version: string, output: string, copy: boolean): Promise<number> {
  const data = join(version, dataFolder)
  const undoPath = join(version, undoFile)
  const text = await readFile(undoPath, 'utf8').catch(cause => {
    throw new ConfigError('is no version that "pieline apply" wrote', {
      file: version,
      mend: `It would hold ${undoFile} and the folder ${dataFolder}.`,
      cause,
    })
  })
  const undo = parseUndo(text, undoPath)
  const moved = new Map(undo.flatMap(line => ('moved' in line ? [[line.moved, line.was] as const] : [])))
  const edits = new Map(undo.flatMap(line => ('edited' in line ? [[line.edited, line.edits] as const] : [])))
  const tables = new Map(undo.flatMap(line => ('table' in line ? [[line.table, line] as const] : [])))
  const dropped = undo.flatMap(line => ('dropped' in line && !('table' in line) ? [line.dropped] : []))
  await writeFolder(output, [resolve(version)], async partial => {
    for (const name of await filesIn(data)) {
      const [from, to] = [join(data, name), join(partial, moved.get(name) ?? name)]
      const [edit, table] = [edits.get(name), tables.get(name)]
      if (edit !== undefined) await writeEdited(from, to, editsOfUndo(edit))
      else if (table !== undefined) {
        await restoreTable(from, join(version, droppedFolder, name), to, table)
      } else await putFile(from, to, copy)
    }
    for (const name of dropped) await putFile(join(version, droppedFolder, name), join(partial, name), copy)
  })
  return undo.length
}

/** Paths of the files in a folder, with forward slashes. */
async function filesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true })
  const found = await Promise.all(
    names.map(async name => ((await stat(join(folder, name))).isFile() ? [name.split(sep).join('/')] : [])),
  )
  return found.flat().sort()
}

const readers = { parquet: parquetReader, arrow: arrowReader }
const noTypes = { numbers: new Set<string>(), integers: new Set<string>() }

async function restoreTable(from: string, droppedPath: string, to: string, undo: TableUndo): Promise<void> {
  const { format } = undo
  const open = (path: string) => readers[format]([{ path, name: undo.table }])
  const reader = open(from)
  const schema = await reader.schema(noTypes)
  const gone = new RowReader(undo.dropped.length > 0 ? open(droppedPath).rows(noTypes) : none())
  try {
    await writeChunks(to, encodeTable[format](schema, restoredRows(schema, reader.rows(noTypes), gone, undo)))
  } finally {
    await gone.close()
  }
}

async function* none(): AsyncGenerator<RecordBatch> {}

/** The rows of the original, in its order. */
async function* restoredRows(
  schema: Schema,
  rows: AsyncIterable<RecordBatch>,
  gone: RowReader,
  { label, relabeled, dropped }: TableUndo,
): AsyncGenerator<RecordBatch> {
  const was = new Map(relabeled)
  const index = schema.fields.findIndex(({ name }) => name === label)
  const { type } = schema.fields[index]
  const labelValue = (value: unknown) =>
    DataType.isInt(type) && type.bitWidth === 64 ? BigInt(value as number) : value
  let row = 0
  let next = 0
  async function* returning(): AsyncGenerator<RecordBatch> {
    for (; dropped[next] === row; next++, row++) yield* await gone.take(1)
  }
  for await (const batch of rows) {
    for (let begin = 0; begin < batch.numRows; ) {
      yield* returning()
      const end = next < dropped.length ? Math.min(batch.numRows, begin + dropped[next] - row) : batch.numRows
      const part = batch.slice(begin, end)
      const column = part.getChildAt(index)!
      const first = row
      const changes = Array.from({ length: part.numRows }, (_, at) => was.has(first + at))
      yield changes.includes(true)
        ? replaceColumn(
            schema,
            part,
            index,
            vectorFromArray(
              changes.map((isOther, at) => (isOther ? labelValue(was.get(first + at)) : column.get(at))),
              type,
            ),
          )
        : part
      row += part.numRows
      begin = end
    }
  }
  yield* returning()
}
