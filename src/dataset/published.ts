/**
 * Published sets that measure robustness: CIFAR-10-C and its kin (`<corruption>.npy`, the test set once for each of
 * five severities, and one `labels.npy`), ImageNet-C (`<corruption>/<severity>/<synset>/<image>`), and natural sets of
 * hard pictures such as ImageNet-A (`<synset>/<image>`, some of the classes).
 */
import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type CorruptionName, corruptionNames } from '../corruptions/names.js'
import { type Severity, severities } from '../corruptions/severity.js'
import { ConfigError, DataError } from '../errors.js'
import { readNpyShape, writeNpy } from '../pipeline/files.js'
import { folderReader } from './folder.js'
import { annotationsOf } from './imagenet.js'
import { decodeImage, type ImageShape, loadImage } from './images.js'
import type { DatasetInfo } from './info.js'
import { npyReader } from './npy.js'
import { mapOrdered } from './ordered.js'
import { BadExample, exampleError, type RawExample, type Reader, type SourceFile } from './source.js'
import { inFlight } from './survey.js'

/** Labeled pictures in the order of their source. */
export interface PublishedPictures {
  /** Class index of each picture, [pictures]; −1 for those that are not asked for. */
  readonly labels: Int32Array
  /** Names the pictures, [pictures]; the same picture has the same id at every severity. */
  readonly ids: readonly string[]
  /** The classes that the set has at all, in order of their index. */
  readonly classes: readonly number[]
  /**
   * Writes some of the pictures as uint8 [pictures, height, width, channels].
   * @param chosen 1 for each picture to write, [pictures]
   */
  write(path: string, shape: ImageShape, chosen: Uint8Array): Promise<void>
}

const labelsFile = 'labels.npy'
const contentRoles = { label: 'label', content: { kind: 'image', column: 'image' }, groups: [] } as const

/**
 * The corruptions that a folder of published files has, in the paper's order.
 * @throws ConfigError if there are none
 */
export async function publishedCorruptions(folder: string, key: string): Promise<CorruptionName[]> {
  const names = await namesIn(folder, key)
  const found = corruptionNames.filter(name => names.includes(name) || names.includes(`${name}.npy`))
  if (found.length > 0) return found
  throw new ConfigError(`the folder ${folder} holds no corrupted pictures`, {
    key,
    mend: 'It holds files such as gaussian_noise.npy beside labels.npy (CIFAR-10-C), or folders such as gaussian_noise/1/n01440764 (ImageNet-C).',
  })
}

/**
 * The pictures of a corruption at one severity.
 * @throws DataError if files are missing, cut off or do not fit each other or the data set
 */
export async function openCorrupted(
  folder: string,
  corruption: CorruptionName,
  severity: Severity,
  info: DatasetInfo,
  dataset: string,
): Promise<PublishedPictures> {
  const array = join(folder, `${corruption}.npy`)
  if ((await stat(array).catch(() => undefined))?.isFile()) return openArray(folder, array, severity, info)
  const place = join(folder, corruption, String(severity))
  if (!(await stat(place).catch(() => undefined))?.isDirectory()) {
    throw new DataError(`there are no pictures of ${corruption} at severity ${severity}`, {
      file: place,
      mend: 'Fetch them, or take the corruption or the severity out of `robustness`.',
    })
  }
  return openFolder(place, info, dataset)
}

/** A fifth of the rows of an array file. */
async function openArray(
  folder: string,
  path: string,
  severity: Severity,
  info: DatasetInfo,
): Promise<PublishedPictures> {
  const [rows] = await readNpyShape(path)
  const each = rows / severities.length
  if (!Number.isInteger(each) || rows === 0) {
    throw new DataError(`the ${rows} pictures cannot be those of ${severities.length} severities`, {
      file: path,
      mend: 'Fetch the file again: it holds the whole test set once for each severity.',
    })
  }
  const labels = join(folder, labelsFile)
  const file = { path, name: basename(path), companions: [{ path: labels, name: labelsFile }] }
  if (!(await stat(labels).catch(() => undefined))?.isFile()) {
    throw new DataError('the labels of the corrupted pictures are missing', {
      file: labels,
      mend: 'Fetch labels.npy into the folder of the arrays.',
    })
  }
  const range = [each * (severity - 1), each * severity] as const
  const pictures = await openPictures(npyReader([file]), info, range, (_, row) => String(row))
  return { ...pictures, classes: [...info.classNames.keys()] }
}

