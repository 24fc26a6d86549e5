/** What the networks of a run see: its examples as ingested, or the features that a backbone made of them. */
import { readFile } from 'node:fs/promises'
import { DataError } from '../errors.js'
import type { InputShape, Normalization } from '../model/architecture.js'
import type { PlanningContext } from '../pipeline/stage.js'
import { decodeNormalization, encodeNormalization, readDatasetInfo } from './info.js'

export interface NetworkInputs {
  /** Path of the inputs, row for row with `examples.parquet`. */
  readonly file: string
  /** Names their bytes. */
  readonly key: string | undefined
  readonly shape: InputShape
  /** Of the training examples. */
  readonly normalization: Normalization
}

/** The files of the stage `backbone`. */
export const backboneFiles = {
  features: 'backbone.npy',
  description: 'backbone.json',
  model: 'backbone.onnx',
}

/** What {@link backboneFiles}`.description` holds. */
export interface BackboneFeatures {
  /** Features of an example. */
  readonly size: number
  readonly normalization: Normalization
}

export function encodeBackboneFeatures({ size, normalization }: BackboneFeatures): string {
  return `${JSON.stringify({ size, normalization: encodeNormalization(normalization) }, null, 2)}\n`
}

/** @throws DataError if a file of the run is damaged */
export async function networkInputs({
  pipeline,
  input,
  inputKeys,
}: Pick<PlanningContext, 'pipeline' | 'input' | 'inputKeys'>): Promise<NetworkInputs> {
  if (pipeline.model.backbone === undefined) {
    const { input: shape, normalization } = await readDatasetInfo(input('dataset.json'))
    return { file: input('inputs.npy'), key: inputKeys.ingest, shape, normalization }
  }
  const description = input(backboneFiles.description)
  try {
    const { size, normalization } = JSON.parse(await readFile(description, 'utf8'))
    return {
      file: input(backboneFiles.features),
      key: inputKeys.backbone,
      shape: { kind: 'features', features: size },
      normalization: decodeNormalization(normalization),
    }
  } catch (cause) {
    throw new DataError('this is no whole backbone.json', { file: description, mend: 'Run it again.', cause })
  }
}
