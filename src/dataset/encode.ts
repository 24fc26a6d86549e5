/**
 * The second reading: examples with their pixels, in the order of the run's tables (training rows first, in
 * source order, then test rows), a bounded number at a time.
 */
import type { RecordBatch, Schema } from 'apache-arrow'
import type { DatasetConfig } from '../pipeline/config.js'
import { type ColumnValues, recordBatch } from '../tables/columns.js'
import { type Content, examplesSchema, skippedSchema } from '../tables/schemas.js'
import { contentHash, idHash } from './identity.js'
import { decodeImage, encodedImage, imageContent, loadImage } from './images.js'
import type { DatasetInfo } from './info.js'
import { unknownLabel } from './labels.js'
import { normalizationTally } from './normalization.js'
import { mapOrdered } from './ordered.js'
import { checkNoneEmpty, type IngestPlan, type PartPlan } from './plan.js'
import { shownText } from './shown-text.js'
import { BadExample, type Part, type RawExample } from './source.js'
import { inFlight, limitedRows, type Skipped, skipOrFail } from './survey.js'

const batchExamples = 1024
const batchBytes = 8 << 20

export interface EncodedBatch {
  /** Rows of `examples.parquet`. */
  readonly table: RecordBatch
  /** The same rows of `inputs.npy`, flat. */
  readonly inputs: Uint8Array | Float32Array
}

export interface EncodedDataset {
  readonly schema: Schema
  /** To be read once, to the end. @throws DataError for an image that turns out damaged, unless skipped */
  readonly batches: AsyncGenerator<EncodedBatch>
  /** What is known when all batches are read. @throws DataError if skipping left a class empty */
  finish(): { readonly info: DatasetInfo; readonly skipped: RecordBatch }
}

interface Encoded {
  readonly example: RawExample
  readonly sourceRow: number
  readonly id: string
  readonly input: Uint8Array | Float32Array
  readonly image: { readonly bytes: Uint8Array; readonly path: string | null } | undefined
}

