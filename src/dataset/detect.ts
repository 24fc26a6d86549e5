/** Finds the data set in a folder, and guesses which column is what: where `pieline init` begins. */
import { readdir, stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { ConfigError } from '../errors.js'
import { annotationFiles, annotationFormat } from './annotation-files.js'
import { isForeignFolder } from './folder.js'
import { annotationsOf, isImageNetAnnotation } from './imagenet.js'
import type { Layout } from './layout.js'
import { layoutOfFolder } from './locate.js'
import { anywhere, testNames, trainNames } from './parts.js'
import { isImageFile, type SourceDescription } from './source.js'

/** Where training and test data lie. */
export interface DataPlaces {
  readonly path: string
  readonly test?: string
}

const tableEndings = new Set(['.parquet', '.pq', '.arrow', '.arrows', '.ipc', '.feather', '.csv', '.tsv'])

/**
 * The data set at a path: a file, with the test file beside a training file; or a folder that holds `train` and
 * `test`, tables, annotations, a folder a class, or nothing but one such folder.
 * @throws ConfigError if nothing like that is there
 */
export async function detectData(path: string): Promise<DataPlaces> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new ConfigError('there is no such file or folder', { file: path })
  if (found.isFile()) {
    const test = await siblingTest(path)
    return { path, ...(test !== undefined && { test }) }
  }
  const { folders, files } = await contents(path)
  const layout = layoutOfFolder(files)
  if (layout !== undefined) {
    if (layout.inputs(files, 'train').length === 0)
      return { path: join(path, layout.inputs(files, 'test')[0]) }
    return { path, ...(heldOut(layout, files).length > 0 && { test: path }) }
  }
  const tables = files.filter(
    name => tableEndings.has(extname(name).toLowerCase()) && !isImageNetAnnotation(name),
  )
  const annotations = tables.length === 0 ? await annotationFiles(path, files) : []
  if (annotations.length > 0) return annotated(path, annotations)
  const labeled = await Promise.all(folders.map(name => isLabeled(join(path, name))))
  const labeledFolders = folders.filter((_, index) => labeled[index])
  for (const names of [labeledFolders, tables]) {
    const train = trainNames(names)
    const [test] = testNames(names)
    if (train.length > 0) return { path: shards(path, train), ...(test && { test: shards(path, test) }) }
  }
  if (tables.length === 1) return { path: join(path, tables[0]) }
  if (tables.length > 1) return { path }
  for (const name of folders) {
    const inside = (await contents(join(path, name))).files
    const found = name === 'annotations' ? await annotationFiles(join(path, name), inside) : []
    if (found.length > 0) return annotated(join(path, name), found)
  }
  const classes = await Promise.all(folders.map(name => holdsImages(join(path, name), 3)))
  const withImages = folders.filter((_, index) => classes[index])
  if (withImages.length > 1 || (await annotationsOf(path)).length > 0) return { path }
  const images = files.filter(isImageFile).length
  if (withImages.length === 0 && images > 0) {
    throw new ConfigError('all images lie in one folder, and nothing tells their labels', {
      file: path,
      mend: 'Give each class a folder of its own, two classes at least; or list the images in a CSV with the columns file and label.',
    })
  }
  const [only] = withImages.length === 1 ? withImages : folders
  if (only !== undefined && (withImages.length === 1 || folders.length === 1))
    return detectData(join(path, only))
  throw new ConfigError('no data set was found here', {
    file: path,
    mend: 'Give a Parquet, Arrow or CSV file, a folder with a folder of images for each class, or one of the layouts of docs/data-layouts.md.',
  })
}

/** The training file among some files of annotations, and the test file beside it. */
function annotated(folder: string, names: readonly string[]): DataPlaces {
  const [train] = trainNames(names, anywhere)
  const [test] = testNames(names, anywhere)
  if (train === undefined) return { path: join(folder, names[0]) }
  return { path: join(folder, train), ...(test !== undefined && { test: join(folder, test[0]) }) }
}

/** One name, or the pattern that matches several shards. */
function shards(folder: string, names: readonly string[]): string {
  if (names.length === 1) return join(folder, names[0])
  let common = names[0]
  while (!names.every(name => name.startsWith(common))) common = common.slice(0, -1)
  return join(folder, `${common}*${extname(names[0])}`)
}

/** The files of test data; none where their names tell no part and would be those of the training data again. */
function heldOut(layout: Layout, files: readonly string[]): string[] {
  const test = layout.inputs(files, 'test')
  if (layout.isPaired !== true) return test
  const train = layout.inputs(files, 'train')
  return test.filter(name => !train.includes(name))
}

