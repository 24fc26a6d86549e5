/** Looks once at every example, and at where it lies among the others: `inspection.parquet`, `neighbors.parquet`. */
import { createHash } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { decodeImage, readHeader } from '../dataset/images.js'
import { type DatasetInfo, readDatasetInfo } from '../dataset/info.js'
import { networkInputs } from '../dataset/network-inputs.js'
import { mapOrdered } from '../dataset/ordered.js'
import { type Neighbors, nearestNeighbors } from '../engine/onnxruntime/nearest-neighbors.js'
import { createPredictionPool } from '../engine/onnxruntime/prediction-pool.js'
import { type Duplicates, findDuplicates } from '../inspection/duplicates.js'
import { type HintKind, hintKinds, hintRules, standsOut } from '../inspection/hints.js'
import { imageStatistics, luminanceOf } from '../inspection/image-statistics.js'
import { isolation, neighborLabels } from '../inspection/neighborhood.js'
import { perceptualHash, resampled, thumbnailOf, thumbnailSide } from '../inspection/perceptual-hash.js'
import { ambiguous, type PlausibleClasses, plausibleClasses } from '../inspection/plausible-classes.js'
import type { InputShape } from '../model/architecture.js'
import { cutToFeatures } from '../onnx/features.js'
import { decodeModel, encodeModel } from '../onnx/model.js'
import { openTable, readNpyShape, streamNpy, writeNpy, writeTable } from '../pipeline/files.js'
import type { Stage, StageContext } from '../pipeline/stage.js'
import { splits } from '../scoring/accuracy-tally.js'
import { imageColumn, int32Column, recordBatch, stringColumn, vectorColumn } from '../tables/columns.js'
import { RowReader } from '../tables/row-reader.js'
import { inspectionSchema, neighborsSchema } from '../tables/schemas.js'
import type { InspectHeadline } from './headlines.js'

export const inspect: Stage = {
  name: 'inspect',
  version: 2,
  inputs: ['ingest', 'backbone', 'models', 'train', 'predict'],
  wanted: ({ inspect }) => inspect !== false,
  settings: ({ inspect, seed }) => ({ inspect, seed }),
  run: async context => ({ ...(await inspectRun(context)) }),
}

/** Rows of a table in memory at a time, and longest side at which an image's statistics are taken. */
const batchRows = 4096
const longestSide = 128
/** Images that are decoded side by side. */
const inFlight = 16

interface Examples {
  readonly ids: string[]
  /** [examples] */
  readonly labels: Int32Array
  /** 0 train, 1 test, [examples]. */
  readonly split: Uint8Array
  /** [examples, 2] */
  readonly digests: Float64Array
  readonly images: ImageColumns | undefined
}

const imageNumbers = ['brightness', 'darkest', 'brightest', 'contrast', 'blur', 'entropy'] as const

type ImageColumns = Record<'width' | 'height', Int32Array> &
  Record<(typeof imageNumbers)[number], Float32Array> & {
    /** [examples, 2] */
    readonly hashes: Int32Array
    /** [examples, 16, 16] */
    readonly thumbnails: Uint8Array
  }

