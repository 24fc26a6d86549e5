/**
 * What CIFAR's binary files, IDX and npy have in common: an array of inputs (images without encoding, or vectors
 * of features) and one or more arrays of labels. A format says how to open a file; the rest is here.
 */
import { type DataType, Field, Int64, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import { ConfigError, DataError } from '../errors.js'
import { type ColumnValues, type ImageValue, recordBatch } from '../tables/columns.js'
import { imageType, vectorType } from '../tables/schemas.js'
import { encodedImage } from './images.js'
import { mapOrdered } from './ordered.js'
import type { Format, Pixels, RawExample, RawLabel, Reader, Roles, SourceFile } from './source.js'
import { inFlight } from './survey.js'

export type ArrayInput =
  | ({ readonly kind: 'image' } & Omit<Pixels, 'data'>)
  | { readonly kind: 'features'; readonly features: number }

export interface LabelArray {
  readonly name: string
  readonly kind: 'integer' | 'text'
  /** Names of the classes whose indexes the labels are. */
  readonly classNames?: readonly string[]
}

/** A file as its header describes it. */
export interface ArrayFile {
  readonly rows: number
  readonly input: ArrayInput
  /** One at least. */
  readonly labels: readonly LabelArray[]
  /** All rows in order, some at a time. @throws DataError where the file is not what its header says */
  blocks(): AsyncIterable<ArrayBlock>
}

export interface ArrayBlock {
  /** [rows, height, width, channels] or [rows, features] */
  readonly inputs: Uint8Array | Float32Array
  /** [labels][rows] */
  readonly labels: readonly (ArrayLike<number> | readonly string[])[]
}

/** A reader of files whose inputs have the shape of the first. */
export function arrayReader(
  format: Format,
  files: readonly SourceFile[],
  open: (file: SourceFile) => Promise<ArrayFile>,
): Reader {
  async function* blocks(): AsyncGenerator<PlacedBlock> {
    for (const file of files) {
      const array = await open(file)
      let firstRow = 0
      for await (const block of array.blocks()) {
        yield { ...block, file, firstRow, array }
        firstRow += block.labels[0].length
      }
    }
  }

  return {
    async describe() {
      const arrays = await Promise.all(files.map(open))
      const [{ input, labels }] = arrays
      for (const [index, array] of arrays.entries()) checkSameShape(input, array.input, files, index)
      return {
        format,
        files,
        columns: [
          { name: inputName(input), kind: input.kind === 'image' ? 'image' : 'vector' },
          ...labels.map(({ name, classNames }) => ({
            name,
            kind: 'text' as const,
            ...(classNames !== undefined && { classNames }),
          })),
        ],
        rows: arrays.reduce((sum, { rows }) => sum + rows, 0),
      }
    },
    async *examples(roles) {
      for await (const block of blocks()) yield examplesOf(block, roles)
    },
    schema: async () => schemaOf(await open(files[0])),
    async *rows() {
      const schema = schemaOf(await open(files[0]))
      for await (const block of blocks()) yield await tableOf(block, schema)
    },
  }
}

interface PlacedBlock extends ArrayBlock {
  readonly file: SourceFile
  readonly firstRow: number
  readonly array: ArrayFile
}

const inputName = ({ kind }: ArrayInput): string => (kind === 'image' ? 'image' : 'features')

const shapeText = (input: ArrayInput): string =>
  input.kind === 'image'
    ? `images of ${input.height}×${input.width} pixels in ${input.channels === 1 ? 'grey' : 'colour'}`
    : `rows of ${input.features} features`

function checkSameShape(
  first: ArrayInput,
  other: ArrayInput,
  files: readonly SourceFile[],
  index: number,
): void {
  const [expected, found] = [shapeText(first), shapeText(other)]
  if (expected === found) return
  throw new DataError(`the file holds ${found}, ${files[0].name} ${expected}`, {
    file: files[index].path,
    mend: 'All files of a part need inputs of one shape.',
  })
}

function examplesOf({ inputs, labels, file, firstRow, array }: PlacedBlock, roles: Roles): RawExample[] {
  const { input } = array
  const columnOf = (name: string) => array.labels.findIndex(label => label.name === name)
  const textOf = (column: number, row: number): string => {
    const value = labels[column][row]
    return array.labels[column].classNames?.[Number(value)] ?? String(value)
  }
  const label = columnOf(roles.label)
  const trueLabel = roles.trueLabel === undefined ? undefined : columnOf(roles.trueLabel)
  const id = roles.id === undefined ? undefined : columnOf(roles.id)
  const groups = roles.groups.map(columnOf)
  return Array.from(
    { length: labels[0].length },
    (_, row): RawExample => ({
      file,
      row: firstRow + row,
      label: labelOf(labels[label][row]),
      trueLabel: trueLabel === undefined ? undefined : labelOf(labels[trueLabel][row]),
      id: id === undefined ? undefined : textOf(id, row),
      groups: groups.map(column => textOf(column, row)),
      ...(input.kind === 'image'
        ? { image: { bytes: null, path: null, pixels: pixelsOf(inputs as Uint8Array, input, row) } }
        : { features: rowOf(inputs as Float32Array, input.features, row) }),
    }),
  )
}

const labelOf = (value: number | string): RawLabel => (value === '' || Number.isNaN(value) ? null : value)

const rowOf = <T extends Uint8Array | Float32Array>(values: T, size: number, row: number): T =>
  values.subarray(row * size, (row + 1) * size) as T

function pixelsOf(inputs: Uint8Array, input: ArrayInput & { kind: 'image' }, row: number): Pixels {
  const { height, width, channels } = input
  return { height, width, channels, data: rowOf(inputs, height * width * channels, row) }
}

/**
 * Hugging Face's own types, so that `datasets` shows the images and knows the classes by name. It takes them for
 * nullable fields alone.
 */
function schemaOf({ input, labels }: ArrayFile): Schema {
  const inputType: DataType = input.kind === 'image' ? imageType : vectorType(input.features)
  const fields = [
    new Field(inputName(input), inputType, true),
    ...labels.map(({ name, kind }) => new Field(name, kind === 'text' ? new Utf8() : new Int64(), true)),
  ]
  const named = labels.filter(({ classNames }) => classNames !== undefined)
  const features = {
    ...(input.kind === 'image' && { image: { _type: 'Image' } }),
    ...Object.fromEntries(
      named.map(({ name, classNames }) => [name, { names: classNames, _type: 'ClassLabel' }]),
    ),
  }
  const metadata =
    Object.keys(features).length > 0 ? [['huggingface', JSON.stringify({ info: { features } })]] : []
  return new Schema(fields, new Map(metadata as [string, string][]))
}

async function tableOf({ inputs, labels, array }: PlacedBlock, schema: Schema): Promise<RecordBatch> {
  const { input } = array
  const columns: Record<string, ColumnValues> = {}
  if (input.kind === 'features') columns.features = inputs as Float32Array
  else {
    const rows = Array.from({ length: labels[0].length }, (_, row) => row)
    const images: ImageValue[] = []
    const encoded = mapOrdered(rows, inFlight, row =>
      encodedImage(pixelsOf(inputs as Uint8Array, input, row)),
    )
    for await (const bytes of encoded) images.push({ bytes, path: null })
    columns.image = images
  }
  for (const [index, { name }] of array.labels.entries()) {
    columns[name] = Array.from<number | string, RawLabel>(labels[index], labelOf) as ColumnValues
  }
  return recordBatch(schema, columns)
}

/** The file of a file's labels. @throws ConfigError if there is none */
export function labelFile({ path, companions = [] }: SourceFile): SourceFile {
  const [labels] = companions
  if (labels !== undefined) return labels
  throw new ConfigError('no file of labels is found beside it', {
    file: path,
    key: 'dataset.labels',
    mend: 'Name the file of the labels there (`dataset.testLabels` for the test data).',
  })
}

/** @throws DataError if there is not a label for each input */
export function checkPaired(file: SourceFile, inputs: number, labels: number): void {
  if (inputs === labels) return
  throw new DataError(`there are ${labels} labels, but ${inputs} rows in ${file.name}`, {
    file: labelFile(file).path,
    row: Math.min(inputs, labels),
    mend: 'Row i of the labels belongs to row i of the inputs: fetch the two files again, or name the right ones.',
  })
}

/**
 * Images whose channels lie one after the other, with the channels of a pixel side by side.
 * @param planar [images, channels, pixels]
 * @returns [images, pixels, channels]
 */
export function channelsLast(planar: Uint8Array, channels: number, pixels: number): Uint8Array {
  const interleaved = new Uint8Array(planar.length)
  for (let image = 0; image < planar.length; image += channels * pixels) {
    for (let channel = 0; channel < channels; channel++) {
      const plane = image + channel * pixels
      for (let pixel = 0; pixel < pixels; pixel++) {
        interleaved[image + pixel * channels + channel] = planar[plane + pixel]
      }
    }
  }
  return interleaved
}
