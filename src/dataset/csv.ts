/**
 * CSV (and, by its ending, tab-separated values) with a header: columns of features, or of paths of images
 * relative to the folder of the file. Quoting as RFC 4180 has it; every row has as many fields as the header.
 */
import { createReadStream } from 'node:fs'
import { dirname, isAbsolute, relative, resolve } from 'node:path'
import { Field, Float64, Int64, Schema, Utf8 } from 'apache-arrow'
import { CsvError, parse } from 'csv-parse'
import { DataError } from '../errors.js'
import { recordBatch } from '../tables/columns.js'
import {
  type ColumnKind,
  isImageFile,
  type RawExample,
  type RawImage,
  type Reader,
  type Roles,
  type SourceFile,
  type TextTypes,
} from './source.js'

const batchRows = 1024
/** Rows looked at to tell what a column holds. */
const sampleRows = 100
/** Longest row in characters; a quote that is never closed swallows the rest of the file. */
const longestRow = 16 << 20

export function csvReader(files: readonly SourceFile[]): Reader {
  async function* batches(): AsyncGenerator<Rows> {
    const [first] = files
    let header: readonly string[] | undefined
    for (const file of files) {
      for await (const rows of readRows(file)) {
        header ??= rows.header
        if (rows.header.join('\0') !== header.join('\0')) {
          throw new DataError(`the shard has other columns than ${first.name}: ${rows.header.join(', ')}`, {
            file: file.path,
            mend: `All shards need the columns ${header.join(', ')}.`,
          })
        }
        yield rows
      }
    }
  }

  async function sample(): Promise<Rows> {
    for await (const rows of batches()) return rows
    throw new DataError('the file is empty', { file: files[0].path })
  }

  async function schema(types: TextTypes): Promise<Schema> {
    const { header } = await sample()
    return new Schema(header.map(name => new Field(name, typeOf(name, types), true)))
  }

  return {
    async describe() {
      const { header, rows } = await sample()
      const columns = header.map((name, index) => ({
        name,
        kind: kindOf(rows.slice(0, sampleRows).map(row => row[index])),
      }))
      return { format: 'csv', files, columns }
    },
    async *examples(roles) {
      for await (const rows of batches()) yield examplesOf(rows, roles)
    },
    schema,
    async *rows(types) {
      const own = await schema(types)
      for await (const { header, rows } of batches()) {
        const columns = header.map((name, index) => {
          const texts = rows.map(row => (row[index] === '' ? null : row[index]))
          const isNumber = types.numbers.has(name) || types.integers.has(name)
          return [name, isNumber ? texts.map(text => (text === null ? null : numberOf(text))) : texts]
        })
        yield recordBatch(own, Object.fromEntries(columns))
      }
    },
  }
}

interface Rows {
  readonly file: SourceFile
  readonly header: readonly string[]
  /** Row of the file, from 0 after the header, at which these begin. */
  readonly firstRow: number
  readonly rows: readonly (readonly string[])[]
}

/** The rows some at a time; a file of a header alone gives one empty batch. */
async function* readRows(file: SourceFile): AsyncGenerator<Rows> {
  const parser = createReadStream(file.path).pipe(
    parse({
      bom: true,
      delimiter: file.path.toLowerCase().endsWith('.tsv') ? '\t' : ',',
      skip_empty_lines: true,
      max_record_size: longestRow,
    }),
  )
  let header: string[] | undefined
  let row = 0
  let batch: string[][] = []
  try {
    for await (const record of parser as AsyncIterable<string[]>) {
      if (header === undefined) {
        header = checkedHeader(record, file)
        continue
      }
      batch.push(record)
      row++
      if (batch.length === batchRows) {
        yield { file, header, firstRow: row - batch.length, rows: batch }
        batch = []
      }
    }
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause
    throw damaged(cause, file)
  }
  if (header === undefined) throw new DataError('the file is empty', { file: file.path })
  if (batch.length > 0 || row === 0) yield { file, header, firstRow: row - batch.length, rows: batch }
}

