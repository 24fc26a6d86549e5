/** Stages by themselves, on tables of a run or made for the purpose. */
import { join } from 'node:path'
import type { Pipeline } from '../src/pipeline/config.js'
import { silentProgress } from '../src/pipeline/progress.js'
import type { Stage } from '../src/pipeline/stage.js'

/** Runs a stage on what lies in the folder, with the relative paths of a run folder, and writes into `output`. */
export async function runAlone(
  stage: Stage,
  pipeline: Pipeline,
  folder: string,
  output: string,
): Promise<void> {
  await stage.run({
    pipeline,
    output,
    input: path => join(folder, path),
    store: {
      produce: () => Promise.reject(new Error(`${stage.name} keeps no parts`)),
      find: () => Promise.resolve(undefined),
    },
    inputKeys: {},
    workers: 1,
    progress: silentProgress,
    signal: new AbortController().signal,
  })
}
