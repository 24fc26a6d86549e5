/**
 * What every format looks like from the outside. A format is one file with one function that makes a
 * {@link Reader}; a new one is such a file and a line in `open.ts`.
 */
import type { RecordBatch, Schema } from 'apache-arrow'
import type { ErrorPlace } from '../errors.js'
import { DataError } from '../errors.js'
import type { DatasetConfig } from '../pipeline/config.js'
import type { RawPixels } from '../raster.js'

export type Format = NonNullable<DatasetConfig['format']>

/** The training or the test data, as the configuration names them; a test share is still part of `train`. */
export type Part = 'train' | 'test'

export interface SourceFile {
  /** Absolute path. */
  readonly path: string
  /** What tables call it: a path relative to the data's own place, the same wherever the data lie. */
  readonly name: string
  /** Files beside it that it is read with: its labels, the names of its classes. */
  readonly companions?: readonly SourceFile[]
}

/**
 * `image`: encoded bytes or the path of an image file; `number`: a number or truth value; `vector`: a list of
 * numbers; `text`: text, also of other types that print as such.
 */
export type ColumnKind = 'image' | 'number' | 'vector' | 'text' | 'other'

export interface SourceColumn {
  readonly name: string
  readonly kind: ColumnKind
  /** Names of the classes whose indexes the column holds, where the file tells. */
  readonly classNames?: readonly string[]
}

export interface SourceDescription {
  readonly format: Format
  readonly files: readonly SourceFile[]
  readonly columns: readonly SourceColumn[]
  /** Number of rows, where it can be told without reading them. */
  readonly rows?: number
}

/** Which column plays which part. */
export interface Roles {
  readonly label: string
  readonly content:
    | { readonly kind: 'image'; readonly column: string }
    | { readonly kind: 'features'; readonly columns: readonly string[] }
  readonly id?: string
  readonly trueLabel?: string
  /** Columns that are taken along as text: the subgroup attributes, then those of the text that people see. */
  readonly groups: readonly string[]
}

/** A label as the source has it; null where it is missing. */
export type RawLabel = number | string | null

/** An image without encoding: grey, or red, green and blue. */
export type Pixels = RawPixels

/** A file that data name; see `named-file.ts`. */
export interface NamedFile {
  /** Absolute path. */
  readonly file: string
  /** The folder out of which no link may lead it; anywhere when absent. */
  readonly within?: string
}

/** An image whose bytes or pixels are here, or in a file that is read when they are needed. */
export interface RawImage {
  readonly bytes: Uint8Array | null
  /** Path by which the source knows it. */
  readonly path: string | null
  /** The file that holds it. */
  readonly named?: NamedFile
  readonly pixels?: Pixels
}

export interface RawExample {
  readonly file: SourceFile
  /** Row in the file, from 0; 0 for a file that is one example. */
  readonly row: number
  readonly label: RawLabel
  /** Undefined where the part has no column of true labels. */
  readonly trueLabel: RawLabel | undefined
  /** Value of the id column; undefined where there is none. */
  readonly id: string | null | undefined
  /** In the order of {@link Roles.groups}. */
  readonly groups: readonly (string | null)[]
  readonly image?: RawImage
  readonly features?: Float32Array
  /** Why it cannot be used, where the format itself knows. */
  readonly bad?: BadExample
}

/** How the source's own rows are typed where the format itself has no types. */
export interface TextTypes {
  readonly numbers: ReadonlySet<string>
  readonly integers: ReadonlySet<string>
}

/** Beside its files, what a reader is told. */
export interface ReaderOptions {
  readonly part: Part
  /** Whether the data may name files outside their folder. */
  readonly allowOutside: boolean
}

export interface Reader {
  /** What is there, from headers alone. @throws DataError if a file is damaged */
  describe(): Promise<SourceDescription>
  /** The rows in order, some at a time; no more than a batch is held. @throws DataError if a file is damaged */
  examples(roles: Roles): AsyncIterable<readonly RawExample[]>
  /** Schema of {@link rows}. */
  schema(types: TextTypes): Promise<Schema>
  /** The same rows in the same order with all the columns of the source. */
  rows(types: TextTypes): AsyncIterable<RecordBatch>
}

/** What is wrong with a single example; the run fails or skips it as `onBadExample` says. */
export class BadExample extends Error {
  override readonly name = 'BadExample'
  constructor(
    message: string,
    readonly key?: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** A {@link DataError} about one example. */
export function exampleError(
  example: Pick<RawExample, 'file' | 'row'>,
  message: string,
  place: ErrorPlace,
): DataError {
  const isTable = example.file.name !== '' && !isImageFile(example.file.name)
  return new DataError(message, {
    file: example.file.path,
    ...(isTable ? { row: example.row } : {}),
    ...place,
  })
}

/** Whether the name ends as that of an image, decodable or not: one that is not must come to light. */
export const isImageFile = (name: string): boolean =>
  /\.(png|jpe?g|jfif|webp|gif|tiff?|avif|heic|heif|bmp|jp2|p[gnp]m)$/i.test(name)
