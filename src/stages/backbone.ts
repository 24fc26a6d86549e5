/**
 * Asks a network trained elsewhere once about every example, and keeps what it knows of each, so that the members are
 * small networks on these features.
 */
import { createHash } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { env } from 'onnxruntime-node'
import { readDatasetInfo } from '../dataset/info.js'
import { backboneFiles, encodeBackboneFeatures } from '../dataset/network-inputs.js'
import { normalizationTally } from '../dataset/normalization.js'
import { mapOrdered } from '../dataset/ordered.js'
import { createPredictionPool, type PredictionPool } from '../engine/onnxruntime/prediction-pool.js'
import { DataError } from '../errors.js'
import { hashOfFile, openNpyWriter, streamNpy, writeText } from '../pipeline/files.js'
import { keyOf } from '../pipeline/key.js'
import { linkFile } from '../pipeline/link.js'
import type { Headline, Stage, StageContext } from '../pipeline/stage.js'
import { openBackbone } from './backbone-model.js'
import { readWholeModel } from './foreign-model.js'

/** Raise it when the same backbone and inputs would give other features. */
const featuresVersion = 1
/** Examples that one worker sees through the backbone before the next may take over. */
const shardRows = 2048

export const backbone: Stage = {
  name: 'backbone',
  version: 1,
  inputs: ['ingest'],
  wanted: ({ model }) => model.backbone !== undefined,
  settings({ model }) {
    // Where the file lies does not matter, only what it holds, which `source` says.
    const { path, ...settings } = model.backbone!
    return settings
  },
  source: async ({ model }) =>
    createHash('sha256')
      .update(await readWholeModel(model.backbone!.path))
      .digest('hex'),
  run: backboneRun,
}

async function backboneRun(context: StageContext): Promise<Headline> {
  const { pipeline, output, progress, store } = context
  const config = pipeline.model.backbone!
  const { input } = await readDatasetInfo(context.input('dataset.json'))
  const { bytes, size, description } = await openBackbone(config, input)
  progress.log(`${basename(config.path)} ${description}`)
  // An artefact of its own: other folds of the same examples have other keys, and the same inputs.
  const key = keyOf({
    features: featuresVersion,
    runtime: env.versions.node ?? env.versions.common,
    backbone: createHash('sha256').update(bytes).digest('hex'),
    inputs: await hashOfFile(context.input('inputs.npy')),
  })
  const artefact = await store.produce(key, folder => writeFeatures(context, bytes, size, folder))
  for (const file of Object.values(backboneFiles))
    await linkFile(join(artefact.folder, file), join(output, file))
  return { features: size, reused: artefact.reused }
}

async function writeFeatures(
  context: StageContext,
  bytes: Uint8Array,
  size: number,
  folder: string,
): Promise<void> {
  const { signal, workers, pipeline, progress } = context
  const { trainExamples, testExamples } = await readDatasetInfo(context.input('dataset.json'))
  await writeFile(join(folder, backboneFiles.model), bytes)
  const pool = createPredictionPool(workers, progress.log)
  signal.addEventListener('abort', pool.stop)
  const file = join(folder, backboneFiles.features)
  const writer = await openNpyWriter(file, { dtype: 'float32', shape: [size] })
  const tally = normalizationTally({ kind: 'features', features: size })
  let row = 0
  let first: Float32Array | undefined
  let varies = false
  try {
    for await (const features of shards(context, pool, folder, trainExamples + testExamples)) {
      const broken = features.findIndex(value => !Number.isFinite(value))
      if (broken >= 0) {
        throw new DataError(
          `gives a feature of ${features[broken]} for example ${row + Math.floor(broken / size)}`,
          {
            file: pipeline.model.backbone!.path,
            key: 'model.backbone.preprocess',
            mend: 'Give it what it was trained on; a model in float16 may have to be exported in float32.',
          },
        )
      }
      first ??= features.slice(0, size)
      varies ||= features.some((value, i) => value !== first![i % size])
      for (let from = 0; from < features.length && row < trainExamples; from += size, row++) {
        tally.add(features.subarray(from, from + size))
      }
      await writer.write(features)
    }
    if (!varies) {
      throw new DataError('gives the same features for every example', {
        file: pipeline.model.backbone!.path,
        key: 'model.backbone.preprocess',
        mend: 'Give it what it was trained on, and see that `output` is not a constant.',
      })
    }
  } catch (error) {
    await writer.abort()
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', pool.stop)
    await pool.close()
  }
  await writer.close()
  const described = encodeBackboneFeatures({ size, normalization: tally.result() })
  await writeText(join(folder, backboneFiles.description), described)
}

/** Features of some consecutive examples at a time, [examples, size], in order, computed side by side. */
async function* shards(
  { input, progress, workers }: StageContext,
  pool: PredictionPool,
  folder: string,
  examples: number,
): AsyncGenerator<Float32Array> {
  const model = join(folder, backboneFiles.model)
  const starts = Array.from({ length: Math.ceil(examples / shardRows) }, (_, shard) => shard * shardRows)
  progress.start('computing features', examples)
  const parts = mapOrdered(starts, workers, async start => {
    const end = Math.min(start + shardRows, examples)
    const part = join(folder, `features-${start}.npy`)
    const task = { model, inputs: input('inputs.npy'), start, end, logits: part }
    await pool.despiteHanging('backbone', () => pool.predict(task))
    progress.advance(end - start)
    return part
  })
  for await (const part of parts) {
    for await (const features of streamNpy(part, shardRows)) yield features as Float32Array
    await rm(part)
  }
}
