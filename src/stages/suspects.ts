/**
 * `pies.parquet` and `pies.arrow`: every PIE and label issue with its content, most suspicious first. The tables
 * they come from are in another order, so the content of suspects goes to disk once and is taken up again by rank;
 * memory holds the scores of suspects and the quality of all examples.
 */
import { join } from 'node:path'
import { DataType, type Field, type RecordBatch } from 'apache-arrow'
import type { DatasetInfo } from '../dataset/info.js'
import { openTable, writeTable } from '../pipeline/files.js'
import { levelsOf } from '../pipeline/levels.js'
import { Spool } from '../pipeline/spool.js'
import type { StageContext } from '../pipeline/stage.js'
import { mostSuspiciousFirst } from '../scoring/decision.js'
import {
  booleanColumn,
  type ColumnValues,
  float32Column,
  type ImageValue,
  imageColumn,
  int32Column,
  nullableStringColumn,
  numberColumn,
  recordBatch,
  stringColumn,
  stringListColumn,
  vectorColumn,
} from '../tables/columns.js'
import { type Content, piesSchema, scoresSchema } from '../tables/schemas.js'

/** Bounds of a batch of suspects. */
const batchRows = 512
const batchBytes = 16 << 20

/** Writes both tables and returns the number of suspects. */
export async function writeSuspects(context: StageContext, info: DatasetInfo): Promise<number> {
  const levels = levelsOf(context.pipeline).map(({ name }) => name)
  const content: Content = info.input.kind === 'image' ? { kind: 'image' } : info.input
  const { trueLabel } = info
  const rankOf = await rankSuspects(context, info.trainExamples + info.testExamples)
  const count = rankOf.reduce((sum, rank) => sum + (rank < 0 ? 0 : 1), 0)
  const columns = await scoresByRank(context, scoresSchema(levels, { trueLabel }).fields, rankOf, count)
  const hints = await hintsByRank(context, rankOf, count)
  const texts = info.text ? await textsByRank(context, rankOf, count) : undefined
  const schema = piesSchema(levels, { trueLabel, content, ...(texts && { text: true }) })
  const nameOf = (label: number): string => info.classNames[label]

  const spool = await Spool.create(join(context.output, 'suspects.spool'))
  try {
    const contents = await spoolContents(context, content, spool, rankOf, count)
    async function* batches(): AsyncGenerator<RecordBatch> {
      for (let begin = 0; begin < count; ) {
        context.signal.throwIfAborted()
        const rows: ImageValue[] = []
        for (let bytes = 0; begin + rows.length < count && rows.length < batchRows && bytes < batchBytes; ) {
          const { piece, path } = contents[begin + rows.length]
          const value = await spool.read(piece)
          bytes += value.length
          rows.push({ bytes: value, path })
        }
        const end = begin + rows.length
        const cells = Object.fromEntries(
          Object.entries(columns).map(([name, values]) => [name, slice(values, begin, end)]),
        )
        yield recordBatch(schema, {
          ...cells,
          rank: Int32Array.from(rows, (_, i) => begin + i + 1),
          label_name: Array.from(cells.label as Int32Array, nameOf),
          suggested_label_name: Array.from(cells.suggested_label as Int32Array, nameOf),
          hints: hints.slice(begin, end),
          ...(texts && { text: texts.slice(begin, end) }),
          verdict: rows.map(() => null),
          ...(content.kind === 'image'
            ? { image: rows }
            : {
                features: floatsOf(
                  rows.map(({ bytes }) => bytes!),
                  content.features,
                ),
              }),
        })
        begin = end
      }
    }
    await writeTable(join(context.output, 'pies.parquet'), schema, batches())
    await writeTable(join(context.output, 'pies.arrow'), schema, batches())
  } finally {
    await spool.dispose()
  }
  return count
}

/** Rank of each example among the suspects, from 0, or −1, [examples]. */
async function rankSuspects(context: StageContext, examples: number): Promise<Int32Array> {
  const quality = new Float32Array(examples).fill(Number.NaN)
  const columns = ['pie_levels', 'label_quality', 'is_label_issue']
  let begin = 0
  for await (const batch of openTable(context.input('scores.parquet'), { columns })) {
    const pieLevels = int32Column(batch, 'pie_levels')
    const issue = booleanColumn(batch, 'is_label_issue')
    const own = float32Column(batch, 'label_quality')
    for (let i = 0; i < batch.numRows; i++) {
      if (pieLevels[i] > 0 || issue[i] === 1) quality[begin + i] = own[i]
    }
    begin += batch.numRows
  }
  const ranks = new Int32Array(examples).fill(-1)
  for (const [rank, example] of mostSuspiciousFirst(quality).entries()) ranks[example] = rank
  return ranks
}

