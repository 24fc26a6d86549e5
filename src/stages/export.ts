/**
 * Hands over what was found: the suspicious examples with their content, and splits of the training data in the
 * source's own columns, so that a training script takes them as it takes the source.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { type DatasetInfo, readDatasetInfo } from '../dataset/info.js'
import { openOriginal } from '../dataset/original.js'
import { DataError } from '../errors.js'
import type { DatasetConfig } from '../pipeline/config.js'
import { openTable, writeTable } from '../pipeline/files.js'
import { pieLevelOf } from '../pipeline/levels.js'
import type { Stage, StageContext } from '../pipeline/stage.js'
import { booleanColumn, int32Column } from '../tables/columns.js'
import { takeRows } from '../tables/take.js'
import { writeSuspects } from './suspects.js'

export const exportTables: Stage = {
  name: 'export',
  version: 2,
  inputs: ['ingest', 'inspect', 'score'],
  readsSource: true,
  settings: pipeline => ({ pieLevel: pieLevelOf(pipeline)?.name, inspect: pipeline.inspect !== false }),
  async run(context) {
    const info = await readDatasetInfo(context.input('dataset.json'))
    const suspects = await writeSuspects(context, info)
    const splits = await writeSplits(context, info)
    return { suspects, splits }
  },
}

/** What decides about each training example, [training examples]. */
interface TrainingVerdicts {
  /** Row of the source, over all its shards. */
  readonly sourceRow: Int32Array
  /** 1 for PIEs of the level that splits go by. */
  readonly pie: Uint8Array
  readonly issue: Uint8Array
  readonly suggested: Int32Array
}

/** A split: which training examples it keeps, and whether it takes the suggested labels of label issues. */
interface Split {
  readonly name: string
  keeps(verdicts: TrainingVerdicts, example: number): boolean
  readonly relabels?: true
}

const splits: readonly Split[] = [
  { name: 'non_pie', keeps: ({ pie }, i) => pie[i] === 0 },
  { name: 'cleaned', keeps: ({ issue }, i) => issue[i] === 0 },
  { name: 'relabeled', keeps: () => true, relabels: true },
  { name: 'pie_only', keeps: ({ pie }, i) => pie[i] === 1 },
]

/** Writes the splits and returns the number of rows of each. */
async function writeSplits(context: StageContext, info: DatasetInfo): Promise<Record<string, number>> {
  const { dataset } = context.pipeline
  const verdicts = await readVerdicts(context, info.trainExamples)
  const original = await openOriginal(dataset, info)
  const counts: Record<string, number> = {}
  await mkdir(join(context.output, 'splits'), { recursive: true })
  context.progress.start('export splits', splits.length)
  for (const split of splits) {
    counts[split.name] = 0
    async function* batches(): AsyncGenerator<RecordBatch> {
      for await (const { batch, rows, examples } of trainingRows(
        original.rows('train'),
        verdicts.sourceRow,
        dataset,
      )) {
        context.signal.throwIfAborted()
        const kept = examples.filter(example => split.keeps(verdicts, example))
        counts[split.name] += kept.length
        // Batches of no rows are passed on too: a split without any still has the source's columns.
        const first = examples[0]
        const taken = takeRows(
          batch,
          kept.map(example => rows[example - first]),
        )
        yield split.relabels ? original.relabel(taken, newLabels(verdicts, kept)) : taken
      }
    }
    await writeTable(join(context.output, 'splits', `${split.name}.parquet`), original.schema, batches())
    context.progress.advance(1, split.name)
  }
  return counts
}

interface TrainingRows {
  readonly batch: RecordBatch
  /** Rows of the batch that are training examples, ascending. */
  readonly rows: Int32Array
  /** Their places among the training examples, consecutive. */
  readonly examples: Int32Array
}

/**
 * Finds the training examples among the rows of their source: what ingest skipped or held out is passed over.
 * @throws DataError if the source has fewer rows than when it was ingested
 */
async function* trainingRows(
  batches: AsyncIterable<RecordBatch>,
  sourceRow: Int32Array,
  { path }: DatasetConfig,
): AsyncGenerator<TrainingRows> {
  let begin = 0
  let example = 0
  for await (const batch of batches) {
    const first = example
    while (example < sourceRow.length && sourceRow[example] < begin + batch.numRows) example++
    if (example > first) {
      yield {
        batch,
        rows: sourceRow.subarray(first, example).map(row => row - begin),
        examples: Int32Array.from({ length: example - first }, (_, i) => first + i),
      }
    }
    begin += batch.numRows
    if (example === sourceRow.length) return
  }
  throw new DataError(`the data have ${begin} rows, an example came from row ${sourceRow[example]}`, {
    file: path,
    mend: 'They changed while the pipeline ran: run it again.',
  })
}

/** The suggested label where the given one is an issue, −1 elsewhere. */
function newLabels({ issue, suggested }: TrainingVerdicts, examples: Int32Array): Int32Array {
  return examples.map(example => (issue[example] === 1 ? suggested[example] : -1))
}

async function readVerdicts(context: StageContext, trainExamples: number): Promise<TrainingVerdicts> {
  const level = pieLevelOf(context.pipeline)
  const verdicts = {
    sourceRow: new Int32Array(trainExamples),
    pie: new Uint8Array(trainExamples),
    issue: new Uint8Array(trainExamples),
    suggested: new Int32Array(trainExamples),
  }
  // Training examples stand before test examples, so their rows are the first of both tables.
  await readFirst(context.input('examples.parquet'), ['source_row'], trainExamples, (batch, begin) => {
    verdicts.sourceRow.set(int32Column(batch, 'source_row'), begin)
  })
  const pie = level === undefined ? [] : [`is_pie_${level.name}`]
  const columns = ['is_label_issue', 'suggested_label', ...pie]
  await readFirst(context.input('scores.parquet'), columns, trainExamples, (batch, begin) => {
    verdicts.issue.set(booleanColumn(batch, 'is_label_issue'), begin)
    verdicts.suggested.set(int32Column(batch, 'suggested_label'), begin)
    for (const name of pie) verdicts.pie.set(booleanColumn(batch, name), begin)
  })
  return verdicts
}

/** Reads the first rows of a table, batch by batch. */
async function readFirst(
  path: string,
  columns: readonly string[],
  rows: number,
  read: (batch: RecordBatch, begin: number) => void,
): Promise<void> {
  let begin = 0
  for await (const batch of openTable(path, { columns })) {
    read(begin + batch.numRows > rows ? batch.slice(0, rows - begin) : batch, begin)
    begin += batch.numRows
    if (begin >= rows) return
  }
}
