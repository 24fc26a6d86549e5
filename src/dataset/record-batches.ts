/** Examples out of Arrow record batches, for all formats whose rows are typed columns. */
import { DataType, type Field, type RecordBatch, type Schema, type Vector } from 'apache-arrow'
import { DataError } from '../errors.js'
import type { ColumnKind, RawExample, RawImage, RawLabel, Roles, SourceColumn, SourceFile } from './source.js'

/** The columns of a schema as sources have them, with the class names of Hugging Face's `ClassLabel`. */
export function sourceColumns(schema: Schema): SourceColumn[] {
  const names = huggingFaceClassNames(schema)
  return schema.fields.map(({ name, type }) => {
    const classNames = names.get(name)
    return { name, kind: kindOf(type), ...(classNames === undefined ? {} : { classNames }) }
  })
}

/** The columns that these roles need, in the order of the schema. */
export function neededColumns(roles: Roles): string[] {
  const content = roles.content.kind === 'image' ? [roles.content.column] : roles.content.columns
  const optional = [roles.id, roles.trueLabel].filter(name => name !== undefined)
  return [...new Set([roles.label, ...content, ...optional, ...roles.groups])]
}

/**
 * The rows of a batch.
 * @param firstRow row of the file at which the batch begins
 * @throws DataError if the label column is of a type that cannot be one
 */
export function examplesOf(
  batch: RecordBatch,
  roles: Roles,
  file: SourceFile,
  firstRow: number,
): RawExample[] {
  const child = (name: string): Vector => batch.getChild(name)!
  const label = labelReader(child(roles.label), roles.label, file)
  const trueLabel =
    roles.trueLabel === undefined
      ? () => undefined
      : labelReader(child(roles.trueLabel), roles.trueLabel, file)
  const id = roles.id === undefined ? () => undefined : textReader(child(roles.id))
  const groups = roles.groups.map(name => textReader(child(name)))
  const content = contentReader(batch, roles)
  return Array.from({ length: batch.numRows }, (_, index) => ({
    file,
    row: firstRow + index,
    label: label(index),
    trueLabel: trueLabel(index),
    id: id(index),
    groups: groups.map(read => read(index)),
    ...content(index),
  }))
}

function huggingFaceClassNames(schema: Schema): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>()
  try {
    const { info } = JSON.parse(schema.metadata.get('huggingface') ?? '{}')
    for (const [column, feature] of Object.entries<{ _type?: string; names?: unknown }>(
      info?.features ?? {},
    )) {
      if (feature?._type !== 'ClassLabel' || !Array.isArray(feature.names)) continue
      found.set(column, feature.names.map(String))
    }
  } catch {
    // Metadata of another make under the same key: there are no names then.
  }
  return found
}

const isNumeric = (type: DataType): boolean =>
  DataType.isInt(type) || DataType.isFloat(type) || DataType.isBool(type)
const isList = (type: DataType): boolean =>
  DataType.isList(type) || DataType.isLargeList(type) || DataType.isFixedSizeList(type)
const isText = (type: DataType): boolean =>
  DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isUtf8View(type)
const isBinary = (type: DataType): boolean =>
  DataType.isBinary(type) || DataType.isLargeBinary(type) || DataType.isBinaryView(type)

function kindOf(type: DataType): ColumnKind {
  const valueType = DataType.isDictionary(type) ? type.dictionary : type
  if (isBinary(valueType)) return 'image'
  if (DataType.isStruct(valueType)) {
    const bytes = valueType.children.find((child: Field) => child.name === 'bytes')
    return bytes !== undefined && isBinary(bytes.type) ? 'image' : 'other'
  }
  if (isNumeric(valueType)) return 'number'
  if (isList(valueType)) return isNumeric(valueType.children![0].type) ? 'vector' : 'other'
  return isText(valueType) ? 'text' : 'other'
}

function labelReader(column: Vector, name: string, file: SourceFile): (row: number) => RawLabel {
  const type: DataType = DataType.isDictionary(column.type) ? column.type.dictionary : column.type
  if (!isText(type) && !isNumeric(type)) {
    throw new DataError(`labels are integers or text, the column "${name}" is ${type}`, { file: file.path })
  }
  return row => {
    const value: unknown = column.get(row)
    if (value === null || value === '' || Number.isNaN(value)) return null
    return typeof value === 'string' || typeof value === 'boolean' ? String(value) : Number(value)
  }
}

function textReader(column: Vector): (row: number) => string | null {
  return row => {
    const value: unknown = column.get(row)
    return value === null ? null : String(value)
  }
}

function contentReader(
  batch: RecordBatch,
  { content }: Roles,
): (row: number) => { image: RawImage } | { features: Float32Array } {
  if (content.kind === 'image') {
    const column = batch.getChild(content.column)!
    const isStruct = DataType.isStruct(column.type)
    const bytes = isStruct ? column.getChild('bytes')! : column
    const path = isStruct ? column.getChild('path') : null
    return row => ({
      image: {
        bytes: column.isValid(row) ? bytes.get(row) : null,
        path: column.isValid(row) ? (path?.get(row) ?? null) : null,
      },
    })
  }
  const columns = content.columns.map(name => batch.getChild(name)!)
  if (columns.every(column => isNumeric(column.type))) {
    return row => ({ features: Float32Array.from(columns, column => numberOf(column.get(row))) })
  }
  return row => ({
    features: Float32Array.from(
      columns.flatMap(column => {
        const value: unknown = column.get(row)
        return isList(column.type)
          ? Array.from((value ?? [Number.NaN]) as Iterable<unknown>, numberOf)
          : [numberOf(value)]
      }),
    ),
  })
}

/** NaN where a number is missing. */
const numberOf = (value: unknown): number => (value === null ? Number.NaN : Number(value))
