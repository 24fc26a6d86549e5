/** A version of a data set as it lies, without a run: ingested only to be compared with another. */
import type { Pipeline } from '../pipeline/config.js'
import type { StageContext } from '../pipeline/stage.js'
import { ingest } from './ingest.js'

/** What stands for a run where there is none: the folder has `examples.parquet` and `dataset.json`. */
export interface DataVersion {
  /** As the user named it. */
  readonly name: string
  readonly folder: string
}

/**
 * Ingests a data set into a folder; bad examples are skipped.
 * @throws DataError if nothing of it can be used
 */
export async function ingestVersion(
  name: string,
  pipeline: Pipeline,
  folder: string,
  progress: StageContext['progress'],
): Promise<DataVersion> {
  await ingest.run({
    pipeline: { ...pipeline, dataset: { ...pipeline.dataset, onBadExample: 'skip' } },
    output: folder,
    input: path => path,
    store: {
      find: () => Promise.resolve(undefined),
      produce: () => Promise.reject(new Error('ingest keeps no parts')),
    },
    inputKeys: {},
    workers: 1,
    progress,
    signal: new AbortController().signal,
  })
  return { name, folder }
}
