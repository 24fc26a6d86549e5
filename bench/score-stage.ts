/** The score stage by itself, on tables of a run or made for the purpose. */
import { join } from 'node:path'
import type { Pipeline } from '../src/pipeline/config.js'
import { silentProgress } from '../src/pipeline/progress.js'
import { score } from '../src/stages/score.js'

/** Scores what lies in the folder, with the relative paths of a run folder, and writes the tables into `output`. */
export async function runScoreStage(pipeline: Pipeline, folder: string, output: string): Promise<void> {
  await score.run({
    pipeline,
    output,
    input: path => join(folder, path),
    store: {
      produce: () => Promise.reject(new Error('scoring keeps no parts')),
      find: () => Promise.resolve(undefined),
    },
    inputKeys: {},
    workers: 1,
    progress: silentProgress,
    signal: new AbortController().signal,
  })
}
