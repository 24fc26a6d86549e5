/** The data set's table, in Hugging Face's image layout. */
import { Binary, Field, Int64, Schema, Struct, Table, tableToIPC, Utf8, vectorFromArray } from 'apache-arrow'
import { Compression, Table as ParquetTable, WriterPropertiesBuilder, writeParquet } from 'parquet-wasm/node'
import { CLASS_NAMES } from './fonts.mjs'

const ROWS_PER_GROUP = 2500

const IMAGE = new Struct([new Field('bytes', new Binary(), true), new Field('path', new Utf8(), true)])
const TEXT = { type: new Utf8(), feature: { dtype: 'string', _type: 'Value' } }
const CLASS = { type: new Int64(), feature: { names: CLASS_NAMES, _type: 'ClassLabel' } }

const COLUMNS = {
  image: { type: IMAGE, feature: { _type: 'Image' }, value: ({ bytes, path }) => ({ bytes, path }) },
  label: { ...CLASS, value: ({ label }) => BigInt(label) },
  true_label: { ...CLASS, value: ({ trueLabel }) => (trueLabel === null ? null : BigInt(trueLabel)) },
  font: { ...TEXT, value: ({ font }) => font },
  style: { ...TEXT, value: ({ style }) => style },
  letter_case: { ...TEXT, value: ({ letterCase }) => letterCase },
}

/** An object with the same keys, each value mapped. */
const mapValues = (object, map) =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value, key)]))

// `datasets` takes the class names and the image column from here, provided that every field is nullable; pyarrow
// reads it from the embedded Arrow schema, readers that know no Arrow schema from the file's own metadata.
const METADATA = new Map([
  ['huggingface', JSON.stringify({ info: { features: mapValues(COLUMNS, ({ feature }) => feature) } })],
])

const SCHEMA = new Schema(
  Object.entries(COLUMNS).map(([name, { type }]) => new Field(name, type, true)),
  METADATA,
)

/**
 * @param {{ bytes: Uint8Array, path: string, label: number, trueLabel: number | null, font: string, style: string,
 *   letterCase: string }[]} examples
 * @returns {Uint8Array} a Parquet file
 */
export function encodeExamples(examples) {
  const columns = mapValues(COLUMNS, ({ type, value }) => vectorFromArray(examples.map(value), type))
  const table = new Table(SCHEMA, columns)
  const properties = new WriterPropertiesBuilder()
    .setCompression(Compression.ZSTD)
    .setColumnDictionaryEnabled('image.bytes', false)
    .setColumnDictionaryEnabled('image.path', false)
    .setMaxRowGroupSize(ROWS_PER_GROUP)
    .setKeyValueMetadata(METADATA)
    .build()
  return writeParquet(ParquetTable.fromIPCStream(tableToIPC(table, 'stream')), properties)
}
