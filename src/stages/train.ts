/** Trains the dense members, each on the folds that are not its own. */
import { join } from 'node:path'
import type { Pipeline } from '../pipeline/config.js'
import { awareOf, isPruning } from '../pipeline/levels.js'
import { linkFile } from '../pipeline/link.js'
import type { PlanningContext, Stage } from '../pipeline/stage.js'
import { type MemberRequest, memberKeys, modelFile, produceMembers } from '../training/members.js'
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
  inputs: ['ingest', 'backbone'],
  wanted: ({ population }) => population.models === undefined,
  settings: ({ model, engine, population, seed }) => ({ model, engine, population, seed }),
  async parts(context) {
    const requests = await denseMembers(context)
    const keys = memberKeys(await memberEnvironment(context), requests)
    return requests.map(({ title }, index) => ({ name: title, key: keys[index]! }))
  },
  async run(context) {
    const { firstSeed } = context.pipeline.population
    const requests = await denseMembers(context)
    const members = await produceMembers(await memberEnvironment(context), 'training dense members', requests)
    for (const [index, { folder }] of members.entries()) {
      const file = join(context.output, 'members', 'dense', `${firstSeed + index}.onnx`)
      await linkFile(join(folder, modelFile), file)
    }
    return { members: members.length, reused: members.filter(({ reused }) => reused).length }
  },
}

async function denseMembers(context: PlanningContext): Promise<MemberRequest[]> {
  const { pipeline } = context
  const { seeds, firstSeed, crossFit } = pipeline.population
  const { labels, folds, classNames } = await readTrainingSet(context)
  return Array.from({ length: seeds }, (_, index) => {
    const seed = firstSeed + index
    return {
      title: `dense ${seed}`,
      seed: memberSeed(pipeline, seed),
      rows: memberRows(folds, seed, crossFit),
      labels,
      branches: branchesOf(pipeline),
      metadata: memberMetadata('dense', seed, classNames),
    }
  })
}

/** Where other members will branch off: not part of the stage's key, since it does not change the dense members. */
function branchesOf(pipeline: Pipeline): number[] {
  return pipeline.compress.flatMap(config => {
    if (!isPruning(config)) return awareOf(config)?.begin ?? []
    return config.when === 'training' && config.start === 'branch' ? config.begin : []
  })
}
