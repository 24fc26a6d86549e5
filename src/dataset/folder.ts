/**
 * A folder of images, a class a folder: `root/<class>/…/<image>`. Classes are read in turn, one image of each,
 * so that the first rows show all of them; within a class, images come in the order of their paths. Hidden
 * files and files that are no images by their ending are passed over. ImageNet's synsets get their names, and its
 * validation images, which lie in no class folders, their classes from the files beside them; see `imagenet.ts`.
 */
import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Field, Utf8 } from 'apache-arrow'
import { DataError } from '../errors.js'
import { isFolderOfRuns } from '../pipeline/store.js'
import { imageType } from '../tables/schemas.js'
import { type ImageFile, imageBatches, imageSchema } from './image-files.js'
import { type GroundTruth, readGroundTruth, readSynsetNames } from './imagenet.js'
import { isImageFile, type RawExample, type Reader, type SourceFile } from './source.js'

const batchSize = 256

const schema = imageSchema([new Field('image', imageType, true), new Field('label', new Utf8(), false)])

interface LabeledImage extends ImageFile {
  readonly className: string
}

export function folderReader([root]: readonly SourceFile[]): Reader {
  let listing: Promise<Listing> | undefined
  const list = () => {
    listing ??= listImages(root)
    return listing
  }

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
          const file = { path: image.file, name: image.path }
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
    async *rows() {
      const { images } = await list()
      yield* imageBatches(schema, images, rows => ({ label: rows.map(({ className }) => className) }))
    },
  }
}

interface Listing {
  /** In the order of the class folders, or of the synsets. */
  readonly classNames: string[]
  readonly images: LabeledImage[]
}

async function listImages(root: SourceFile): Promise<Listing> {
  const { companions = [] } = root
  const { nameOf } = await readSynsetNames(companions)
  const truth = await readGroundTruth(companions)
  if (truth !== undefined) return listUnsorted(root, truth, nameOf)
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
  const classFolders = folders.filter((_, index) => !foreign[index])
  const byClass = await Promise.all(
    classFolders.map(async name => (await imagesUnder(root.path, name)).sort()),
  )
  const classNames = classFolders.map(nameOf)
  const images: LabeledImage[] = []
  const longest = byClass.reduce((length, paths) => Math.max(length, paths.length), 0)
  for (let turn = 0; turn < longest; turn++) {
    for (const [index, paths] of byClass.entries()) {
      if (turn >= paths.length) continue
      const [className, path] = [classNames[index], paths[turn]]
      images.push({ className, path: `${root.name}/${path}`, file: join(root.path, path) })
    }
  }
  return { classNames, images }
}

/** Images in one folder, whose classes a file tells. */
async function listUnsorted(
  root: SourceFile,
  truth: GroundTruth,
  nameOf: (synset: string) => string,
): Promise<Listing> {
  const within = truth.folder === '' ? '' : `${truth.folder}/`
  const entries = await visibleEntries(join(root.path, truth.folder))
  const names = entries.filter(({ name, isFolder }) => !isFolder && isImageFile(name)).map(({ name }) => name)
  const synsets = truth.synsetsOf(names)
  const images = names.map((name, index) => ({
    className: nameOf(synsets[index]),
    path: `${root.name}/${within}${name}`,
    file: join(root.path, truth.folder, name),
  }))
  return { classNames: [...new Set(synsets)].sort().map(nameOf), images }
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
