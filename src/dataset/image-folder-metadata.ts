/**
 * Hugging Face's `imagefolder` with `metadata.jsonl`: a JSON object a line, whose `file_name` is the path of an image
 * from the folder of the file; all other keys are columns. (With `metadata.csv` it is CSV with paths.)
 * Format: huggingface.co/docs/datasets/image_dataset.
 */
import { DataError } from '../errors.js'
import {
  type AnnotatedImage,
  type AnnotationColumn,
  type AnnotationSet,
  annotationReader,
  imageFinder,
  isObject,
  parseJson,
} from './annotations.js'
import type { RawLabel, Reader, ReaderOptions, SourceFile } from './source.js'
import { readText } from './text-file.js'

export const metadataName = 'metadata.jsonl'

export const imageFolderReader = (files: readonly SourceFile[], options: ReaderOptions): Reader =>
  annotationReader('imagefolder', files, options, readMetadata)

async function readMetadata(file: SourceFile, allowOutside: boolean): Promise<AnnotationSet> {
  const rows = metadataLines(await readText(file.path)).map((line, row) => {
    const value = parseJson(line, file.path, row)
    if (isObject(value) && typeof value.file_name === 'string') return value
    throw new DataError('the line names no image', {
      file: file.path,
      row,
      key: 'file_name',
      mend: 'Every line is an object with the path of its image in "file_name".',
    })
  })
  const names = [...new Set(rows.flatMap(row => Object.keys(row)))].filter(
    name => name !== 'file_name' && name !== 'image',
  )
  const columns = names
    .filter(name => rows.every(row => isPlain(row[name])))
    .map((name): AnnotationColumn => ({ name, kind: kindOf(rows.map(row => row[name])) }))
  const fileOf = imageFinder(file, rows[0]?.file_name as string | undefined, ['.'], allowOutside)
  const images = rows.map((row): AnnotatedImage => {
    const path = row.file_name as string
    return { named: fileOf(path), path, values: columns.map(column => labelValue(row[column.name], column)) }
  })
  return { columns, images }
}

/** The lines that hold something. */
export const metadataLines = (text: string): string[] =>
  text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .filter(line => line.trim() !== '')

const isPlain = (value: unknown): boolean =>
  value === undefined || value === null || ['string', 'number', 'boolean'].includes(typeof value)

function kindOf(values: readonly unknown[]): AnnotationColumn['kind'] {
  const present = values.filter(value => value !== undefined && value !== null)
  if (present.length === 0 || !present.every(value => typeof value === 'number')) return 'text'
  return present.every(value => Number.isSafeInteger(value)) ? 'integer' : 'float'
}

function labelValue(value: unknown, { kind }: AnnotationColumn): RawLabel {
  if (value === undefined || value === null || value === '') return null
  return kind === 'text' ? String(value) : (value as number)
}
