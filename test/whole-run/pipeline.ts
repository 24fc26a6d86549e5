/** A small real pipeline: a few hundred glyphs, every kind of level, ends in some ten seconds. */
import { fingerprint } from '../../src/dataset/fingerprint.js'
import type { ConnectCluster } from '../../src/pipeline/cluster.js'
import { type PipelineInput, pipelineSchema } from '../../src/pipeline/config.js'
import type { Observer } from '../../src/pipeline/events.js'
import { type RunnerOptions, runPipeline } from '../../src/pipeline/runner.js'
import { stages } from '../../src/pipeline/stages.js'

const glyphs = (split: string) => new URL(`../../data/glyphs/${split}.parquet`, import.meta.url).pathname

export function smallPipeline(changes: Partial<PipelineInput> = {}) {
  return pipelineSchema.parse({
    name: 'small',
    dataset: { path: glyphs('train'), test: glyphs('test'), trueLabel: 'true_label', limit: 400 },
    model: { architecture: 'cnn-fast', width: 0.06, epochs: 2, batchSize: 32, flip: 'none' },
    population: { seeds: 2, crossFit: 2 },
    compress: [
      { method: 'magnitude', sparsity: 0.9, start: 'branch', begin: 0.4, frequency: 10 },
      { method: 'magnitude', sparsity: 0.5, when: 'after' },
      { method: 'int8-static', calibrationExamples: 16 },
    ],
    retrain: { seeds: 2, arms: ['all', 'cleaned'] },
    ...changes,
  } satisfies PipelineInput)
}

export interface SmallRun {
  readonly workers: number
  readonly changes?: Partial<PipelineInput>
  readonly observe?: Observer
  readonly cluster?: ConnectCluster
  readonly share?: RunnerOptions['share']
}

export function runSmall(out: string, { workers, changes, observe, cluster, share }: SmallRun) {
  return runPipeline(smallPipeline(changes), {
    stages,
    fingerprint,
    out,
    workers,
    ...(observe && { observe }),
    ...(cluster && { cluster }),
    ...(share && { share }),
  })
}
