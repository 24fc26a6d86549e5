/**
 * What lies beside the images of ImageNet and says what they show: readable names of synsets (WordNet's sets of
 * synonyms, `n01440764`), after which class folders are called, and the ground truth of the validation images, which
 * lie in one folder without classes.
 */
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { DataError } from '../errors.js'
import type { SourceFile } from './source.js'
import { readText } from './text-file.js'

const synset = /^n\d{8}$/

/** `n01440764 tench, Tinca tinca`, apart by a space or a tab; or `n02119789 1 kit_fox`, with the number of the class. */
const nameFiles = ['LOC_synset_mapping.txt', 'synset_words.txt', 'map_clsloc.txt', 'words.txt']
const numberFile = 'map_clsloc.txt'
const truthFiles = [
  'LOC_val_solution.csv',
  'imagenet_2012_validation_synset_labels.txt',
  'ILSVRC2012_validation_ground_truth.txt',
]
/** Tiny ImageNet's, in the folder around that of the images. */
const annotationsFile = 'val_annotations.txt'
const validationImage = /^ILSVRC2012_val_(\d{8})\./
const folders = ['', 'ILSVRC2012_devkit_t12/data', 'devkit/data']
/** From the folder of the images up to that of a whole download. */
const levelsUp = 4

/** Whether a file is of this kind, whatever its ending says. */
export const isImageNetAnnotation = (name: string): boolean =>
  /^LOC_.*\.(csv|txt)$/.test(name) || [...nameFiles, ...truthFiles, annotationsFile].includes(name)

/** The files that say what the images in a folder show, if they are ImageNet's. */
export async function annotationsOf(folder: string): Promise<SourceFile[]> {
  const entries = await readdir(folder)
  const isValidation = entries.some(name => validationImage.test(name))
  const isTiny = entries.includes(annotationsFile)
  if (!isValidation && !isTiny && !entries.some(name => synset.test(name))) return []
  const paths = await Promise.all([
    firstAbove(folder, nameFiles),
    isTiny ? join(folder, annotationsFile) : undefined,
    isValidation ? firstAbove(folder, truthFiles) : undefined,
    isValidation ? firstAbove(folder, [numberFile]) : undefined,
  ])
  const found = new Set(paths.filter(path => path !== undefined))
  return [...found].map(path => ({ path, name: basename(path) }))
}

async function firstAbove(folder: string, names: readonly string[]): Promise<string | undefined> {
  let place = resolve(folder)
  for (let level = 0; level <= levelsUp; level++) {
    for (const name of names) {
      for (const within of folders) {
        const path = join(place, within, name)
        if ((await stat(path).catch(() => undefined))?.isFile()) return path
      }
    }
    if (place === dirname(place)) return undefined
    place = dirname(place)
  }
  return undefined
}

export interface SynsetNames {
  /** A readable name, of no other synset; the synset itself where it has none. */
  nameOf(synset: string): string
}

/**
 * The first of the synonyms for each synset, with the synset behind it where others are called the same (`crane`, the
 * bird and the machine).
 */
export async function readSynsetNames(annotations: readonly SourceFile[]): Promise<SynsetNames> {
  const file = annotations.find(({ name }) => nameFiles.includes(name))
  const names = new Map<string, string>()
  const times = new Map<string, number>()
  for (const [row, line] of (file === undefined ? [] : await linesOf(file)).entries()) {
    const [, id, text] = /^(n\d{8})\s+(.+)$/.exec(line) ?? []
    if (id === undefined) {
      throw new DataError(`"${line.slice(0, 40)}" is no synset and its name`, {
        file: file!.path,
        row,
        mend: 'Lines are such as "n01440764 tench, Tinca tinca".',
      })
    }
    const [, numbered] = /^\d+\s+(\S+)$/.exec(text) ?? []
    const name = numbered?.replaceAll('_', ' ') ?? text.split(',')[0].trim()
    names.set(id, name)
    times.set(name, (times.get(name) ?? 0) + 1)
  }
  return {
    nameOf(id) {
      const name = names.get(id)
      if (name === undefined) return id
      return times.get(name) === 1 ? name : `${name} (${id})`
    },
  }
}

