/**
 * COCO's JSON as image classification has it: `images`, `categories`, and `annotations` that give an image a category.
 * Boxes and outlines are passed over; an image whose annotations name several categories is a bad example, one
 * without any has no label. Format: cocodataset.org, "Data format".
 */
import { basename, extname } from 'node:path'
import { z } from 'zod'
import { DataError } from '../errors.js'
import { inWords } from '../schema-words.js'
import { type AnnotationSet, annotationReader, imageFinder, readJson, severalClasses } from './annotations.js'
import type { Reader, ReaderOptions, SourceFile } from './source.js'

const id = z.union([z.number(), z.string()])
const schema = z.object({
  images: z.array(z.object({ id, file_name: z.string().min(1) })),
  annotations: z.array(z.object({ image_id: id, category_id: id })),
  categories: z.array(z.object({ id, name: z.string() })),
})

export type CocoFile = z.output<typeof schema>

export const cocoReader = (files: readonly SourceFile[], options: ReaderOptions): Reader =>
  annotationReader('coco', files, options, readCoco)

/** @throws DataError if the file is not whole, or names an image or category that it does not have */
export async function parseCoco(file: SourceFile): Promise<CocoFile> {
  const result = schema.safeParse(await readJson(file), inWords)
  if (!result.success) throw notCoco(file, result.error)
  const { images, annotations, categories } = result.data
  const place = { file: file.path, mend: 'Export the file again.' }
  const names = categories.map(({ name }) => name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) {
    throw new DataError(`two categories are named "${twice}"`, { ...place, mend: 'Rename one of them.' })
  }
  const imageIds = new Set(images.map(image => image.id))
  const categoryIds = new Set(categories.map(category => category.id))
  if (imageIds.size < images.length) throw new DataError('two images have one id', place)
  for (const [row, { image_id, category_id }] of annotations.entries()) {
    const missing = !imageIds.has(image_id)
      ? `the image ${image_id}`
      : categoryIds.has(category_id)
        ? undefined
        : `the category ${category_id}`
    if (missing === undefined) continue
    throw new DataError(`annotation ${row} is of ${missing}, which the file does not have`, place)
  }
  return result.data
}

function notCoco({ path }: SourceFile, error: z.ZodError): DataError {
  const [{ path: key, message }] = error.issues
  return new DataError(`this is no COCO file: ${message}`, {
    file: path,
    key: key.join('.'),
    mend: 'It has images, annotations and categories, each with the keys of docs/data-layouts.md.',
  })
}

async function readCoco(file: SourceFile, allowOutside: boolean): Promise<AnnotationSet> {
  const { images, annotations, categories } = await parseCoco(file)
  const nameOf = new Map(categories.map(category => [category.id, category.name]))
  const classesOf = new Map<number | string, Set<string>>()
  for (const { image_id, category_id } of annotations) {
    const own = classesOf.get(image_id) ?? new Set()
    classesOf.set(image_id, own.add(nameOf.get(category_id)!))
  }
  const fileOf = imageFinder(file, images[0]?.file_name, imageFolders(file), allowOutside)
  return {
    columns: [
      { name: 'label', kind: 'text', classNames: usedNames(categories, classesOf) },
      { name: 'image_id', kind: 'text' },
    ],
    images: images.map(({ id, file_name }) => {
      const names = classesOf.get(id) ?? new Set<string>()
      const [name = null] = names
      return {
        named: fileOf(file_name),
        path: file_name,
        values: [name, String(id)],
        ...(names.size > 1 && { bad: severalClasses(names) }),
      }
    }),
  }
}

/** Exporters add a category for everything above the others, of which nothing is. */
function usedNames(
  categories: CocoFile['categories'],
  classesOf: ReadonlyMap<number | string, ReadonlySet<string>>,
): string[] {
  const used = new Set([...classesOf.values()].flatMap(names => [...names]))
  return categories.map(({ name }) => name).filter(name => used.has(name))
}

/** Where images are, from the folder of the file: beside it, or in the folders of COCO, FiftyOne and CVAT. */
function imageFolders({ path }: SourceFile): string[] {
  const split = basename(path, extname(path)).replace(/^.*?_/, '')
  return ['.', 'images', 'data', '..', '../images', `../${split}`, `../images/${split}`]
}
