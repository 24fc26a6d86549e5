/** A small data set of pictures as ingest leaves it, for stages that read it. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeDatasetInfo } from '../../src/dataset/info.js'
import { writeNpy, writeTable } from '../../src/pipeline/files.js'
import { recordBatch } from '../../src/tables/columns.js'
import { examplesSchema } from '../../src/tables/schemas.js'
import { picture } from '../compression/networks.js'

interface IngestedPictures {
  /** Given labels, training examples first. */
  readonly labels: Int32Array
  readonly classes: number
  /** Training examples, all of them in fold 0. */
  readonly train: number
  /** [examples, 12, 12, 3] */
  readonly inputs: Uint8Array
  /** Encoded pictures, for stages that show them. */
  readonly images?: readonly Uint8Array[]
}

/** Writes examples, inputs and `dataset.json` into the folder. @returns the ids of the examples */
export async function writeIngested(
  root: string,
  { labels, classes, train, inputs, images }: IngestedPictures,
): Promise<string[]> {
  const schema = examplesSchema({
    content: images ? { kind: 'image' } : { kind: 'features', features: 1 },
    groups: [],
    trueLabel: false,
  })
  const ids = Array.from(labels, (_, i) => `picture-${i}`)
  const batch = recordBatch(schema, {
    example_id: ids,
    split: ids.map((_, i) => (i < train ? 'train' : 'test')),
    fold: ids.map((_, i) => (i < train ? 0 : null)),
    label: labels,
    label_name: ids.map((_, i) => `class-${labels[i]}`),
    source: ids,
    source_row: Int32Array.from(labels.keys()),
    ...(images
      ? { image: images.map(bytes => ({ bytes, path: null })) }
      : { features: new Float32Array(labels.length) }),
  })
  await writeTable(join(root, 'examples.parquet'), schema, [batch])
  await writeNpy(join(root, 'inputs.npy'), { dtype: 'uint8', shape: [12, 12, 3] }, [inputs])
  const info = encodeDatasetInfo({
    classNames: Array.from({ length: classes }, (_, c) => `class-${c}`),
    classLabels: Array.from({ length: classes }, (_, c) => c),
    input: picture as never,
    normalization: { mean: new Float32Array(3), deviation: new Float32Array(3).fill(1) },
    trainExamples: train,
    testExamples: labels.length - train,
    classCounts: new Array(classes).fill(1),
    skipped: 0,
    source: { format: 'parquet', columns: [], label: 'label', content: images ? ['image'] : [] },
    featureNames: [],
    groups: [],
    trueLabel: false,
    ids: 'column',
  })
  await writeFile(join(root, 'dataset.json'), info)
  return ids
}