/** The folder in which images without classes lie, and what each shows. */
export interface GroundTruth {
  /** Relative to the root; empty for the root itself. */
  readonly folder: string
  /**
   * The synset of each image.
   * @param images names of the files
   * @throws DataError if the file does not tell that of an image
   */
  synsetsOf(images: readonly string[]): string[]
}

/** @throws DataError if the file is damaged */
export async function readGroundTruth(annotations: readonly SourceFile[]): Promise<GroundTruth | undefined> {
  const file = annotations.find(({ name }) => [...truthFiles, annotationsFile].includes(name))
  if (file === undefined) return undefined
  const lines = await linesOf(file)
  switch (file.name) {
    case 'LOC_val_solution.csv':
      return named(file, lines.slice(1), /^([^,]+),(n\d{8})\b/, '')
    case annotationsFile:
      return named(file, lines, /^(\S+)\s+(n\d{8})\b/, 'images')
    case 'imagenet_2012_validation_synset_labels.txt':
      return numbered(file, lines, line => (synset.test(line) ? line : undefined), 'a synset')
    default: {
      const numbers = await readNumbers(file, annotations)
      return numbered(file, lines, line => numbers.get(line), `a number from 1 to ${numbers.size}`)
    }
  }
}

/** Lines that name the image. */
function named(file: SourceFile, lines: readonly string[], pattern: RegExp, folder: string): GroundTruth {
  const synsets = new Map<string, string>()
  for (const [row, line] of lines.entries()) {
    const [, image, id] = pattern.exec(line) ?? []
    if (image === undefined) throw badLine(file, row, line, 'an image and its synset')
    synsets.set(stemOf(image), id)
  }
  return {
    folder,
    synsetsOf: images =>
      images.map(image => {
        const id = synsets.get(stemOf(image))
        if (id !== undefined) return id
        throw new DataError(`the file does not say what the image ${image} shows`, {
          file: file.path,
          mend: 'Fetch it again, or take the image away.',
        })
      }),
  }
}

/** A line an image, which has the number of the line in its name. */
function numbered(
  file: SourceFile,
  lines: readonly string[],
  synsetOf: (line: string) => string | undefined,
  what: string,
): GroundTruth {
  const synsets = lines.map((line, row) => {
    const id = synsetOf(line)
    if (id === undefined) throw badLine(file, row, line, what)
    return id
  })
  return {
    folder: '',
    synsetsOf: images =>
      images.map(image => {
        const [, number] = validationImage.exec(image) ?? []
        const id = synsets[Number(number) - 1]
        if (id !== undefined) return id
        const lacking =
          number === undefined
            ? `the image ${image} has no number by which to find its line`
            : `there is no line ${Number(number)}, which would say what the image ${image} shows`
        throw new DataError(lacking, {
          file: file.path,
          ...(number !== undefined && { row: Number(number) - 1 }),
          mend: 'Fetch the file again: it has a line for each image of the validation data, ILSVRC2012_val_00000001 first.',
        })
      }),
  }
}

function badLine(file: SourceFile, row: number, line: string, what: string): DataError {
  return new DataError(`"${line.slice(0, 40)}" is not ${what}`, {
    file: file.path,
    row,
    mend: 'Fetch the file again.',
  })
}

/** By which numbers the development kit knows the synsets, in an order that is not theirs. */
async function readNumbers(
  truth: SourceFile,
  annotations: readonly SourceFile[],
): Promise<Map<string, string>> {
  const file = annotations.find(({ name }) => name === numberFile)
  if (file === undefined) {
    throw new DataError(`its numbers are explained by ${numberFile}, which is not found`, {
      file: truth.path,
      mend: `Put ${numberFile} of the development kit of 2014 or later beside it, or LOC_val_solution.csv.`,
    })
  }
  const rows = (await linesOf(file)).map((line, row): [string, string] => {
    const [, id, number] = /^(n\d{8})\s+(\d+)\s/.exec(line) ?? []
    if (id === undefined) throw badLine(file, row, line, 'a synset, its number and its name')
    return [number, id]
  })
  return new Map(rows)
}

const stemOf = (name: string): string => name.replace(/\.\w+$/, '')

async function linesOf({ path }: SourceFile): Promise<string[]> {
  const lines = (await readText(path)).split('\n').map(line => line.trim())
  return lines.filter(line => line !== '')
}
