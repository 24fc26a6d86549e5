/**
 * Keys that somebody wrote and nothing would read, since another key rules them out. The schema cannot tell them from
 * its own defaults, so they are sought in the pipeline as written.
 */
import { recipeOf } from '../model/architectures/index.js'
import type { Pipeline, PipelineInput } from './config.js'
import type { Fault, KeyPath } from './config-errors.js'
import { isPruning } from './levels.js'

/**
 * @param written the pipeline before its defaults were filled in
 * @param pipeline the same after it; its architecture exists
 */
export function idleKeys(written: PipelineInput, pipeline: Pipeline): Fault[] {
  return [
    ...idleInModel(written, pipeline),
    ...idleInCompress(written, pipeline),
    ...idleInRetrain(written, pipeline),
  ]
}

function idleInModel({ model = {} }: PipelineInput, pipeline: Pipeline): Fault[] {
  const { architecture, schedule = recipeOf(architecture).schedule } = pipeline.model
  const idle = (keys: readonly (keyof typeof model)[], reason: string) =>
    writtenOf(
      model,
      keys,
      ['model'],
      `does nothing with the schedule "${schedule}"${reason}`,
      'Leave it out.',
    )
  return [
    ...(schedule === 'triangular' ? idle(['warmupEpochs'], ', which rises by itself') : []),
    ...(schedule === 'step' ? [] : idle(['stepAt', 'stepFactor'], '')),
  ]
}

function idleInCompress({ compress = [] }: PipelineInput, pipeline: Pipeline): Fault[] {
  return pipeline.compress.flatMap((config, at): Fault[] => {
    const entry = compress[at] as Readonly<Record<string, unknown>>
    if (!isPruning(config)) return []
    const idle = (keys: readonly string[], message: string, mend: string) =>
      writtenOf(entry, keys, ['compress', at], message, mend)
    return [
      ...(config.when === 'after'
        ? idle(
            ['begin', 'end', 'frequency', 'start', 'draw'],
            'does nothing with `when: after`, which prunes once and at once',
            'Leave it out, or set `when: training`.',
          )
        : []),
      ...(config.fineTuneEpochs === 0
        ? idle(
            ['reweight', 'distill'],
            'is about fine-tuning, and there is none',
            'Set `fineTuneEpochs` to 1 or more.',
          )
        : []),
    ]
  })
}

function idleInRetrain({ retrain = {} }: PipelineInput, pipeline: Pipeline): Fault[] {
  if (pipeline.retrain?.arms.some(arm => arm.endsWith('relabeled-or-dropped'))) return []
  return writtenOf(
    retrain,
    ['sure'],
    ['retrain'],
    'is about the arm relabeled-or-dropped, which is not trained',
    'Leave it out, or name that arm in `arms`.',
  )
}

/** A fault for each of the keys that is written. */
function writtenOf<Entry extends object>(
  entry: Entry,
  keys: readonly (keyof Entry & PropertyKey)[],
  path: KeyPath,
  message: string,
  mend: string,
): Fault[] {
  return keys.filter(key => entry[key] !== undefined).map(key => ({ path: [...path, key], message, mend }))
}