async function inspectRun(context: StageContext): Promise<InspectHeadline> {
  const { output, progress, signal } = context
  const info = await readDatasetInfo(context.input('dataset.json'))
  const classes = info.classNames.length
  const examples = await readExamples(context, info)
  const features = join(output, 'features.npy')
  await writeFeatures(context, features)
  progress.start('finding neighbours', examples.ids.length)
  const { inspect, seed } = context.pipeline
  const neighbors = await nearestNeighbors(features, {
    neighbors: inspect === false ? 0 : inspect.neighbors,
    workers: context.workers,
    seed: [seed, 'neighbors'],
    scratch: join(output, 'neighbors'),
    signal,
    advance: rows => progress.advance(rows),
  })
  const { labels, split, digests, images } = examples
  const duplicates = findDuplicates({
    digests,
    labels,
    split,
    ...(images && {
      near: {
        hashes: images.hashes,
        thumbnails: images.thumbnails,
        neighbors: neighbors.indices,
        count: neighbors.count,
      },
    }),
  })
  const around = { ...neighborLabels(neighbors, labels, classes), ...isolation(neighbors) }
  const plausible = await readPlausible(context, labels.length, classes)
  const flags = hintFlags(images, duplicates, around.relative, plausible)
  const findings = { examples, duplicates, around, plausible, flags }
  const schema = inspectionSchema(info.input)
  await writeTable(join(output, 'inspection.parquet'), schema, inspectionRows(findings, schema))
  await writeTable(join(output, 'neighbors.parquet'), neighborsSchema, neighborRows(examples.ids, neighbors))
  const count = (marks: Uint8Array) => marks.reduce((sum, mark) => sum + mark, 0)
  return {
    hints: Object.fromEntries(
      flags.map(([kind, marks]) => [kind, count(marks)] as const).filter(([, found]) => found > 0),
    ),
    duplicateGroups: duplicates.groups,
    duplicatesAcrossSplits: count(duplicates.leak),
    duplicatesOtherLabel: count(duplicates.otherLabel),
    neighborAgreement: around.agreement.reduce((sum, share) => sum + share, 0) / labels.length,
    neighborRecall: neighbors.recall,
  }
}

/** Every example's digest, and of images what can be told without knowing what they show. */
async function readExamples(context: StageContext, info: DatasetInfo): Promise<Examples> {
  const { input, trainExamples, testExamples } = info
  const count = trainExamples + testExamples
  const images: ImageColumns | undefined =
    input.kind === 'image'
      ? {
          width: new Int32Array(count),
          height: new Int32Array(count),
          hashes: new Int32Array(2 * count),
          thumbnails: new Uint8Array(thumbnailSide * thumbnailSide * count),
          brightness: new Float32Array(count),
          darkest: new Float32Array(count),
          brightest: new Float32Array(count),
          contrast: new Float32Array(count),
          blur: new Float32Array(count),
          entropy: new Float32Array(count),
        }
      : undefined
  const examples: Examples = {
    ids: [],
    labels: new Int32Array(count),
    split: new Uint8Array(count),
    digests: new Float64Array(2 * count),
    images,
  }
  context.progress.start(images ? 'inspecting images' : 'inspecting examples', count)
  const columns = ['example_id', 'split', 'label', ...(images ? ['image'] : [])]
  const rows = new RowReader(openTable(context.input('examples.parquet'), { columns }))
  const chunk = 512
  try {
    for await (const inputs of streamNpy(context.input('inputs.npy'), chunk)) {
      const seen = inputs.length / inputLength(input)
      let offset = 0
      for (const batch of await rows.take(seen)) {
        context.signal.throwIfAborted()
        const begin = examples.ids.length
        examples.ids.push(...stringColumn(batch, 'example_id'))
        examples.labels.set(int32Column(batch, 'label'), begin)
        examples.split.set(
          stringColumn(batch, 'split').map(name => (name === splits[1] ? 1 : 0)),
          begin,
        )
        const size = inputLength(input)
        const inputOf = (row: number) => inputs.subarray((offset + row) * size, (offset + row + 1) * size)
        for (let row = 0; row < batch.numRows; row++) {
          digestInto(examples.digests, begin + row, inputOf(row))
        }
        if (images && input.kind === 'image') {
          await inspectImages(batch, begin, images, input, row => inputOf(row) as Uint8Array)
        }
        offset += batch.numRows
        context.progress.advance(batch.numRows)
      }
    }
  } finally {
    await rows.close()
  }
  return examples
}

const inputLength = (input: InputShape): number =>
  input.kind === 'image' ? input.height * input.width * input.channels : input.features

/** The first 96 bits of SHA-256 as two whole numbers, which are all a float64 holds. */
function digestInto(digests: Float64Array, row: number, input: ArrayBufferView): void {
  const bytes = new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
  const digest = createHash('sha256').update(bytes).digest()
  digests[2 * row] = digest.readUIntBE(0, 6)
  digests[2 * row + 1] = digest.readUIntBE(6, 6)
}