type Column = Int32Array | Float32Array | Uint8Array | (number | null)[] | (string | null)[]

const slice = (values: Column, begin: number, end: number): ColumnValues => values.slice(begin, end)

/** The scores of the suspects, column by column, in the order of their ranks. */
async function scoresByRank(
  context: StageContext,
  fields: readonly Field[],
  rankOf: Int32Array,
  count: number,
): Promise<Record<string, Column>> {
  const columns = fields.map(field => ({ field, values: emptyColumn(field, count) }))
  let begin = 0
  for await (const batch of openTable(context.input('scores.parquet'))) {
    context.signal.throwIfAborted()
    for (const { field, values } of columns) {
      const own = valuesOf(batch, field)
      for (let i = 0; i < own.length; i++) {
        const rank = rankOf[begin + i]
        if (rank >= 0) values[rank] = own[i] as never
      }
    }
    begin += batch.numRows
  }
  return Object.fromEntries(columns.map(({ field, values }) => [field.name, values]))
}

/** The hints of the suspects, in the order of their ranks; none where the pipeline leaves the inspection out. */
async function hintsByRank(context: StageContext, rankOf: Int32Array, count: number): Promise<string[][]> {
  const hints: string[][] = Array.from({ length: count }, () => [])
  if (context.pipeline.inspect === false) return hints
  let begin = 0
  for await (const batch of openTable(context.input('inspection.parquet'), { columns: ['hints'] })) {
    for (const [i, own] of stringListColumn(batch, 'hints').entries()) {
      if (rankOf[begin + i] >= 0) hints[rankOf[begin + i]] = own
    }
    begin += batch.numRows
  }
  return hints
}

/** The texts of the suspects, in the order of their ranks. */
async function textsByRank(
  context: StageContext,
  rankOf: Int32Array,
  count: number,
): Promise<(string | null)[]> {
  const texts = new Array<string | null>(count).fill(null)
  let begin = 0
  for await (const batch of openTable(context.input('examples.parquet'), { columns: ['text'] })) {
    for (const [i, own] of nullableStringColumn(batch, 'text').entries()) {
      if (rankOf[begin + i] >= 0) texts[rankOf[begin + i]] = own
    }
    begin += batch.numRows
  }
  return texts
}

function emptyColumn({ type, nullable }: Field, count: number): Column {
  if (nullable || DataType.isUtf8(type)) return new Array(count)
  if (DataType.isBool(type)) return new Uint8Array(count)
  return DataType.isInt(type) ? new Int32Array(count) : new Float32Array(count)
}

function valuesOf(batch: RecordBatch, { name, type, nullable }: Field): Column {
  if (DataType.isUtf8(type)) return nullable ? nullableStringColumn(batch, name) : stringColumn(batch, name)
  if (nullable) return numberColumn(batch, name)
  if (DataType.isBool(type)) return booleanColumn(batch, name)
  return DataType.isInt(type) ? int32Column(batch, name) : float32Column(batch, name)
}

/** Where in the spool the content of each suspect lies, by rank, and the path it has in the source. */
async function spoolContents(
  context: StageContext,
  content: Content,
  spool: Spool,
  rankOf: Int32Array,
  count: number,
): Promise<{ piece: number; path: string | null }[]> {
  const contents: { piece: number; path: string | null }[] = new Array(count)
  let begin = 0
  context.progress.start('export suspects', rankOf.length)
  for await (const batch of openTable(context.input('examples.parquet'), { columns: [content.kind] })) {
    context.signal.throwIfAborted()
    const valueAt = contentReader(batch, content)
    for (let i = 0; i < batch.numRows; i++) {
      const rank = rankOf[begin + i]
      if (rank < 0) continue
      const { bytes, path } = valueAt(i)
      contents[rank] = { piece: await spool.append(bytes), path }
    }
    begin += batch.numRows
    context.progress.advance(batch.numRows)
  }
  return contents
}

function contentReader(
  batch: RecordBatch,
  content: Content,
): (row: number) => { bytes: Uint8Array; path: string | null } {
  if (content.kind === 'image') {
    const images = imageColumn(batch, 'image')
    return row => ({ bytes: images[row]?.bytes ?? new Uint8Array(0), path: images[row]?.path ?? null })
  }
  const { values, size } = vectorColumn(batch, 'features')
  return row => {
    const features = values.slice(row * size, (row + 1) * size)
    return { bytes: new Uint8Array(features.buffer), path: null }
  }
}

function floatsOf(pieces: readonly Uint8Array[], size: number): Float32Array {
  const floats = new Float32Array(pieces.length * size)
  const bytes = new Uint8Array(floats.buffer)
  for (const [row, piece] of pieces.entries()) bytes.set(piece, row * size * floats.BYTES_PER_ELEMENT)
  return floats
}
