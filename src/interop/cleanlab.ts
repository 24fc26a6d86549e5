/** The training data as cleanlab has them: `CleanLearning`'s table of label issues, labels and probabilities. */
import { join } from 'node:path'
import { Bool, Field, Float32, Int32, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import type { DatasetInfo } from '../dataset/info.js'
import { openTable, writeNpy, writeTable } from '../pipeline/files.js'
import { recordBatch, vectorColumn } from '../tables/columns.js'
import { type RunExample, runExamples } from './run-examples.js'

/** Names of `CleanLearning.get_label_issues`, and the id before them. */
const schema = new Schema([
  new Field('example_id', new Utf8(), false),
  new Field('is_label_issue', new Bool(), false),
  new Field('label_quality', new Float32(), false),
  new Field('given_label', new Int32(), false),
  new Field('predicted_label', new Int32(), false),
])

/**
 * Writes `label_issues.parquet`, `labels.npy` [examples] and `pred_probs.npy` [examples, classes], row for row.
 * @returns the number of training examples
 */
export async function exportCleanlab(run: string, info: DatasetInfo, folder: string): Promise<number> {
  const labels: number[] = []
  async function* issues(): AsyncGenerator<RecordBatch> {
    for await (const rows of runExamples(run, false)) {
      const training = rows.filter(({ split }) => split === 'train')
      for (const { label } of training) labels.push(label)
      yield issuesBatch(training)
    }
  }
  await writeTable(join(folder, 'label_issues.parquet'), schema, issues())
  await writeNpy(join(folder, 'labels.npy'), { dtype: 'int32', shape: [] }, [Int32Array.from(labels)])
  const shape = { dtype: 'float32', shape: [info.classNames.length] } as const
  await writeNpy(join(folder, 'pred_probs.npy'), shape, probabilities(run, labels.length))
  return labels.length
}

function issuesBatch(rows: readonly RunExample[]): RecordBatch {
  return recordBatch(schema, {
    example_id: rows.map(({ exampleId }) => exampleId),
    is_label_issue: rows.map(({ isIssue }) => isIssue),
    label_quality: Float32Array.from(rows, ({ quality }) => quality),
    given_label: Int32Array.from(rows, ({ label }) => label),
    predicted_label: Int32Array.from(rows, ({ suggested }) => suggested),
  })
}

/** Of the first rows, which are the training examples. */
async function* probabilities(run: string, rows: number): AsyncGenerator<Float32Array> {
  let left = rows
  for await (const batch of openTable(join(run, 'probabilities', 'dense.parquet'))) {
    if (left === 0) return
    const own = batch.numRows > left ? batch.slice(0, left) : batch
    left -= own.numRows
    yield vectorColumn(own, 'probabilities').values
  }
}