/** @param inputOf what the networks see of a row of the batch */
async function inspectImages(
  batch: RecordBatch,
  begin: number,
  columns: ImageColumns,
  input: Extract<InputShape, { kind: 'image' }>,
  inputOf: (row: number) => Uint8Array,
): Promise<void> {
  const images = imageColumn(batch, 'image')
  const measure = async (row: number): Promise<void> => {
    const bytes = images[row]!.bytes!
    const { width, height } = await readHeader(bytes)
    const at = begin + row
    columns.width[at] = width
    columns.height[at] = height
    // Only where ingest resized the image are its own pixels worth decoding again.
    const shape =
      width === input.width && height === input.height ? input : boundedShape(width, height, input.channels)
    const pixels = shape === input ? inputOf(row) : await decodeImage(bytes, shape)
    const luminance = luminanceOf(pixels, shape)
    const statistics = imageStatistics(luminance)
    for (const name of imageNumbers) columns[name][at] = statistics[name]
    const small = resampled(luminance)
    columns.hashes.set(perceptualHash(small), 2 * at)
    columns.thumbnails.set(thumbnailOf(small), thumbnailSide * thumbnailSide * at)
  }
  for await (const _ of mapOrdered(images.keys(), inFlight, measure)) {
    // Each image writes its own place of the columns.
  }
}

/** The image's own shape, scaled down to {@link longestSide} where it is larger. */
function boundedShape(width: number, height: number, channels: number) {
  const scale = Math.min(1, longestSide / Math.max(width, height))
  const scaled = (size: number) => Math.max(1, Math.round(size * scale))
  return { width: scaled(width), height: scaled(height), channels }
}

/**
 * `features.npy`, float32 [examples, size], row for row with `examples.parquet`: the input of the last dense layer
 * of the first dense member, each row divided by its length; its logits where it has no dense layer.
 */
async function writeFeatures(context: StageContext, path: string): Promise<void> {
  const { output, progress, signal } = context
  const members = JSON.parse(await readFile(context.input('members.json'), 'utf8'))
  const file = context.input(`members/dense/${members.dense[0].seed}.onnx`)
  const model = decodeModel(await readFile(file), file)
  if (cutToFeatures(model) === undefined) {
    progress.log('the dense members have no dense layer: neighbours go by their logits')
  }
  const cut = join(output, 'features.onnx')
  const raw = join(output, 'features-raw.npy')
  progress.start('computing features', 1)
  const pool = createPredictionPool(1, progress.log)
  signal.addEventListener('abort', pool.stop)
  try {
    await writeFile(cut, encodeModel(model))
    const task = { model: cut, inputs: (await networkInputs(context)).file, logits: raw }
    await pool.despiteHanging('features', () => pool.predict(task))
    signal.throwIfAborted()
    const [, size] = await readNpyShape(raw)
    await writeNpy(path, { dtype: 'float32', shape: [size] }, normalized(raw, size))
    progress.advance(1)
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', pool.stop)
    await pool.close()
    await rm(cut, { force: true })
    await rm(raw, { force: true })
  }
}

async function* normalized(path: string, size: number): AsyncGenerator<Float32Array> {
  for await (const rows of streamNpy(path, batchRows)) {
    const features = rows as Float32Array
    for (let start = 0; start < features.length; start += size) {
      let squares = 0
      for (let i = start; i < start + size; i++) squares += features[i] * features[i]
      const length = Math.sqrt(squares) || 1
      for (let i = start; i < start + size; i++) features[i] /= length
    }
    yield features
  }
}

/** The two most probable classes by the mean of the dense members. */
async function readPlausible(
  context: StageContext,
  examples: number,
  classes: number,
): Promise<PlausibleClasses> {
  const plausible: PlausibleClasses = {
    first: new Int32Array(examples),
    second: new Int32Array(examples),
    firstProbability: new Float32Array(examples),
    secondProbability: new Float32Array(examples),
  }
  let row = 0
  const path = context.input('probabilities/dense.parquet')
  for await (const batch of openTable(path, { columns: ['probabilities'] })) {
    const found = plausibleClasses(vectorColumn(batch, 'probabilities').values, classes)
    for (const column of Object.keys(found) as (keyof PlausibleClasses)[]) {
      plausible[column].set(found[column], row)
    }
    row += batch.numRows
  }
  return plausible
}

