/**
 * CSV with a header: columns of features, or of paths of images relative to the folder of the file. Fields lie between
 * commas, or what the header has in their place; with semicolons, numbers may have decimal commas. Quoting as RFC 4180
 * has it; every row has as many fields as the header.
 */
import { dirname } from 'node:path'
import { pipeline, Readable } from 'node:stream'
import { Field, Float64, Int64, Schema, Utf8 } from 'apache-arrow'
import { CsvError, parse } from 'csv-parse'
import { DataError } from '../errors.js'
import { recordBatch } from '../tables/columns.js'
import { type Delimiter, delimiterOf, saveAsUtf8 } from './delimiter.js'
import { readChunks } from './file-bytes.js'
import { namedFile } from './named-file.js'
import {
  type ColumnKind,
  isImageFile,
  type RawExample,
  type RawImage,
  type Reader,
  type ReaderOptions,
  type Roles,
  type SourceFile,
  type TextTypes,
} from './source.js'

const batchRows = 1024
/** Rows looked at to tell what a column holds. */
const sampleRows = 100
/** Longest row in characters, and longest line in bytes; a quote that is never closed swallows the rest of the file. */
const longestRow = 16 << 20
const mostColumns = 1 << 17

export function csvReader(
  files: readonly SourceFile[],
  { allowOutside }: Pick<ReaderOptions, 'allowOutside'> = { allowOutside: false },
): Reader {
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
    for await (const found of batches()) if (found.rows.length > 0) return found
    throw new DataError('there is a header, and no row', { file: files[0].path })
  }

  async function schema(types: TextTypes): Promise<Schema> {
    const { header } = await sample()
    return new Schema(header.map(name => new Field(name, typeOf(name, types), true)))
  }

  return {
    async describe() {
      const { header, rows, numberOf } = await sample()
      const columns = header.map((name, index) => ({
        name,
        kind: kindOf(
          rows.slice(0, sampleRows).map(row => row[index]),
          numberOf,
        ),
      }))
      return { format: 'csv', files, columns }
    },
    async *examples(roles) {
      for await (const rows of batches()) yield examplesOf(rows, roles, allowOutside)
    },
    schema,
    async *rows(types) {
      const own = await schema(types)
      for await (const { header, rows, numberOf } of batches()) {
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
  /** The number that a field is, as this file writes numbers. */
  readonly numberOf: (text: string) => number
}

/** The rows some at a time; a file of a header alone gives one empty batch. */
async function* readRows(file: SourceFile): AsyncGenerator<Rows> {
  const delimiter = await delimiterOf(file.path)
  const numberOf = numbersBetween(delimiter)
  const parser = pipeline(
    Readable.from(boundedLines(file)),
    parse({
      bom: true,
      delimiter,
      skip_empty_lines: true,
      max_record_size: longestRow,
    }),
    // Errors also end the iteration below, which is where they are dealt with.
    () => {},
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
        yield { file, header, firstRow: row - batch.length, rows: batch, numberOf }
        batch = []
      }
    }
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause
    throw damaged(cause, file)
  }
  if (header === undefined) throw new DataError('the file is empty', { file: file.path })
  if (batch.length > 0 || row === 0)
    yield { file, header, firstRow: row - batch.length, rows: batch, numberOf }
}

/** The bytes of a file. The parser counts what stands in fields: of delimiters alone it would take any number. */
async function* boundedLines({ path }: SourceFile): AsyncGenerator<Uint8Array> {
  let length = 0
  for await (const chunk of readChunks(path)) {
    const last = Math.max(chunk.lastIndexOf(lineFeed), chunk.lastIndexOf(carriageReturn))
    length = last < 0 ? length + chunk.length : chunk.length - last - 1
    if (length > longestRow) throw new DataError(endless, { file: path, mend: wellFormed })
    yield chunk
  }
}

const [lineFeed, carriageReturn] = [0x0a, 0x0d]
const endless = 'the row does not end: a quote may be open'
const wellFormed = 'Every row needs as many fields as the header; quotes within a quoted field are doubled.'

function checkedHeader(header: string[], file: SourceFile): string[] {
  if (header.length > mostColumns) {
    throw new DataError(`there are ${header.length} columns, more than ${mostColumns}`, {
      file: file.path,
      mend: 'Write so many features as one column of lists, in Parquet.',
    })
  }
  const names = new Set<string>()
  for (const name of header) {
    if (isGarbled(name)) throw garbled(`a column is named "${name}"`, { file: file.path })
    if (names.has(name)) {
      throw new DataError(`two columns are named "${name}"`, { file: file.path, mend: 'Rename one of them.' })
    }
    names.add(name)
  }
  return header
}

