/**
 * What COCO's JSON, Label Studio's export and Hugging Face's `imagefolder` have in common: a file that says of images
 * beside it what they show. A format says how to read the file; the rest is here.
 */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Field, Float64, Int64, type Schema, Utf8 } from 'apache-arrow'
import { DataError } from '../errors.js'
import type { ColumnValues } from '../tables/columns.js'
import { imageType } from '../tables/schemas.js'
import { type ImageFile, imageBatches, imageSchema } from './image-files.js'
import { namedFile } from './named-file.js'
import {
  BadExample,
  type Format,
  type NamedFile,
  type RawExample,
  type RawLabel,
  type Reader,
  type ReaderOptions,
  type SourceFile,
} from './source.js'
import { readText } from './text-file.js'

const batchRows = 1024

export interface AnnotationColumn {
  readonly name: string
  readonly kind: 'integer' | 'float' | 'text'
  readonly classNames?: readonly string[]
}

export interface AnnotatedImage extends ImageFile {
  /** In the order of the columns. */
  readonly values: readonly RawLabel[]
  /** Why it cannot be used. */
  readonly bad?: BadExample
}

/** A file of annotations, read whole. */
export interface AnnotationSet {
  readonly columns: readonly AnnotationColumn[]
  readonly images: readonly AnnotatedImage[]
}

/** A reader of files that all have the columns of the first. */
export function annotationReader(
  format: Format,
  files: readonly SourceFile[],
  { allowOutside }: ReaderOptions,
  read: (file: SourceFile, allowOutside: boolean) => Promise<AnnotationSet>,
): Reader {
  let reading: Promise<AnnotationSet[]> | undefined
  const sets = () => {
    reading ??= Promise.all(files.map(file => read(file, allowOutside))).then(all => {
      for (const [index, { columns }] of all.entries())
        checkSameColumns(all[0].columns, columns, files, index)
      return all
    })
    return reading
  }
  const schema = async () => schemaOf((await sets())[0].columns)

  return {
    async describe() {
      const all = await sets()
      const columns = all[0].columns.map(({ name, kind }, at) => {
        const classNames = all.flatMap(({ columns }) => columns[at].classNames ?? [])
        return {
          name,
          kind: kind === 'text' ? ('text' as const) : ('number' as const),
          ...(classNames.length > 0 && { classNames: [...new Set(classNames)] }),
        }
      })
      const rows = all.reduce((sum, { images }) => sum + images.length, 0)
      return { format, files, columns: [{ name: 'image', kind: 'image' }, ...columns], rows }
    },
    async *examples(roles) {
      for (const [index, { columns, images }] of (await sets()).entries()) {
        const at = (name: string | undefined) => columns.findIndex(column => column.name === name)
        const textOf = (image: AnnotatedImage, column: number) =>
          image.values[column] === null ? null : String(image.values[column])
        const [label, trueLabel, id] = [at(roles.label), at(roles.trueLabel), at(roles.id)]
        const groups = roles.groups.map(at)
        for (let start = 0; start < images.length; start += batchRows) {
          yield images.slice(start, start + batchRows).map(
            (image, offset): RawExample => ({
              file: files[index],
              row: start + offset,
              label: image.values[label],
              trueLabel: trueLabel < 0 ? undefined : image.values[trueLabel],
              id: id < 0 ? undefined : textOf(image, id),
              groups: groups.map(column => textOf(image, column)),
              image: { bytes: null, path: image.path, named: image.named },
              ...(image.bad !== undefined && { bad: image.bad }),
            }),
          )
        }
      }
    },
    schema,
    async *rows() {
      const own = await schema()
      for (const { columns, images } of await sets()) {
        yield* imageBatches(own, images, rows =>
          Object.fromEntries(
            columns.map(({ name }, index) => [name, rows.map(({ values }) => values[index]) as ColumnValues]),
          ),
        )
      }
    },
  }
}

function schemaOf(columns: readonly AnnotationColumn[]): Schema {
  const types = { integer: new Int64(), float: new Float64(), text: new Utf8() }
  return imageSchema([
    new Field('image', imageType, true),
    ...columns.map(({ name, kind }) => new Field(name, types[kind], true)),
  ])
}

function checkSameColumns(
  first: readonly AnnotationColumn[],
  other: readonly AnnotationColumn[],
  files: readonly SourceFile[],
  index: number,
): void {
  const textOf = (columns: readonly AnnotationColumn[]) => columns.map(({ name }) => name).join(', ')
  if (textOf(first) === textOf(other)) return
  throw new DataError(`the file has other columns than ${files[0].name}: ${textOf(other)}`, {
    file: files[index].path,
    mend: `All files of a part need the columns ${textOf(first)}.`,
  })
}

/** The JSON in a file. @throws DataError if it cannot be read, is cut off or no JSON */
export const readJson = async ({ path }: SourceFile): Promise<unknown> =>
  parseJson(await readText(path), path)

/** @param row of the file, where it holds a JSON value a line */
export function parseJson(text: string, file: string, row?: number): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const place = { file, ...(row !== undefined && { row }) }
    const reason = (cause as Error).message
    const isCut = /end of JSON input|Unterminated/.test(reason)
    throw new DataError(isCut ? 'the JSON is cut off' : `this is no JSON: ${reason}`, {
      ...place,
      mend: 'Export or fetch the file again.',
      cause,
    })
  }
}

/** Whether a value is a JSON object. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Finds the images that an annotation file names by relative paths: in its folder, in one of the folders given, all
 * relative to it. The folder that has the first image has them all.
 * @returns from a path as the file has it to the file that it names
 * @throws DataError if no folder has the first image, or a path leads out of the data, unless that is allowed
 */
export function imageFinder(
  file: SourceFile,
  first: string | undefined,
  folders: readonly string[],
  allowOutside: boolean,
): (path: string) => NamedFile {
  const base = dirname(file.path)
  const candidates = folders.map(folder => resolve(base, folder))
  const found = candidates.find(folder => first !== undefined && existsSync(resolve(folder, first)))
  if (found === undefined && first !== undefined) {
    throw new DataError(`there is no image file ${first}`, {
      file: file.path,
      row: 0,
      mend: `It was looked for in ${folders.join(', ')} from the folder of the file.`,
    })
  }
  return path => namedFile(path, found ?? base, allowOutside, { file: file.path })
}

/** A bad example whose annotations name several classes. */
export const severalClasses = (names: Iterable<string>): BadExample =>
  new BadExample(`it has several classes: ${[...names].join(', ')}`, 'label')