/** Flags of every kind that can be told of these data, [kind][examples]. */
function hintFlags(
  images: ImageColumns | undefined,
  { exact, near, otherLabel, leak }: Duplicates,
  relative: Float32Array,
  plausible: PlausibleClasses,
): (readonly [HintKind, Uint8Array])[] {
  const ofImages = images && {
    blurry: standsOut(images.blur, hintRules.blurry),
    dark: standsOut(images.brightest, hintRules.dark),
    bright: standsOut(images.darkest, hintRules.bright),
    'low-information': standsOut(images.entropy, hintRules['low-information']),
    'odd-size': standsOut(
      Float32Array.from(images.width, (width, i) => Math.log2(width * images.height[i]) / 2),
      hintRules['odd-size'],
    ),
    'odd-aspect': standsOut(
      Float32Array.from(images.width, (width, i) => Math.log2(width / images.height[i])),
      hintRules['odd-aspect'],
    ),
    'near-duplicate': near,
  }
  const flags: Partial<Record<HintKind, Uint8Array>> = {
    ...ofImages,
    'exact-duplicate': exact,
    'duplicate-other-label': otherLabel,
    leak,
    outlier: standsOut(relative.map(Math.log2), hintRules.outlier),
    ambiguous: ambiguous(plausible),
  }
  return hintKinds.flatMap(kind => (flags[kind] === undefined ? [] : [[kind, flags[kind]] as const]))
}

interface Findings {
  readonly examples: Examples
  readonly duplicates: Duplicates
  readonly around: ReturnType<typeof neighborLabels> & ReturnType<typeof isolation>
  readonly plausible: PlausibleClasses
  readonly flags: ReturnType<typeof hintFlags>
}

function* inspectionRows(
  { examples, duplicates, around, plausible, flags }: Findings,
  schema: ReturnType<typeof inspectionSchema>,
): Generator<RecordBatch> {
  const { ids, split, images } = examples
  for (let begin = 0; begin < ids.length; begin += batchRows) {
    const end = Math.min(ids.length, begin + batchRows)
    const rows = Array.from({ length: end - begin }, (_, i) => begin + i)
    const part = <T extends Float32Array | Int32Array>(values: T) => values.subarray(begin, end)
    const known = (values: Float32Array) =>
      Array.from(part(values), value => (Number.isNaN(value) ? null : value))
    const orNull = (values: Int32Array) => Array.from(part(values), value => (value < 0 ? null : value))
    yield recordBatch(schema, {
      example_id: ids.slice(begin, end),
      split: rows.map(row => splits[split[row]]),
      ...(images && {
        width: part(images.width),
        height: part(images.height),
        brightness: part(images.brightness),
        darkest: part(images.darkest),
        brightest: part(images.brightest),
        contrast: part(images.contrast),
        blur: known(images.blur),
        entropy: part(images.entropy),
      }),
      duplicate_group: orNull(duplicates.group),
      neighbor_distance: known(around.distance),
      outlier_score: known(around.relative),
      neighbor_agreement: known(around.agreement),
      neighbor_label: orNull(around.majority),
      neighbor_label_share: known(around.majorityShare),
      first_label: part(plausible.first),
      first_p: part(plausible.firstProbability),
      second_label: part(plausible.second),
      second_p: part(plausible.secondProbability),
      hints: rows.map((row): string[] => flags.filter(([, marks]) => marks[row] === 1).map(([kind]) => kind)),
    })
  }
}

function* neighborRows(
  ids: readonly string[],
  { indices, similarities, count }: Neighbors,
): Generator<RecordBatch> {
  for (let begin = 0; begin < ids.length; begin += batchRows) {
    const end = Math.min(ids.length, begin + batchRows)
    // A partitioned search may find fewer than it was asked for.
    const pairs = Array.from({ length: (end - begin) * count }, (_, i) => begin * count + i).filter(
      pair => indices[pair] >= 0,
    )
    yield recordBatch(neighborsSchema, {
      example_id: pairs.map(pair => ids[Math.floor(pair / count)]),
      rank: Int32Array.from(pairs, pair => (pair % count) + 1),
      neighbor_id: pairs.map(pair => ids[indices[pair]]),
      similarity: Float32Array.from(pairs, pair => similarities[pair]),
    })
  }
}
