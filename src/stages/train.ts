/** Trains the dense members, each on the folds that are not its own. */
import { join } from 'node:path'
import type { Pipeline } from '../pipeline/config.js'
import { linkFile } from '../pipeline/link.js'
import type { Stage } from '../pipeline/stage.js'
import { modelFile, produceMembers } from '../training/members.js'
import {
  memberEnvironment,
  memberMetadata,
  memberRows,
  memberSeed,
  readTrainingSet,
} from '../training/population.js'

export const train: Stage = {
  name: 'train',
  version: 1,
  inputs: ['ingest'],
  settings: ({ model, engine, population, seed }) => ({ model, engine, population, seed }),
  async run(context) {
    const { pipeline, output } = context
    const { seeds, firstSeed, crossFit } = pipeline.population
    const { labels, folds, classNames } = await readTrainingSet(context)
    const memberSeeds = Array.from({ length: seeds }, (_, index) => firstSeed + index)
    const members = await produceMembers(
      await memberEnvironment(context),
      'training dense members',
      memberSeeds.map(seed => ({
        title: `dense ${seed}`,
        seed: memberSeed(pipeline, seed),
        rows: memberRows(folds, seed, crossFit),
        labels,
        branches: branchesOf(pipeline),
        metadata: memberMetadata('dense', seed, classNames),
      })),
    )
    for (const [index, { folder }] of members.entries()) {
      await linkFile(join(folder, modelFile), join(output, 'members', 'dense', `${memberSeeds[index]}.onnx`))
    }
    return { members: members.length, reused: members.filter(({ reused }) => reused).length }
  },
}

/** Where sparse members will branch off: not part of the stage's key, since it does not change the dense members. */
function branchesOf(pipeline: Pipeline): number[] {
  return pipeline.compress.flatMap(config =>
    config.method === 'magnitude' && config.when === 'training' && config.start === 'branch'
      ? [config.begin]
      : [],
  )
}
