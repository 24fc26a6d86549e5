/**
 * The first reading of a part: what labels, ids, sizes there are, and which examples are bad. Of each row some 30
 * bytes are kept. Pixels are decoded in the second reading, when their size is known.
 */
import type { DataError } from '../errors.js'
import { GrowingArray } from './growing.js'
import { contentHash, idHash } from './identity.js'
import { type ImageHeader, imageContent, loadImage, readHeader } from './images.js'
import { LabelVocabulary } from './labels.js'
import { mapOrdered } from './ordered.js'
import {
  BadExample,
  exampleError,
  type RawExample,
  type Reader,
  type Roles,
  type SourceFile,
} from './source.js'

/** Images in the making at a time; bounds memory, and keeps the decoders' threads busy. */
export const inFlight = 16

export interface Skipped {
  /** Row over all files of the part. */
  readonly sourceRow: number
  readonly file: string
  readonly row: number
  readonly reason: string
}

export interface Survey {
  readonly rows: number
  /** Where there is an id column: the files that rows came from, and the row of the part at which each begins. */
  readonly files: readonly { readonly file: SourceFile; readonly firstRow: number }[]
  readonly vocabulary: LabelVocabulary
  /** Number of each row's label in the vocabulary; −1 where the row is skipped, [rows]. */
  readonly codes: Int32Array
  /** Hashes of what may become the id, [rows]; undefined where some row has none. */
  readonly ids: {
    readonly column: BigUint64Array | undefined
    readonly path: BigUint64Array | undefined
    readonly content: BigUint64Array
  }
  /** How many images there are of each `height×width`. */
  readonly sizes: ReadonlyMap<string, number>
  readonly allGrey: boolean
  /** Number of features of every row; 0 for images. */
  readonly features: number
  readonly skipped: readonly Skipped[]
}

export interface ReadingOptions {
  readonly onBadExample: 'fail' | 'skip'
  /** Read this many rows at most. */
  readonly limit: number | undefined
  readonly signal: AbortSignal
  /** Told how many rows more have been read. */
  advance(rows: number): void
}

/** @throws DataError for the first bad example, unless bad ones are skipped; for feature counts that differ */
export async function surveyPart(reader: Reader, roles: Roles, options: ReadingOptions): Promise<Survey> {
  const vocabulary = new LabelVocabulary()
  const codes = new GrowingArray(Int32Array)
  const columnIds = new GrowingArray(BigUint64Array)
  const pathIds = new GrowingArray(BigUint64Array)
  const contentIds = new GrowingArray(BigUint64Array)
  const sizes = new Map<string, number>()
  const skipped: Skipped[] = []
  const files: { file: SourceFile; firstRow: number }[] = []
  let everyPath = true
  let allGrey = true
  let features = 0
  let rows = 0

  const inspected = mapOrdered(limitedRows(reader, roles, options), inFlight, async example => {
    try {
      return { example, ...(await inspect(example, roles)) }
    } catch (error) {
      if (!(error instanceof BadExample)) throw error
      return { example, bad: error }
    }
  })
  for await (const { example, ...found } of inspected) {
    const sourceRow = rows++
    if (roles.id !== undefined && files.at(-1)?.file !== example.file)
      files.push({ file: example.file, firstRow: sourceRow })
    options.advance(1)
    if ('bad' in found) {
      skipped.push(skipOrFail(example, sourceRow, found.bad, options))
      codes.push(-1)
      for (const ids of [columnIds, pathIds, contentIds]) ids.push(0n)
      continue
    }
    if (example.features !== undefined) {
      if (features === 0) features = example.features.length
      if (example.features.length !== features) throw differingFeatures(example, features)
    }
    codes.push(vocabulary.add(example.label!, example))
    if (example.id != null) columnIds.push(idHash(example.id))
    const path = example.image?.path
    everyPath &&= path != null && path !== ''
    pathIds.push(everyPath ? idHash(path!) : 0n)
    contentIds.push(idHash(found.content))
    if (found.header !== undefined) {
      const { height, width, grey } = found.header
      const size = `${height}×${width}`
      sizes.set(size, (sizes.get(size) ?? 0) + 1)
      allGrey &&= grey
    }
  }
  return {
    rows,
    files,
    vocabulary,
    codes: codes.values,
    ids: {
      column: roles.id === undefined ? undefined : columnIds.values,
      path: everyPath ? pathIds.values : undefined,
      content: contentIds.values,
    },
    sizes,
    allGrey,
    features,
    skipped,
  }
}

/** The rows one by one, up to the limit. */
export async function* limitedRows(
  reader: Reader,
  roles: Roles,
  { limit = Number.POSITIVE_INFINITY, signal }: Pick<ReadingOptions, 'limit' | 'signal'>,
): AsyncGenerator<RawExample> {
  let rows = 0
  for await (const batch of reader.examples(roles)) {
    signal.throwIfAborted()
    for (const example of batch) {
      if (rows++ === limit) return
      yield example
    }
    if (rows === limit) return
  }
}

/** The record of a bad example, or the error that it is. */
export function skipOrFail(
  example: RawExample,
  sourceRow: number,
  bad: BadExample,
  { onBadExample }: Pick<ReadingOptions, 'onBadExample'>,
): Skipped {
  if (onBadExample === 'skip') {
    return { sourceRow, file: example.file.name, row: example.row, reason: bad.message }
  }
  throw exampleError(example, bad.message, {
    ...(bad.key === undefined ? {} : { key: bad.key }),
    mend: 'Mend or remove the example, or set `dataset.onBadExample: skip`.',
    ...(bad.cause === undefined ? {} : { cause: bad.cause }),
  })
}

async function inspect(
  example: RawExample,
  roles: Roles,
): Promise<{ content: string; header?: ImageHeader }> {
  if (example.bad !== undefined) throw example.bad
  if (example.label === null) throw new BadExample('the label is missing', roles.label)
  if (example.id === null) throw new BadExample('the id is missing', roles.id)
  if (example.image !== undefined) {
    const image = await loadImage(example.image)
    return { content: contentHash(example, imageContent(image)), header: await readHeader(image) }
  }
  const bad = example.features!.findIndex(value => !Number.isFinite(value))
  if (bad >= 0) {
    const columns = roles.content.kind === 'features' ? roles.content.columns : []
    const name = columns.length === example.features!.length ? columns[bad] : undefined
    const value = example.features![bad]
    throw new BadExample(
      Number.isNaN(value)
        ? 'the feature is missing or no number'
        : `the feature is ${value} as a 32-bit float`,
      name,
    )
  }
  return { content: contentHash(example, undefined) }
}

function differingFeatures(example: RawExample, features: number): DataError {
  return exampleError(example, `the row has ${example.features!.length} features, others have ${features}`, {
    mend: 'Every row needs the same number of features.',
  })
}
