/**
 * Tasks as JSON, to be read on another machine: a file of the store goes as the key of its artefact and its path
 * there, a long typed array as an artefact of its own, which the tasks of many members share.
 */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { z } from 'zod'
import { RunError } from '../errors.js'
import { keyOf } from '../pipeline/key.js'
import type { ArtefactStore, Work } from '../pipeline/store.js'
import type { PredictWork } from '../stages/member-logits.js'
import type { TrainWork } from '../training/members.js'

const arrayTypes = { Uint8Array, Int32Array, Float32Array, Float64Array }
type TypedArray = InstanceType<(typeof arrayTypes)[keyof typeof arrayTypes]>

/** Arrays of more bytes than this are artefacts. */
const inlineBytes = 4096
const arrayFile = 'array.bin'

const key = z.string().regex(/^[0-9a-f]{64}$/)
const fileReference = z.strictObject({ $file: z.strictObject({ key, path: z.string() }) })
const arrayReference = z.strictObject({
  $array: z.strictObject({
    type: z.enum(Object.keys(arrayTypes) as [keyof typeof arrayTypes]),
    key: key.optional(),
    base64: z.string().optional(),
  }),
})

/** Calls `map` with every path in a task, and puts what it returns in the place of it. */
function mapFiles(kind: Work['kind'], task: object, map: (path: unknown) => unknown): object {
  if (kind === 'predict') {
    const work = task as PredictWork
    return { ...work, model: map(work.model), inputs: map(work.inputs) }
  }
  const work = task as TrainWork
  const { lessons, from, inputs } = work
  return {
    ...work,
    inputs: map(inputs),
    ...(from !== undefined && { from: map(from) }),
    ...(lessons && { lessons: { ...lessons, dense: lessons.dense.map(map) } }),
  }
}

/** Whether a task reads nothing but files of the store that is in `folder`. */
export function isWithin(folder: string, { kind, task }: Work): boolean {
  let within = true
  mapFiles(kind, task, path => {
    within &&= partsOf(folder, path as string) !== undefined
  })
  return within
}

/**
 * @param folder of the store
 * @param store gets the task's long arrays
 */
export async function encodeTask(
  folder: string,
  store: ArtefactStore,
  { kind, task }: Work,
): Promise<unknown> {
  const referenced = mapFiles(kind, task, path => ({ $file: partsOf(folder, path as string) }))
  return encode(referenced)

  async function encode(value: unknown): Promise<unknown> {
    if (ArrayBuffer.isView(value)) return encodeArray(store, value as TypedArray)
    if (Array.isArray(value)) return Promise.all(value.map(encode))
    if (typeof value !== 'object' || value === null) {
      if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`JSON has no ${value}`)
      return value
    }
    const members = Object.entries(value).map(async ([name, member]) => [name, await encode(member)])
    return Object.fromEntries(await Promise.all(members))
  }
}

/**
 * The task that {@link encodeTask} encoded, with paths of this store.
 * @throws RunError if the store lacks a file
 */
export async function decodeTask(store: ArtefactStore, kind: Work['kind'], encoded: object): Promise<object> {
  const paths: unknown[] = []
  mapFiles(kind, encoded, reference => void paths.push(reference))
  const found = new Map(
    await Promise.all(paths.map(async reference => [reference, await fileOf(store, reference)] as const)),
  )
  return (await decode(mapFiles(kind, encoded, reference => found.get(reference)))) as object

  async function decode(value: unknown): Promise<unknown> {
    if (Array.isArray(value)) return Promise.all(value.map(decode))
    if (typeof value !== 'object' || value === null) return value
    if ('$array' in value) return decodeArray(store, value)
    const members = Object.entries(value).map(async ([name, member]) => [name, await decode(member)])
    return Object.fromEntries(await Promise.all(members))
  }
}

function partsOf(folder: string, path: string): { key: string; path: string } | undefined {
  const [name = '', ...rest] = relative(folder, path).split(sep)
  return key.safeParse(name).success ? { key: name, path: rest.join('/') } : undefined
}

async function encodeArray(store: ArtefactStore, array: TypedArray): Promise<object> {
  const type = array.constructor.name
  const bytes = Buffer.from(array.buffer, array.byteOffset, array.byteLength)
  if (bytes.length <= inlineBytes) return { $array: { type, base64: bytes.toString('base64') } }
  const key = keyOf({ array: createHash('sha256').update(bytes).digest('hex') })
  await store.produce(key, folder => writeFile(join(folder, arrayFile), bytes))
  return { $array: { type, key } }
}

async function decodeArray(store: ArtefactStore, value: object): Promise<TypedArray> {
  const { type, key, base64 = '' } = arrayReference.parse(value).$array
  const bytes =
    key === undefined
      ? Buffer.from(base64, 'base64')
      : await readFile(await fileOf(store, { $file: { key, path: arrayFile } }))
  // A copy, so that the array begins where its elements must.
  return new arrayTypes[type](new Uint8Array(bytes).buffer)
}

async function fileOf(store: ArtefactStore, reference: unknown): Promise<string> {
  const { key, path } = fileReference.parse(reference).$file
  const artefact = await store.find(key)
  if (!artefact?.files.some(file => file.path === path)) {
    throw new RunError(`the store of this worker has no ${path} of artefact ${key.slice(0, 12)}`, {
      mend: 'Run and workers need the same store: "--out" of the run is the folder in which "--store" lies.',
    })
  }
  return join(artefact.folder, path)
}
