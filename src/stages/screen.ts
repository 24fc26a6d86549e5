/**
 * A first round of training, which finds the labels that members had better not learn: a few networks learn from
 * everything, and as many labels as they take for wrong are left out of the members' training. Members that have not
 * learned from the worst labels judge all labels better, and these ones out of sample.
 */
import { join } from 'node:path'
import { readDatasetInfo } from '../dataset/info.js'
import { screenModel } from '../pipeline/config.js'
import { writeTable } from '../pipeline/files.js'
import type { PlanningContext, Stage, StageContext } from '../pipeline/stage.js'
import type { Seed } from '../random.js'
import { labelIssues, mostSuspiciousFirst } from '../scoring/decision.js'
import { recordBatch } from '../tables/columns.js'
import { screenSchema } from '../tables/schemas.js'
import { type MemberRequest, memberKeys, modelFile, produceMembers } from '../training/members.js'
import { memberEnvironment, memberMetadata, readTrainingSet } from '../training/population.js'
import type { ScreenHeadline } from './headlines.js'
import { judgeExamples } from './judged-examples.js'
import { predictMembers } from './population-logits.js'

/** Level under which these networks go. */
const level = 'screening'

export const screen: Stage = {
  name: 'screen',
  version: 1,
  inputs: ['ingest', 'backbone'],
  wanted: ({ population }) => population.screen !== undefined && population.models === undefined,
  settings: pipeline => ({
    model: screenModel(pipeline),
    seeds: pipeline.population.screen!.seeds,
    predict: pipeline.predict,
    engine: pipeline.engine,
    seed: pipeline.seed,
  }),
  async parts(context) {
    const requests = await screeningNetworks(context)
    const keys = memberKeys(await memberEnvironment(context, screenModel(context.pipeline)), requests)
    return requests.map(({ title }, index) => ({ name: title, key: keys[index]! }))
  },
  run: async context => ({ ...(await screenRun(context)) }),
}

async function screenRun(context: StageContext): Promise<ScreenHeadline> {
  const { pipeline, output } = context
  const { trainExamples: train } = await readDatasetInfo(context.input('dataset.json'))
  const networks = await produceMembers(
    await memberEnvironment(context, screenModel(pipeline)),
    'training the screening',
    await screeningNetworks(context),
  )
  const members = networks.map(({ folder }, seed) => ({ level, seed, file: join(folder, modelFile) }))
  const { ids, labels, quality } = await judgeExamples(context, level, await predictMembers(context, members))
  const ofTrain = quality.judgement.quality.subarray(0, train)
  const issues = labelIssues(ofTrain, { rule: 'estimate' }, quality.wrongLabels(0))
  const leftOut = screenedOut(labels.subarray(0, train), ofTrain, issues)
  const batch = recordBatch(screenSchema, {
    example_id: ids.slice(0, train),
    label: labels.subarray(0, train),
    label_quality: ofTrain,
    left_out: leftOut,
  })
  await writeTable(join(output, 'screen.parquet'), screenSchema, [batch])
  return {
    members: networks.length,
    reused: networks.filter(({ reused }) => reused).length,
    leftOut: leftOut.reduce((sum, flag) => sum + flag, 0),
  }
}

async function screeningNetworks(context: PlanningContext): Promise<MemberRequest[]> {
  const { pipeline } = context
  const { labels, classNames } = await readTrainingSet(context, 'everything')
  const rows = Int32Array.from(labels.keys())
  return Array.from({ length: pipeline.population.screen!.seeds }, (_, index) => {
    const seed: Seed = [pipeline.seed, 'screening', index]
    return {
      title: `${level} ${index}`,
      seed,
      rows,
      labels,
      metadata: memberMetadata(level, index, classNames),
    }
  })
}

/**
 * The issues among the labels, but of no class more than the worse half: networks that have not learned a class doubt
 * all of it, and members would then never learn it either.
 * @param quality of the labels, [examples] @param issues 1 for these, [examples]
 */
export function screenedOut(labels: Int32Array, quality: Float32Array, issues: Uint8Array): Uint8Array {
  const room = new Map<number, number>()
  for (const label of labels) room.set(label, (room.get(label) ?? 0) + 0.5)
  const leftOut = new Uint8Array(labels.length)
  for (const row of mostSuspiciousFirst(quality)) {
    const left = room.get(labels[row]!)!
    if (issues[row] === 0 || left < 1) continue
    leftOut[row] = 1
    room.set(labels[row]!, left - 1)
  }
  return leftOut
}
