/** What the data look like, from a look at the first examples. */
import { openReader } from '../dataset/open.js'
import { type IngestPlan, planIngest } from '../dataset/plan.js'
import { DataError } from '../errors.js'
import type { DatasetConfig } from '../pipeline/config.js'
import type { DatasetShape } from '../pipeline/estimate.js'

/** Rows from which the classes and the size of the images are told. */
const sampled = 2000

/** Size and number of the examples, from a look at the first ones, or at all where those do not tell. */
export async function shapeOf(config: DatasetConfig): Promise<DatasetShape> {
  const { test, limit = Number.POSITIVE_INFINITY } = config
  const known = (await (await openReader(config, 'train')).describe()).rows
  const sample = Math.min(known === undefined ? Number.POSITIVE_INFINITY : sampled, limit)
  const { parts, input, classes } = await look(config, sample).catch(error => {
    // Rows in the order of their classes: the first ones are of some classes only.
    if (error instanceof DataError && sample < limit) return look(config, limit)
    throw error
  })
  const rows = Math.min(known ?? parts[0].survey.rows, limit)
  const held = test === undefined ? rows * config.testShare : 0
  const testRows =
    test === undefined ? held : ((await (await openReader(config, 'test')).describe()).rows ?? 0)
  return { input, classes: classes.names.length, trainExamples: rows - held, testExamples: testRows }
}

/** @param rows training examples to read at most, may be infinite */
function look({ test, limit, ...training }: DatasetConfig, rows: number): Promise<IngestPlan> {
  const most = Number.isFinite(rows) ? { limit: rows } : {}
  return planIngest(
    { ...training, ...most, testShare: 0, onBadExample: 'skip' },
    { crossFit: 0, seed: 0, signal: new AbortController().signal, start() {}, advance() {}, log() {} },
  )
}
