/** `dataset.json`: what later stages need to know of the data set, beside its rows. */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { DataError } from '../errors.js'
import type { InputShape, Normalization } from '../model/architecture.js'
import { datasetFormats } from '../pipeline/config.js'

const schema = z.object({
  classNames: z.array(z.string()),
  /** By which label the source knows each class. */
  classLabels: z.array(z.union([z.string(), z.number()])),
  input: z.union([
    z.object({ kind: z.literal('image'), height: z.number(), width: z.number(), channels: z.number() }),
    z.object({ kind: z.literal('features'), features: z.number() }),
  ]),
  normalization: z.object({ mean: z.array(z.number()), deviation: z.array(z.number()) }),
  trainExamples: z.number(),
  testExamples: z.number(),
  /** Training examples of each class. */
  classCounts: z.array(z.number()),
  skipped: z.number(),
  source: z.object({
    format: z.enum(datasetFormats),
    /** All columns of the source, in order. */
    columns: z.array(z.string()),
    label: z.string(),
    /** The image column, or the columns of features. */
    content: z.array(z.string()),
  }),
  /** A name for each feature; empty for images. */
  featureNames: z.array(z.string()),
  /** Names of the subgroup attributes. */
  groups: z.array(z.string()),
  /** There if examples have a text that people see. */
  text: z.literal(true).optional(),
  trueLabel: z.boolean(),
  /** What ids are made of. */
  ids: z.enum(['column', 'path', 'content']),
})

/** What is known of a data set beside its rows: `dataset.json` in a run folder. */
export type DatasetInfo = Omit<z.output<typeof schema>, 'input' | 'normalization' | 'text'> & {
  readonly text?: true
  readonly input: InputShape
  readonly normalization: Normalization
}

/** Mean and deviation as JSON has them. */
export interface WrittenNormalization {
  readonly mean: readonly number[]
  readonly deviation: readonly number[]
}

export function encodeNormalization({ mean, deviation }: Normalization): WrittenNormalization {
  return { mean: [...mean], deviation: [...deviation] }
}

export function decodeNormalization({ mean, deviation }: WrittenNormalization): Normalization {
  return { mean: Float32Array.from(mean), deviation: Float32Array.from(deviation) }
}

export function encodeDatasetInfo(info: DatasetInfo): string {
  const normalization = encodeNormalization(info.normalization)
  return `${JSON.stringify({ ...info, normalization }, null, 2)}\n`
}

/** @throws SyntaxError or ZodError if the text is no such file */
export function decodeDatasetInfo(text: string): DatasetInfo {
  const { text: hasText, ...info } = schema.parse(JSON.parse(text))
  return {
    ...info,
    ...(hasText && { text: hasText }),
    normalization: decodeNormalization(info.normalization),
  }
}

/** @throws DataError that names the file if it is none of ours */
export async function readDatasetInfo(path: string): Promise<DatasetInfo> {
  try {
    return decodeDatasetInfo(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new DataError('this is no whole dataset.json', { file: path, mend: 'Run ingest again.', cause })
  }
}
