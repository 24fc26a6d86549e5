/** Ingest: from the data set as it lies to examples, inputs, classes, and a list of what was skipped. */
import { join } from 'node:path'
import { type EncodedDataset, encodeDataset } from '../dataset/encode.js'
import { encodeDatasetInfo } from '../dataset/info.js'
import { type IngestPlan, planIngest } from '../dataset/plan.js'
import { openNpyWriter, writeTable, writeText } from '../pipeline/files.js'
import type { Stage, StageContext } from '../pipeline/stage.js'
import { skippedSchema } from '../tables/schemas.js'
import type { IngestHeadline } from './headlines.js'

/** The stage's key also needs `fingerprint(pipeline.dataset)`, which is asynchronous; see `dataset/fingerprint.ts`. */
export const ingest: Stage = {
  name: 'ingest',
  version: 1,
  inputs: [],
  readsSource: true,
  settings({ dataset, population, seed }) {
    // Where the data lie does not matter, only what they are, which the fingerprint says.
    const { path, test, labels, testLabels, allowOutside, ...settings } = dataset
    return { ...settings, hasTest: test !== undefined, crossFit: population.crossFit, seed }
  },
  async run({ pipeline, output, progress, signal }) {
    const { dataset, population, seed } = pipeline
    const plan = await planIngest(dataset, {
      crossFit: population.crossFit,
      seed,
      signal,
      start: (part, rows) =>
        progress.start(`reading the ${part === 'train' ? 'training' : 'test'} data`, rows),
      advance: rows => progress.advance(rows),
      log: message => progress.log(message),
    })
    const rows = plan.parts.reduce((sum, { survey }) => sum + survey.rows - survey.skipped.length, 0)
    progress.start(plan.input.kind === 'image' ? 'decoding images' : 'writing examples', rows)
    const encoded = encodeDataset(plan, dataset, { signal, advance: count => progress.advance(count) })
    await writeExamples(output, plan, encoded)
    const { info, skipped } = encoded.finish()
    await writeTable(join(output, 'skipped.parquet'), skippedSchema, [skipped])
    await writeText(join(output, 'dataset.json'), encodeDatasetInfo(info))
    if (info.skipped > 0) {
      progress.log(
        `${info.skipped} bad ${info.skipped === 1 ? 'example' : 'examples'} skipped: skipped.parquet`,
      )
    }
    const headline: IngestHeadline = {
      trainExamples: info.trainExamples,
      testExamples: info.testExamples,
      classes: info.classNames.length,
      skipped: info.skipped,
    }
    return { examples: info.trainExamples + info.testExamples, ...headline }
  },
}

async function writeExamples(
  output: StageContext['output'],
  { input }: IngestPlan,
  { schema, batches }: EncodedDataset,
): Promise<void> {
  const inputs = await openNpyWriter(
    join(output, 'inputs.npy'),
    input.kind === 'image'
      ? { dtype: 'uint8', shape: [input.height, input.width, input.channels] }
      : { dtype: 'float32', shape: [input.features] },
  )
  async function* tables() {
    for await (const batch of batches) {
      await inputs.write(batch.inputs)
      yield batch.table
    }
  }
  try {
    await writeTable(join(output, 'examples.parquet'), schema, tables())
  } catch (error) {
    await inputs.abort()
    throw error
  }
  await inputs.close()
}
