/**
 * CelebA: a list of images with 40 attributes of −1 and 1 each (text as it is published, or the CSV that Kaggle
 * makes of it), a list of the part that each image belongs to (0 training, 1 validation, 2 test), and a folder of
 * images. Any attribute is the label, others are subgroups. Layout: mmlab.ie.cuhk.edu.hk/projects/CelebA.html.
 */
import { stat } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { Field, Int64, type Schema } from 'apache-arrow'
import { DataError } from '../errors.js'
import { imageType } from '../tables/schemas.js'
import { type ImageFile, imageBatches, imageSchema } from './image-files.js'
import type { Layout } from './layout.js'
import { namedFile } from './named-file.js'
import type { Part, RawExample, Reader, ReaderOptions, SourceFile } from './source.js'
import { readText } from './text-file.js'

const batchRows = 1024
const partitions: Readonly<Record<Part, number>> = { train: 0, test: 2 }
/** Where the images are, from the folder of the list: as torchvision, Kaggle and the authors lay them. */
const imageFolders = ['img_align_celeba/img_align_celeba', 'img_align_celeba', '../Img/img_align_celeba']

const attributesName = /^list_attr_celeba\.(txt|csv)$/
const partitionName = /^list_eval_partition\.(txt|csv)$/

export const celebaLayout: Layout = {
  format: 'celeba',
  matches: name => attributesName.test(name),
  inputs(names, part) {
    const isDivided = names.some(name => partitionName.test(name))
    return part === 'test' && !isDivided ? [] : names.filter(name => attributesName.test(name)).slice(0, 1)
  },
  companions: (_, names) => names.filter(name => partitionName.test(name)).slice(0, 1),
}

export function celebaReader([list]: readonly SourceFile[], { part, allowOutside }: ReaderOptions): Reader {
  let listing: Promise<Listing> | undefined
  const read = () => {
    listing ??= readListing(list, part, allowOutside)
    return listing
  }

  async function schema(): Promise<Schema> {
    const { attributes } = await read()
    const fields = attributes.map(name => new Field(name, new Int64(), true))
    const classNames = Object.fromEntries(attributes.map(name => [name, classesOf(name)]))
    return imageSchema([new Field('image', imageType, true), ...fields], classNames)
  }

  return {
    async describe() {
      const { attributes, faces } = await read()
      return {
        format: 'celeba',
        files: [list],
        columns: [
          { name: 'image', kind: 'image' },
          ...attributes.map(name => ({ name, kind: 'text' as const, classNames: classesOf(name) })),
        ],
        rows: faces.length,
      }
    },
    async *examples(roles) {
      const { attributes, faces } = await read()
      const columnOf = (name: string) => attributes.indexOf(name)
      const label = columnOf(roles.label)
      const trueLabel = roles.trueLabel === undefined ? undefined : columnOf(roles.trueLabel)
      const groups = roles.groups.map(name => ({ column: columnOf(name), classes: classesOf(name) }))
      for (let start = 0; start < faces.length; start += batchRows) {
        yield faces.slice(start, start + batchRows).map(
          ({ row, path, named, values }): RawExample => ({
            file: list,
            row,
            label: values[label],
            trueLabel: trueLabel === undefined ? undefined : values[trueLabel],
            id: roles.id === undefined ? undefined : String(values[columnOf(roles.id)]),
            groups: groups.map(({ column, classes }) => classes[values[column]]),
            image: { bytes: null, path, named },
          }),
        )
      }
    },
    schema,
    async *rows() {
      const { attributes, faces } = await read()
      yield* imageBatches(await schema(), faces, rows =>
        Object.fromEntries(attributes.map((name, index) => [name, rows.map(({ values }) => values[index])])),
      )
    },
  }
}

/** Names of the two classes that an attribute makes, 0 and 1. */
const classesOf = (attribute: string): [string, string] => [`not ${attribute}`, attribute]

interface Face extends ImageFile {
  /** Row in the list, from 0. */
  readonly row: number
  /** 1 where the face has the attribute, else 0, [attributes]. */
  readonly values: Uint8Array
}

interface Listing {
  readonly attributes: readonly string[]
  /** Those of the part, in the order of the list. */
  readonly faces: readonly Face[]
}