async function siblingTest(path: string): Promise<string | undefined> {
  const folder = join(path, '..')
  const { files } = await contents(folder)
  const layout = layoutOfFolder(files)
  if (layout?.inputs(files, 'train').includes(basename(path))) {
    const [test] = heldOut(layout, files)
    return test === undefined ? undefined : join(folder, test)
  }
  if ((await annotationFormat(path)) !== undefined) {
    const alike = await annotationFiles(folder, files)
    const { path: train, test } = annotated(folder, alike)
    return train === path ? test : undefined
  }
  if (trainNames([basename(path)]).length === 0) return undefined
  const [alike] = testNames(files.filter(name => extname(name) === extname(path)))
  return alike === undefined ? undefined : join(folder, alike[0])
}

async function contents(path: string): Promise<{ folders: string[]; files: string[] }> {
  const entries = (await readdir(path, { withFileTypes: true }))
    .filter(({ name }) => !name.startsWith('.'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const folders: string[] = []
  const files: string[] = []
  for (const { name } of entries) {
    const found = await stat(join(path, name)).catch(() => undefined)
    if (found?.isFile()) files.push(name)
    if (found?.isDirectory() && !(await isForeignFolder(join(path, name)))) folders.push(name)
  }
  return { folders, files }
}

/** Whether what a folder holds has labels; the test images of a challenge have none. */
async function isLabeled(path: string): Promise<boolean> {
  const { folders, files } = await contents(path)
  if (files.includes('metadata.csv') || (await annotationFiles(path, files)).length > 0) return true
  const isFlat = files.some(isImageFile) || (folders.length === 1 && folders[0] === 'images')
  return !isFlat || (await annotationsOf(path)).length > 0
}

async function holdsImages(path: string, depth: number): Promise<boolean> {
  const { folders, files } = await contents(path)
  if (files.some(isImageFile)) return true
  if (depth === 0) return false
  for (const name of folders) if (await holdsImages(join(path, name), depth - 1)) return true
  return false
}

export interface GuessedColumns {
  /** Undefined where no column looks like a label, or several do alike. */
  readonly label: string | undefined
  /** Columns that may be meant instead; none where the label's name leaves no doubt. */
  readonly others: readonly string[]
  /** Where nothing tells the label but that all other columns are none of text. */
  readonly isOnlyText?: boolean
  readonly trueLabel?: string
  readonly id?: string
}

/** Names that leave no doubt, and such that other columns may have too. */
const plainLabelNames = ['label', 'labels', 'class', 'target']
const labelNames = [...plainLabelNames, 'category', 'y', 'fine_label', 'digit', 'species']
const trueLabelNames = ['true_label', 'truelabel', 'clean_label', 'gold_label', 'true_class']
const idNames = ['id', 'example_id', 'image_id', 'uuid']

/** What the columns most likely are, by the class names that the file declares and by their names. */
export function guessColumns({ format, columns }: SourceDescription): GuessedColumns {
  if (format === 'folder') return { label: 'label', others: [] }
  const named = (names: readonly string[]) => {
    for (const name of names) {
      const column = columns.find(column => column.name.toLowerCase() === name)
      if (column !== undefined) return column.name
    }
    return undefined
  }
  const trueLabel = named(trueLabelNames)
  const id = named(idNames)
  const declared = columns.filter(({ classNames, name }) => classNames !== undefined && name !== trueLabel)
  const texts = columns.filter(({ kind, name }) => kind === 'text' && name !== trueLabel && name !== id)
  const sure = named(labelNames) ?? (declared.length === 1 ? declared[0].name : undefined)
  const isOnlyText = sure === undefined && declared.length === 0 && texts.length === 1
  const label = isOnlyText ? texts[0].name : sure
  const isPlain = label !== undefined && plainLabelNames.includes(label.toLowerCase())
  const others = columns
    .filter(column => declared.includes(column) || labelNames.includes(column.name.toLowerCase()))
    .map(({ name }) => name)
    .filter(name => !isPlain && name !== label)
  const known = { label, others, ...(isOnlyText && { isOnlyText }) }
  return { ...known, ...(trueLabel !== undefined && { trueLabel }), ...(id !== undefined && { id }) }
}

const tableFormats = new Set(['csv', 'parquet', 'arrow'])

/**
 * Columns for people to read beside the numbers that networks learn from; none where there are pictures.
 * @param taken columns that play another part
 */
export function columnsToRead({ format, columns }: SourceDescription, taken: readonly string[]): string[] {
  if (!tableFormats.has(format) || columns.some(({ kind }) => kind === 'image')) return []
  return columns
    .filter(({ name, kind }) => kind === 'text' && name !== '' && !taken.includes(name))
    .map(({ name }) => name)
}