/**
 * The pictures of a natural set in class folders.
 * @param dataset path of the training data, whose names of synsets count
 */
export async function openFolder(
  path: string,
  info: DatasetInfo,
  dataset: string,
): Promise<PublishedPictures> {
  const own = await annotationsOf(path)
  const ofDataset = (await stat(dataset).catch(() => undefined))?.isDirectory()
    ? await annotationsOf(dataset)
    : []
  const companions = ofDataset.length > 0 ? ofDataset : own
  const root: SourceFile = { path, name: basename(path), companions }
  const reader = folderReader([root])
  const described = await reader.describe()
  const names = described.columns.find(({ name }) => name === 'label')?.classNames ?? []
  const classes = names.map(name => classOf(name, info, root))
  const pictures = await openPictures(reader, info, [0, Number.POSITIVE_INFINITY], ({ image }) =>
    image!.path!.slice(root.name.length + 1),
  )
  if (pictures.labels.length === 0) {
    throw new DataError('the folder holds no pictures', { file: path, mend: 'Check the path.' })
  }
  return { ...pictures, classes: [...classes].sort((a, b) => a - b) }
}

async function openPictures(
  reader: Reader,
  info: DatasetInfo,
  [first, end]: readonly [number, number],
  idOf: (example: RawExample, row: number) => string,
): Promise<Omit<PublishedPictures, 'classes'>> {
  const labels: number[] = []
  const ids: string[] = []
  for await (const [example, row] of rowsOf(reader, first, end)) {
    labels.push(classOf(example.label, info, example.file, example.row))
    ids.push(idOf(example, row - first))
  }
  return {
    labels: Int32Array.from(labels),
    ids,
    async write(path, shape, chosen) {
      async function* wanted(): AsyncGenerator<RawExample> {
        for await (const [example, row] of rowsOf(reader, first, end)) {
          if (chosen[row - first] === 1) yield example
        }
      }
      const decoded = mapOrdered(wanted(), inFlight, async example => {
        try {
          return await decodeImage(await loadImage(example.image!), shape)
        } catch (error) {
          if (!(error instanceof BadExample)) throw error
          throw exampleError(example, error.message, { mend: 'Fetch the picture again.', cause: error })
        }
      })
      await writeNpy(path, { dtype: 'uint8', shape: [shape.height, shape.width, shape.channels] }, decoded)
    },
  }
}

async function* rowsOf(reader: Reader, first: number, end: number): AsyncGenerator<[RawExample, number]> {
  let row = 0
  for await (const batch of reader.examples(contentRoles)) {
    for (const example of batch) {
      if (row >= end) return
      if (row >= first) yield [example, row]
      row++
    }
  }
}

/** Number labels count classes where the data set's own labels are names. */
function classOf(label: RawExample['label'], info: DatasetInfo, file: SourceFile, row?: number): number {
  const byLabel = info.classLabels.indexOf(label as never)
  const byName = info.classNames.indexOf(String(label))
  const index = byLabel >= 0 ? byLabel : byName >= 0 ? byName : Number(label)
  if (Number.isInteger(index) && index >= 0 && index < info.classNames.length) return index
  throw new DataError(`the label "${label}" is none of the ${info.classNames.length} classes`, {
    file: file.path,
    ...(row !== undefined && { row }),
    mend: 'The classes must be those of `dataset`; synsets need the same file of names beside both.',
  })
}

/**
 * What tells one state of the published files from another: names, sizes and times, without reading gigabytes. Of class
 * folders their own time counts, which changes as pictures come and go.
 */
export async function publishedFingerprint(folder: string, key: string): Promise<string> {
  const hash = createHash('sha256')
  async function add(path: string, name: string): Promise<void> {
    const entries = (await readdir(path, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const entry of entries) {
      const within = `${name}/${entry.name}`
      if (entry.name.endsWith('.npy') || entry.isDirectory()) {
        const { size, mtimeMs } = await stat(join(path, entry.name))
        hash.update(`${within}\0${size}\0${mtimeMs}\n`)
      }
      if (entry.isDirectory()) await add(join(path, entry.name), within)
    }
  }
  await namesIn(folder, key)
  await add(folder, '')
  return hash.digest('hex')
}

async function namesIn(folder: string, key: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (cause) {
    throw new ConfigError(`there is no folder ${folder}`, {
      key,
      mend: 'Paths are relative to the folder of the pipeline file.',
      cause,
    })
  }
}