async function readListing(list: SourceFile, part: Part, allowOutside: boolean): Promise<Listing> {
  const folder = await imageFolder(list)
  const { header, rows } = await readList(list.path, true)
  const attributes = extname(list.path) === '.csv' ? header.slice(1) : header
  const isIncluded = await membership(list, part, rows.length)
  const faces = rows.flatMap(([path, ...values], row): Face[] => {
    if (values.length !== attributes.length) {
      throw new DataError(`the row has ${values.length} values, there are ${attributes.length} attributes`, {
        file: list.path,
        row,
        mend: 'Fetch the file again: it may be cut off.',
      })
    }
    const wrong = values.findIndex(value => value !== '1' && value !== '-1')
    if (wrong >= 0) {
      throw new DataError(`the value "${values[wrong]}" is neither -1 nor 1`, {
        file: list.path,
        row,
        key: attributes[wrong],
        mend: 'An attribute is -1 where the face lacks it and 1 where it has it.',
      })
    }
    if (!isIncluded(path, row)) return []
    const named = namedFile(path, folder, allowOutside, { file: list.path, row })
    return [{ row, path, named, values: Uint8Array.from(values, value => (value === '1' ? 1 : 0)) }]
  })
  return { attributes, faces }
}

/** Whether an image of the list belongs to the part. */
async function membership(
  list: SourceFile,
  part: Part,
  faces: number,
): Promise<(path: string, row: number) => boolean> {
  const [file] = list.companions ?? []
  if (file === undefined) {
    if (part === 'train') return () => true
    throw new DataError('no list_eval_partition.txt lies beside it, which tells the test data', {
      file: list.path,
      mend: 'Fetch that file too, or set `dataset.testShare` in place of `dataset.test`.',
    })
  }
  const { rows } = await readList(file.path, false)
  if (rows.length !== faces) {
    throw new DataError(`the file tells the part of ${rows.length} images, ${list.name} lists ${faces}`, {
      file: file.path,
      row: Math.min(rows.length, faces),
      mend: 'Fetch the two files again.',
    })
  }
  const parts = new Map<string, number>()
  for (const [row, [path, ...values]] of rows.entries()) {
    if (values.length !== 1 || !/^[012]$/.test(values[0])) {
      throw new DataError(`"${values.join(' ')}" is no part: 0 is training, 1 validation, 2 test data`, {
        file: file.path,
        row,
        mend: 'Fetch the file again.',
      })
    }
    parts.set(path, Number(values[0]))
  }
  return (path, row) => {
    const partition = parts.get(path)
    if (partition !== undefined) return partition === partitions[part]
    throw new DataError(`the part of ${path} is not told in ${file.name}`, {
      file: list.path,
      row,
      mend: 'Fetch the two files again.',
    })
  }
}

/**
 * A list as it is published (fields apart by spaces; the list of attributes begins with the number of images and a
 * line of names) or as CSV with a header.
 */
async function readList(path: string, hasHeader: boolean): Promise<{ header: string[]; rows: string[][] }> {
  const text = await readText(path)
  const isCsv = extname(path) === '.csv'
  const lines = text
    .split(/\r?\n/)
    .map(line => line.trim())
    .filter(line => line !== '')
  const fields = lines.map(line => line.split(isCsv ? /\s*,\s*/ : /\s+/))
  if (isCsv) return { header: fields[0] ?? [], rows: fields.slice(1) }
  if (!hasHeader) return { header: [], rows: fields }
  const [[count] = [], header = [], ...rows] = fields
  if (!/^\d+$/.test(count ?? '') || header.length === 0) {
    throw new DataError('the file does not begin with the number of images and the names of the attributes', {
      file: path,
      mend: 'Fetch it again.',
    })
  }
  if (rows.length !== Number(count)) {
    throw new DataError(`the file lists ${rows.length} images, its first line says ${count}`, {
      file: path,
      row: Math.min(rows.length, Number(count)),
      mend: 'Fetch it again: it may be cut off.',
    })
  }
  return { header, rows }
}

async function imageFolder({ path }: SourceFile): Promise<string> {
  for (const name of imageFolders) {
    const folder = join(dirname(path), name)
    if ((await stat(folder).catch(() => undefined))?.isDirectory()) return folder
  }
  throw new DataError('no folder img_align_celeba lies beside it', {
    file: path,
    mend: 'Unpack img_align_celeba.zip there.',
  })
}
