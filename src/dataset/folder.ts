/**
 * A folder of images, a class a folder: `root/<class>/…/<image>`. Classes are read in turn, one image of each,
 * so that the first rows show all of them; within a class, images come in the order of their paths. Hidden
 * files and files that are no images by their ending are passed over. ImageNet's synsets get their names, and its
 * validation images, which lie in no class folders, their classes from the files beside them; see `imagenet.ts`.
 */
import { readdir, realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Field, Utf8 } from 'apache-arrow'
import { DataError } from '../errors.js'
import { isFolderOfRuns } from '../pipeline/store.js'
import { imageType } from '../tables/schemas.js'
import { type ImageFile, imageBatches, imageSchema } from './image-files.js'
import { type GroundTruth, readGroundTruth, readSynsetNames } from './imagenet.js'
import { statNamed } from './named-file.js'
import {
  isImageFile,
  type NamedFile,
  type RawExample,
  type Reader,
  type ReaderOptions,
  type SourceFile,
} from './source.js'

const batchSize = 256

const schema = imageSchema([new Field('image', imageType, true), new Field('label', new Utf8(), false)])

interface LabeledImage extends ImageFile {
  readonly className: string
}

export function folderReader(
  [root]: readonly SourceFile[],
  { allowOutside }: Pick<ReaderOptions, 'allowOutside'> = { allowOutside: false },
): Reader {
  let listing: Promise<Listing> | undefined
  const list = () => {
    listing ??= listImages(root, allowOutside ? {} : { within: root.path })
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
          const file = { path: image.named.file, name: image.path }
          return {
            file,
            row: 0,
            label: image.className,
            trueLabel: undefined,
            id: undefined,
            groups: [],
            image: { bytes: null, path: file.name, named: image.named },
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

/** How far links may lead. */
type Bounds = Pick<NamedFile, 'within'>

async function listImages(root: SourceFile, bounds: Bounds): Promise<Listing> {
  const { companions = [] } = root
  const { nameOf } = await readSynsetNames(companions)
  const truth = await readGroundTruth(companions)
  if (truth !== undefined) return listUnsorted(root, bounds, truth, nameOf)
  const entries = await visibleEntries(root.path, bounds)
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
  const seen = new Set<string>()
  const byClass = await Promise.all(
    classFolders.map(async name => (await imagesUnder(root.path, name, bounds, seen)).sort()),
  )
  const classNames = classFolders.map(nameOf)
  const images: LabeledImage[] = []
  const longest = byClass.reduce((length, paths) => Math.max(length, paths.length), 0)
  for (let turn = 0; turn < longest; turn++) {
    for (const [index, paths] of byClass.entries()) {
      if (turn >= paths.length) continue
      const [className, path] = [classNames[index], paths[turn]]
      const named = { file: join(root.path, path), ...bounds }
      images.push({ className, path: `${root.name}/${path}`, named })
    }
  }
  return { classNames, images }
}

/** Images in one folder, whose classes a file tells. */
async function listUnsorted(
  root: SourceFile,
  bounds: Bounds,
  truth: GroundTruth,
  nameOf: (synset: string) => string,
): Promise<Listing> {
  const within = truth.folder === '' ? '' : `${truth.folder}/`
  const entries = await visibleEntries(join(root.path, truth.folder), bounds)
  const names = entries.filter(({ name, isFolder }) => !isFolder && isImageFile(name)).map(({ name }) => name)
  const synsets = truth.synsetsOf(names)
  const images = names.map((name, index) => ({
    className: nameOf(synsets[index]),
    path: `${root.name}/${within}${name}`,
    named: { file: join(root.path, truth.folder, name), ...bounds },
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

/**
 * Paths of the images in a folder, from the root.
 * @param seen all folders so far by their names without links: where links go round, or double the folders again and
 *   again, there would be no end
 */
async function imagesUnder(root: string, path: string, bounds: Bounds, seen: Set<string>): Promise<string[]> {
  const folder = join(root, path)
  const real = await realpath(folder)
  if (seen.has(real)) {
    throw new DataError('a link leads to a folder that is read already', {
      file: folder,
      mend: 'Take the link away: its images would count twice.',
    })
  }
  seen.add(real)
  const found: string[] = []
  for (const { name, isFolder } of await visibleEntries(folder, bounds)) {
    if (isFolder) found.push(...(await imagesUnder(root, `${path}/${name}`, bounds, seen)))
    else if (isImageFile(name)) found.push(`${path}/${name}`)
  }
  return found
}

/**
 * Entries of a folder by name in code-unit order, links followed, hidden ones left out.
 * @throws DataError if a link leads nowhere, or out of the bounds
 */
async function visibleEntries(path: string, bounds: Bounds): Promise<{ name: string; isFolder: boolean }[]> {
  const entries = (await readdir(path, { withFileTypes: true })).filter(({ name }) => !name.startsWith('.'))
  const resolved = await Promise.all(
    entries.map(async entry => ({
      name: entry.name,
      isFolder: entry.isSymbolicLink()
        ? await leadsToFolder(join(path, entry.name), bounds)
        : entry.isDirectory(),
    })),
  )
  return resolved.sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function leadsToFolder(file: string, bounds: Bounds): Promise<boolean> {
  try {
    return (await statNamed({ file, ...bounds })).isDirectory()
  } catch (cause) {
    if (cause instanceof DataError) throw cause
    throw new DataError('the link leads nowhere', { file, mend: 'Mend it, or take it away.', cause })
  }
}