/** Whether a text had bytes that are no UTF-8. */
const isGarbled = (text: string): boolean => text.includes('\uFFFD')

const garbled = (what: string, place: { readonly file: string; readonly row?: number }): DataError =>
  new DataError(`${what}: the file is not UTF-8`, { ...place, mend: saveAsUtf8 })

function damaged(cause: CsvError, file: SourceFile): DataError {
  // Records that were read before, the header among them.
  const row = Number(cause.records) - 1
  const reasons: Partial<Record<CsvError['code'], string>> = {
    CSV_RECORD_INCONSISTENT_FIELDS_LENGTH: 'the row has more or fewer fields than the header',
    CSV_QUOTE_NOT_CLOSED: 'a quote is opened and never closed: the file may be cut off',
    CSV_INVALID_CLOSING_QUOTE: 'text follows a closing quote',
    INVALID_OPENING_QUOTE: 'a quote stands in the middle of a field',
    CSV_MAX_RECORD_SIZE: endless,
  }
  return new DataError(reasons[cause.code] ?? cause.message, {
    file: file.path,
    ...(row >= 0 ? { row } : {}),
    mend: wellFormed,
    cause,
  })
}

const typeOf = (name: string, { numbers, integers }: TextTypes) =>
  integers.has(name) ? new Int64() : numbers.has(name) ? new Float64() : new Utf8()

function kindOf(values: readonly string[], numberOf: Rows['numberOf']): ColumnKind {
  const present = values.filter(value => value !== '')
  if (present.length === 0) return 'text'
  if (present.every(value => isImageFile(value))) return 'image'
  return present.every(value => !Number.isNaN(numberOf(value)) || /^nan$/i.test(value)) ? 'number' : 'text'
}

const numbersBetween =
  (delimiter: Delimiter) =>
  (text: string): number =>
    numberIn(delimiter === ';' ? text.replace(decimalComma, '$1.$2') : text)

const decimalComma = /^(\s*[+-]?\d*),(\d+)/

/** NaN for what is no number, or missing. Infinity has several spellings. */
function numberIn(text: string): number {
  const trimmed = text.trim()
  if (trimmed === '') return Number.NaN
  const infinity = /^([+-]?)inf(inity)?$/i.exec(trimmed)
  if (infinity !== null) return infinity[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return Number(trimmed)
}

function examplesOf(
  { file, header, firstRow, rows, numberOf }: Rows,
  roles: Roles,
  allowOutside: boolean,
): RawExample[] {
  const index = (name: string) => header.indexOf(name)
  const label = index(roles.label)
  const trueLabel = roles.trueLabel === undefined ? -1 : index(roles.trueLabel)
  const id = roles.id === undefined ? -1 : index(roles.id)
  const groups = roles.groups.map(index)
  const { content } = roles
  const columns = (content.kind === 'image' ? [content.column] : content.columns).map(index)
  const folder = dirname(file.path)
  const textOrNull = (text: string): string | null => (text === '' ? null : text)
  const labelOf = (row: readonly string[], offset: number): string | null => {
    const text = row[label]
    if (isGarbled(text)) throw garbled(`the label is "${text}"`, { file: file.path, row: firstRow + offset })
    return textOrNull(text)
  }
  return rows.map((row, offset) => ({
    file,
    row: firstRow + offset,
    label: labelOf(row, offset),
    trueLabel: trueLabel < 0 ? undefined : textOrNull(row[trueLabel]),
    id: id < 0 ? undefined : textOrNull(row[id]),
    groups: groups.map(column => textOrNull(row[column])),
    ...(content.kind === 'image'
      ? { image: imageAt(row[columns[0]], folder, allowOutside, { file: file.path, row: firstRow + offset }) }
      : { features: Float32Array.from(columns, column => numberOf(row[column])) }),
  }))
}

/** @throws DataError if the path leads out of the folder of the file */
function imageAt(
  path: string,
  folder: string,
  allowOutside: boolean,
  place: { readonly file: string; readonly row: number },
): RawImage {
  if (path === '') return { bytes: null, path: null }
  return { bytes: null, path, named: namedFile(path, folder, allowOutside, place) }
}
