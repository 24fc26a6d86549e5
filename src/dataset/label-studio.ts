/**
 * Label Studio's JSON export of a project that asks for one choice an image: an array of tasks with `data`, and
 * `annotations` whose results have `value.choices`. Annotations that were cancelled are passed over; where several
 * people chose differently, or somebody chose several classes, the task is a bad example.
 * Format: labelstud.io/guide/export, "Label Studio JSON format of annotated tasks".
 */
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { DataError } from '../errors.js'
import { inWords } from '../schema-words.js'
import { type AnnotationSet, annotationReader, imageFinder, readJson, severalClasses } from './annotations.js'
import type { ImageFile } from './image-files.js'
import { isImageFile, type Reader, type ReaderOptions, type SourceFile } from './source.js'

const annotation = z.object({
  was_cancelled: z.boolean().optional(),
  completed_by: z
    .union([z.number(), z.string(), z.object({ id: z.number().optional(), email: z.string().optional() })])
    .nullish(),
  created_at: z.string().optional(),
  updated_at: z.string().optional(),
  result: z.array(
    z.object({
      type: z.string(),
      value: z.object({ choices: z.array(z.string()).optional() }),
    }),
  ),
})

const tasksSchema = z.array(
  z.object({
    id: z.number().optional(),
    data: z.record(z.string(), z.unknown()),
    annotations: z.array(annotation),
  }),
)

export type LabelStudioTask = z.output<typeof tasksSchema>[number]
export type LabelStudioAnnotation = z.output<typeof annotation>

/** @throws DataError if the file is not whole, or no export of tasks with annotations */
export async function readTasks(file: SourceFile): Promise<LabelStudioTask[]> {
  const result = tasksSchema.safeParse(await readJson(file), inWords)
  if (result.success) return result.data
  const [{ path, message }] = result.error.issues
  const [task] = path
  throw new DataError(`this is no export of Label Studio: ${message}`, {
    file: file.path,
    ...(typeof task === 'number' && { row: task }),
    key: path.slice(1).join('.'),
    mend: 'Export the project as JSON (not JSON-MIN or CSV).',
  })
}

/** What an annotation chose, in its order. */
export const choicesOf = ({ result }: LabelStudioAnnotation): string[] =>
  result.flatMap(({ type, value }) => (type === 'choices' ? (value.choices ?? []) : []))

export const labelStudioReader = (files: readonly SourceFile[], options: ReaderOptions): Reader =>
  annotationReader('label-studio', files, options, readExport)

async function readExport(file: SourceFile, allowOutside: boolean): Promise<AnnotationSet> {
  const tasks = await readTasks(file)
  const key = imageKey(tasks, file)
  const fileOf = uploadFinder(file, allowOutside)
  return {
    columns: [
      { name: 'label', kind: 'text' },
      { name: 'task', kind: 'text' },
    ],
    images: tasks.map(({ id, data, annotations }, row) => {
      const valid = annotations.filter(({ was_cancelled }) => was_cancelled !== true)
      const chosen = new Set(valid.flatMap(choicesOf))
      const [label = null] = chosen
      const address = data[key]
      if (typeof address !== 'string') {
        throw new DataError(`the task has no "${key}"`, { file: file.path, row, mend: 'Export it again.' })
      }
      return {
        ...fileOf(address, row),
        values: [label, String(id ?? row)],
        ...(chosen.size > 1 && { bad: severalClasses(chosen) }),
      }
    }),
  }
}

/** The key of `data` that holds the image. */
function imageKey([first]: readonly LabelStudioTask[], { path }: SourceFile): string {
  const texts = Object.entries(first?.data ?? { image: '' })
  const found =
    texts.find(([, value]) => typeof value === 'string' && isImageFile(withoutQuery(value))) ??
    texts.find(([name]) => name === 'image')
  if (found !== undefined) return found[0]
  throw new DataError('the tasks have no image', { file: path, row: 0, key: 'data' })
}

/** `/data/local-files/?d=cats/1.png` is cats/1.png, `/data/upload/1/8d2f1c3e-1.png` upload/1/8d2f1c3e-1.png. */
function withoutQuery(address: string): string {
  const [, local] = /^\/data\/local-files\/\?d=(.*)$/.exec(address) ?? []
  return local === undefined ? address.replace(/^\/data\//, '') : decodeURIComponent(local)
}

/**
 * Finds images by the addresses that Label Studio gives them. Local files keep a path from the root of its storage,
 * of which the folder here may be any part; uploaded ones have eight hexadecimal digits before their name.
 */
function uploadFinder(file: SourceFile, allowOutside: boolean): (address: string, row: number) => ImageFile {
  const base = dirname(file.path)
  return (address, row) => {
    if (/^[a-z0-9]+:\/\//i.test(address)) {
      throw new DataError(`the image is elsewhere: ${address}`, {
        file: file.path,
        row,
        key: 'data',
        mend: 'Nothing is fetched: put the images beside the file, and their paths into the tasks.',
      })
    }
    const path = withoutQuery(address).replace(/^\/+/, '')
    const parts = path.split('/')
    const tails = parts.map((_, at) => parts.slice(at).join('/'))
    const plain = basename(path).replace(/^[0-9a-f]{8}-/, '')
    const candidates = [...tails, plain].flatMap(tail => [tail, join('images', tail)])
    const found = candidates.find(candidate => existsSync(join(base, candidate)))
    const resolveImage = imageFinder(file, undefined, ['.'], allowOutside)
    return { named: resolveImage(found ?? path), path }
  }
}