function checkedHeader(header: string[], file: SourceFile): string[] {
  const twice = header.find((name, index) => header.indexOf(name) !== index)
  if (twice === undefined) return header
  throw new DataError(`two columns are named "${twice}"`, { file: file.path, mend: 'Rename one of them.' })
}

function damaged(cause: CsvError, file: SourceFile): DataError {
  // Records that were read before, the header among them.
  const row = Number(cause.records) - 1
  const reasons: Partial<Record<CsvError['code'], string>> = {
    CSV_RECORD_INCONSISTENT_FIELDS_LENGTH: 'the row has more or fewer fields than the header',
    CSV_QUOTE_NOT_CLOSED: 'a quote is opened and never closed: the file may be cut off',
    CSV_INVALID_CLOSING_QUOTE: 'text follows a closing quote',
    INVALID_OPENING_QUOTE: 'a quote stands in the middle of a field',
    CSV_MAX_RECORD_SIZE: 'the row does not end: a quote may be open',
  }
  return new DataError(reasons[cause.code] ?? cause.message, {
    file: file.path,
    ...(row >= 0 ? { row } : {}),
    mend: 'Every row needs as many fields as the header; quotes within a quoted field are doubled.',
    cause,
  })
}

const typeOf = (name: string, { numbers, integers }: TextTypes) =>
  integers.has(name) ? new Int64() : numbers.has(name) ? new Float64() : new Utf8()

function kindOf(values: readonly string[]): ColumnKind {
  const present = values.filter(value => value !== '')
  if (present.length === 0) return 'text'
  if (present.every(value => isImageFile(value))) return 'image'
  return present.every(value => !Number.isNaN(numberOf(value)) || /^nan$/i.test(value)) ? 'number' : 'text'
}

/** NaN for what is no number, or missing. Infinity has several spellings. */
function numberOf(text: string): number {
  const trimmed = text.trim()
  if (trimmed === '') return Number.NaN
  const infinity = /^([+-]?)inf(inity)?$/i.exec(trimmed)
  if (infinity !== null) return infinity[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return Number(trimmed)
}

function examplesOf({ file, header, firstRow, rows }: Rows, roles: Roles): RawExample[] {
  const index = (name: string) => header.indexOf(name)
  const label = index(roles.label)
  const trueLabel = roles.trueLabel === undefined ? -1 : index(roles.trueLabel)
  const id = roles.id === undefined ? -1 : index(roles.id)
  const groups = roles.groups.map(index)
  const { content } = roles
  const columns = (content.kind === 'image' ? [content.column] : content.columns).map(index)
  const folder = dirname(file.path)
  const textOrNull = (text: string): string | null => (text === '' ? null : text)
  return rows.map((row, offset) => ({
    file,
    row: firstRow + offset,
    label: textOrNull(row[label]),
    trueLabel: trueLabel < 0 ? undefined : textOrNull(row[trueLabel]),
    id: id < 0 ? undefined : textOrNull(row[id]),
    groups: groups.map(column => textOrNull(row[column])),
    ...(content.kind === 'image'
      ? { image: imageAt(row[columns[0]], folder, file, firstRow + offset) }
      : { features: Float32Array.from(columns, column => numberOf(row[column])) }),
  }))
}

/** @throws DataError if the path leads out of the folder of the file */
function imageAt(path: string, folder: string, file: SourceFile, row: number): RawImage {
  if (path === '') return { bytes: null, path: null }
  const absolute = resolve(folder, path)
  const inside = relative(folder, absolute)
  if (inside.startsWith('..') || isAbsolute(inside)) {
    throw new DataError(`the path ${path} leads out of the data folder`, {
      file: file.path,
      row,
      mend: 'Images lie in or under the folder of the CSV file.',
    })
  }
  return { bytes: null, path, file: absolute }
}
