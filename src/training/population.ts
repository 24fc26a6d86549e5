/** A run's members: which rows each trains on, what surrounds their training, and where their files go. */
import { constants } from 'node:buffer'
import { readDatasetInfo } from '../dataset/info.js'
import { networkInputs } from '../dataset/network-inputs.js'
import { ConfigError } from '../errors.js'
import type { InputShape } from '../model/architecture.js'
import { buildArchitecture } from '../model/architectures/index.js'
import { elements, inputShapeOf } from '../model/shapes.js'
import type { ModelConfig, Pipeline } from '../pipeline/config.js'
import { hashOfFile, openTable } from '../pipeline/files.js'
import type { PlanningContext } from '../pipeline/stage.js'
import { versionsOfEngine } from '../pipeline/versions.js'
import type { Seed } from '../random.js'
import { int32Column, nullableInt32Column, stringColumn } from '../tables/columns.js'
import type { MemberEnvironment } from './members.js'

/** What members learn from: the training examples as ingested. */
export interface TrainingSet {
  /** Class of each training example. */
  readonly labels: Int32Array
  /** Cross-fit fold of each training example. */
  readonly folds: Int32Array
  readonly classNames: readonly string[]
}

/** @throws DataError if a file of the run is damaged. */
export async function readTrainingSet(context: PlanningContext): Promise<TrainingSet> {
  const { classNames, trainExamples } = await readDatasetInfo(context.input('dataset.json'))
  const labels = new Int32Array(trainExamples)
  const folds = new Int32Array(trainExamples)
  let row = 0
  const columns = ['split', 'fold', 'label']
  for await (const batch of openTable(context.input('examples.parquet'), { columns })) {
    const train = stringColumn(batch, 'split').filter(split => split === 'train').length
    labels.set(int32Column(batch, 'label').subarray(0, train), row)
    folds.set(nullableInt32Column(batch, 'fold', -1).subarray(0, train), row)
    row += train
    if (train < batch.numRows) break
  }
  return { labels, folds, classNames }
}

/** The rows on which the member of this seed trains: with K folds, all whose fold is not seed mod K. */
export function memberRows(folds: Int32Array, seed: number, crossFit: number): Int32Array {
  const rows = Int32Array.from(folds, (_, row) => row)
  return crossFit === 0 ? rows : rows.filter(row => folds[row] !== seed % crossFit)
}

/** The random streams of a member; the same for a retrained network of the same seed, so that both can be compared. */
export function memberSeed(pipeline: Pipeline, seed: number): Seed {
  return [pipeline.seed, 'member', seed]
}

/** What the ONNX file of a member says of itself. */
export function memberMetadata(
  level: string,
  seed: number,
  classNames: readonly string[],
): Record<string, string> {
  return { classes: JSON.stringify(classNames), level, seed: String(seed) }
}

/**
 * The training set lies in memory as one array, whose pixels the training graph counts in int32.
 * @throws ConfigError if it is too large for that
 */
export function checkTrainingSize(input: InputShape, examples: number): void {
  const values = elements(inputShapeOf(input))
  const bytes = input.kind === 'image' ? values : values * Float32Array.BYTES_PER_ELEMENT
  const pixels = input.kind === 'image' ? input.height * input.width : 1
  const most = Math.floor(Math.min(constants.MAX_LENGTH / bytes, (2 ** 31 - 1) / pixels))
  if (examples <= most) return
  throw new ConfigError(
    `${examples} training examples of this size are more than fit into one array, at most ${most} do`,
    { key: 'dataset', mend: 'Set `dataset.limit`, or for pictures a smaller `dataset.size`.' },
  )
}

/** Reads what surrounds the training of members: architecture, inputs, engine. */
export async function memberEnvironment(
  context: PlanningContext,
  model: ModelConfig = context.pipeline.model,
): Promise<MemberEnvironment> {
  const { pipeline, store, workers, progress, signal } = context
  const info = await readDatasetInfo(context.input('dataset.json'))
  const { engine } = pipeline
  const inputs = await networkInputs(context)
  checkTrainingSize(inputs.shape, info.trainExamples)
  return {
    engine,
    engineVersions: versionsOfEngine(engine),
    architecture: buildArchitecture(model.architecture, inputs.normalization, {
      input: inputs.shape,
      classes: info.classNames.length,
      width: model.width,
      dropout: model.dropout,
    }),
    model,
    inputs: inputs.file,
    inputsKey: await hashOfFile(inputs.file),
    store,
    workers,
    progress,
    signal,
  }
}