/** @param advance told how many examples more have been encoded */
export function encodeDataset(
  plan: IngestPlan,
  config: DatasetConfig,
  { signal, advance }: { readonly signal: AbortSignal; advance(examples: number): void },
): EncodedDataset {
  const { classes, input, parts } = plan
  const [{ roles, description }] = parts
  const content: Content = input.kind === 'image' ? { kind: 'image' } : input
  const trueLabel = roles.trueLabel !== undefined
  const { text } = config
  const schema = examplesSchema({ content, groups: config.groups, trueLabel, text: text !== undefined })
  const tally = normalizationTally(input)
  const counts = { train: new Array<number>(classes.names.length).fill(0), test: 0 }
  const skipped: { part: Part; skip: Skipped }[] = parts.flatMap(({ part, survey }) =>
    survey.skipped.map(skip => ({ part, skip })),
  )
  const repeats = new Map<bigint, number>()

  function idOf(example: RawExample, imageContent: Uint8Array | undefined): string {
    if (plan.ids === 'column') return example.id!
    if (plan.ids === 'path') return example.image!.path!
    return contentHash(example, imageContent)
  }

  function distinctId(id: string): string {
    if (plan.ids !== 'content') return id
    const hash = idHash(id)
    if (!plan.repeatedContents.has(hash)) return id
    const times = (repeats.get(hash) ?? 0) + 1
    repeats.set(hash, times)
    return times === 1 ? id : `${id}~${times}`
  }

  async function encode(example: RawExample, sourceRow: number): Promise<Encoded> {
    if (input.kind === 'features') {
      return { example, sourceRow, id: idOf(example, undefined), input: example.features!, image: undefined }
    }
    const loaded = await loadImage(example.image!)
    const pixels = await decodeImage(loaded, input)
    const image = { bytes: await encodedImage(loaded), path: example.image!.path }
    return { example, sourceRow, id: idOf(example, imageContent(loaded)), input: pixels, image }
  }

  async function* rowsOf(part: PartPlan, isTest: 0 | 1): AsyncGenerator<[RawExample, number]> {
    const limit = part.part === 'train' ? config.limit : undefined
    let row = 0
    for await (const example of limitedRows(part.reader, part.roles, { limit, signal })) {
      const sourceRow = row++
      if (part.classes[sourceRow] >= 0 && part.isTest[sourceRow] === isTest) yield [example, sourceRow]
    }
  }

  async function* encodedRows(part: PartPlan, isTest: 0 | 1): AsyncGenerator<Encoded> {
    const attempts = mapOrdered(rowsOf(part, isTest), inFlight, async ([example, sourceRow]) => {
      try {
        return await encode(example, sourceRow)
      } catch (bad) {
        if (bad instanceof BadExample) return { example, sourceRow, bad }
        throw bad
      }
    })
    for await (const attempt of attempts) {
      if (!('bad' in attempt)) yield attempt
      else {
        const { example, sourceRow, bad } = attempt
        skipped.push({ part: part.part, skip: skipOrFail(example, sourceRow, bad, config) })
      }
    }
  }

  async function* batches(): AsyncGenerator<EncodedBatch> {
    for (const isTest of [0, 1] as const) {
      for (const part of parts) {
        if (!part.isTest.includes(isTest)) continue
        for await (const rows of batched(encodedRows(part, isTest))) {
          for (const { input: values, sourceRow } of rows) {
            if (isTest === 1) counts.test++
            else {
              counts.train[part.classes[sourceRow]]++
              tally.add(values)
            }
          }
          const inputs = concatenated(rows.map(row => row.input))
          yield { table: recordBatch(schema, columnsOf(part, isTest, rows, inputs)), inputs }
          advance(rows.length)
        }
      }
    }
  }

  function columnsOf(
    part: PartPlan,
    isTest: 0 | 1,
    rows: readonly Encoded[],
    inputs: Uint8Array | Float32Array,
  ): Record<string, ColumnValues> {
    const label = Int32Array.from(rows, ({ sourceRow }) => part.classes[sourceRow])
    const groups = config.groups.map((name, index): [string, ColumnValues] => [
      `group_${name}`,
      rows.map(({ example }) => example.groups[index]),
    ])
    return {
      example_id: rows.map(({ id }) => distinctId(id)),
      split: rows.map(() => (isTest === 1 ? 'test' : 'train')),
      fold: rows.map(({ sourceRow }) => (part.folds[sourceRow] < 0 ? null : part.folds[sourceRow])),
      label,
      label_name: Array.from(label, index => classes.names[index]),
      ...(trueLabel ? { true_label: rows.map(({ example }) => trueLabelOf(example)) } : {}),
      ...Object.fromEntries(groups),
      ...(text && {
        text: rows.map(({ example }) => shownText(text, example.groups.slice(config.groups.length))),
      }),
      source: rows.map(({ example }) => sourceOf(example)),
      source_row: Int32Array.from(rows, ({ sourceRow }) => sourceRow),
      ...(input.kind === 'image'
        ? { image: rows.map(({ image }) => image!) }
        : { features: inputs as Float32Array }),
    }
  }

  function sourceOf({ file, row }: RawExample): string {
    return description.format === 'folder' ? file.name : `${file.name}#${row}`
  }

  function trueLabelOf(example: RawExample): number | null {
    const { trueLabel: label } = example
    if (label === undefined) return null
    if (label === null) return -1
    const index = classes.indexOf(label)
    if (index !== undefined) return index
    if (Number(label) === -1) return -1
    throw unknownLabel(label, example, classes, roles.trueLabel!)
  }

  return {
    schema,
    batches: batches(),
    finish() {
      checkNoneEmpty(classes, counts.train, config)
      const info: DatasetInfo = {
        classNames: [...classes.names],
        classLabels: [...classes.labels],
        input,
        normalization: tally.result(),
        trainExamples: counts.train.reduce((sum, count) => sum + count, 0),
        testExamples: counts.test,
        classCounts: counts.train,
        skipped: skipped.length,
        source: {
          format: description.format,
          columns: description.columns.map(({ name }) => name),
          label: roles.label,
          content: roles.content.kind === 'image' ? [roles.content.column] : [...roles.content.columns],
        },
        featureNames: [...plan.featureNames],
        groups: [...config.groups],
        ...(text && { text: true as const }),
        trueLabel,
        ids: plan.ids,
      }
      return { info, skipped: skippedBatch(skipped) }
    },
  }
}

function skippedBatch(skipped: readonly { part: Part; skip: Skipped }[]): RecordBatch {
  const order = { train: 0, test: 1 }
  const sorted = [...skipped].sort(
    (a, b) => order[a.part] - order[b.part] || a.skip.sourceRow - b.skip.sourceRow,
  )
  return recordBatch(skippedSchema, {
    file: sorted.map(({ skip }) => skip.file),
    row: Int32Array.from(sorted, ({ skip }) => skip.row),
    reason: sorted.map(({ skip }) => skip.reason),
  })
}

async function* batched(rows: AsyncIterable<Encoded>): AsyncGenerator<Encoded[]> {
  let batch: Encoded[] = []
  let bytes = 0
  for await (const row of rows) {
    batch.push(row)
    bytes += row.input.byteLength + (row.image?.bytes.length ?? 0)
    if (batch.length < batchExamples && bytes < batchBytes) continue
    yield batch
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield batch
}

function concatenated(arrays: readonly (Uint8Array | Float32Array)[]): Uint8Array | Float32Array {
  const length = arrays.reduce((sum, array) => sum + array.length, 0)
  const all = arrays[0] instanceof Float32Array ? new Float32Array(length) : new Uint8Array(length)
  let offset = 0
  for (const array of arrays) {
    all.set(array, offset)
    offset += array.length
  }
  return all
}
