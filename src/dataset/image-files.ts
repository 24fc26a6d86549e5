/** Image files as rows of a table. */
import { type Field, type RecordBatch, Schema } from 'apache-arrow'
import { DataError } from '../errors.js'
import { type ColumnValues, type ImageValue, recordBatch } from '../tables/columns.js'
import { readNamedImage } from './named-file.js'
import type { NamedFile } from './source.js'

const batchRows = 256
const batchBytes = 16 << 20

export interface ImageFile {
  readonly named: NamedFile
  /** Path by which the table knows it. */
  readonly path: string
}

/**
 * Columns with Hugging Face's types for them, so that `datasets` shows the images and knows the classes by name. It
 * takes them for nullable fields alone.
 */
export function imageSchema(
  fields: readonly Field[],
  classNames: Readonly<Record<string, readonly string[]>> = {},
): Schema {
  const classes = Object.entries(classNames).map(([name, names]) => [name, { names, _type: 'ClassLabel' }])
  const features = { image: { _type: 'Image' }, ...Object.fromEntries(classes) }
  return new Schema([...fields], new Map([['huggingface', JSON.stringify({ info: { features } })]]))
}

/**
 * The images of some rows in a column `image`, a bounded number of bytes at a time.
 * @param others the other columns of these rows
 * @throws DataError if a file is not there
 */
export async function* imageBatches<T extends ImageFile>(
  schema: Schema,
  rows: readonly T[],
  others: (rows: readonly T[]) => Record<string, ColumnValues>,
): AsyncGenerator<RecordBatch> {
  let image: ImageValue[] = []
  let bytesHeld = 0
  let start = 0
  for (const [index, { named, path }] of rows.entries()) {
    const bytes = await readNamedImage(named, path).catch(cause => {
      if (cause instanceof DataError) throw cause
      throw new DataError('the image file cannot be read', { file: named.file, cause })
    })
    image.push({ bytes, path })
    bytesHeld += bytes.length
    if (image.length < batchRows && bytesHeld < batchBytes && index < rows.length - 1) continue
    yield recordBatch(schema, { image, ...others(rows.slice(start, index + 1)) })
    image = []
    bytesHeld = 0
    start = index + 1
  }
}
