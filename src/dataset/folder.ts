/**
 * A folder of images, a class a folder: `root/<class>/…/<image>`. Classes are read in turn, one image of each,
 * so that the first rows show all of them; within a class, images come in the order of their paths. Hidden
 * files and files that are no images by their ending are passed over.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Field, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import { DataError } from '../errors.js'
import { isFolderOfRuns } from '../pipeline/store.js'
import { recordBatch } from '../tables/columns.js'
import { imageType } from '../tables/schemas.js'
import { isImageFile, type RawExample, type Reader, type SourceFile } from './source.js'

const batchSize = 256
const batchBytes = 16 << 20

const schema = new Schema(
  [new Field('image', imageType, true), new Field('label', new Utf8(), false)],
  new Map([['huggingface', JSON.stringify({ info: { features: { image: { _type: 'Image' } } } })]]),
)

interface ImageFile {
  readonly className: string
  /** Relative to the root, with slashes. */
  readonly path: string
}

export function folderReader([root]: readonly SourceFile[]): Reader {
  let listing: Promise<{ classNames: string[]; images: ImageFile[] }> | undefined
  const list = () => {
    listing ??= listImages(root)
    return listing
  }
  const nameOf = (image: ImageFile) => `${root.name}/${image.path}`

  return {
    async describe() {
      const { classNames, images } = await list()
      return {
        format: 'folder',
        files: [root],
        columns: [
          { name: 'image', kind: 'image' },
          { name: 'label', kind: 'text', classNames },
        ],
        rows: images.length,
      }
    },
    async *examples() {
      const { images } = await list()
      for (let start = 0; start < images.length; start += batchSize) {
        yield images.slice(start, start + batchSize).map((image): RawExample => {
          const file = { path: join(root.path, image.path), name: nameOf(image) }
          return {
            file,
            row: 0,
            label: image.className,
            trueLabel: undefined,
            id: undefined,
            groups: [],
            image: { bytes: null, path: file.name, file: file.path },
          }
        })
      }
    },
    schema: async () => schema,
    async *rows(): AsyncGenerator<RecordBatch> {
      const { images } = await list()
      let batch: { image: { bytes: Uint8Array; path: string }; label: string }[] = []
      let bytesHeld = 0
      for (const [index, image] of images.entries()) {
        const bytes = await readFile(join(root.path, image.path))
        batch.push({ image: { bytes, path: nameOf(image) }, label: image.className })
        bytesHeld += bytes.length
        if (batch.length < batchSize && bytesHeld < batchBytes && index < images.length - 1) continue
        yield recordBatch(schema, {
          image: batch.map(row => row.image),
          label: batch.map(row => row.label),
        })
        batch = []
        bytesHeld = 0
      }
    },
  }
}

async function listImages(root: SourceFile): Promise<{ classNames: string[]; images: ImageFile[] }> {
  const entries = await visibleEntries(root.path)
  const stray = entries.find(entry => !entry.isFolder && isImageFile(entry.name))
  if (stray !== undefined) {
    throw new DataError('the image lies in no class folder', {
      file: join(root.path, stray.name),
      mend: 'Images go into one folder a class: <folder>/<class>/<image>.',
    })
  }
  const folders = entries.filter(entry => entry.isFolder).map(entry => entry.name)
  const foreign = await Promise.all(folders.map(name => isForeignFolder(join(root.path, name))))
  const classNames = folders.filter((_, index) => !foreign[index])
  const byClass = await Promise.all(
    classNames.map(async className => (await imagesUnder(root.path, className)).sort()),
  )
  const images: ImageFile[] = []
  const longest = byClass.reduce((length, paths) => Math.max(length, paths.length), 0)
  for (let turn = 0; turn < longest; turn++) {
    for (const [index, paths] of byClass.entries()) {
      if (turn < paths.length) images.push({ className: classNames[index], path: paths[turn] })
    }
  }
  return { classNames, images }
}

/**
 * Whether a folder is surely no class: installed packages, or the runs of a pipeline, both of which lie beside the
 * classes where somebody works in the folder of the images.
 */
export async function isForeignFolder(path: string): Promise<boolean> {
  return basename(path) === 'node_modules' || isFolderOfRuns(path)
}

async function imagesUnder(root: string, path: string): Promise<string[]> {
  const found: string[] = []
  for (const { name, isFolder } of await visibleEntries(join(root, path))) {
    if (isFolder) found.push(...(await imagesUnder(root, `${path}/${name}`)))
    else if (isImageFile(name)) found.push(`${path}/${name}`)
  }
  return found
}

/** Entries of a folder by name in code-unit order, links followed, hidden ones left out. */
async function visibleEntries(path: string): Promise<{ name: string; isFolder: boolean }[]> {
  const entries = (await readdir(path, { withFileTypes: true })).filter(({ name }) => !name.startsWith('.'))
  const resolved = await Promise.all(
    entries.map(async entry => ({
      name: entry.name,
      isFolder: entry.isSymbolicLink()
        ? (await stat(join(path, entry.name))).isDirectory()
        : entry.isDirectory(),
    })),
  )
  return resolved.sort((a, b) => (a.name < b.name ? -1 : 1))
}
