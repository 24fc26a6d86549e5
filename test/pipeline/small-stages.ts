/** Stages that do real work on real files in a few milliseconds, for tests of the runner. */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Pipeline } from '../../src/pipeline/config.js'
import { writeText } from '../../src/pipeline/files.js'
import { keyOf } from '../../src/pipeline/key.js'
import { linkFile } from '../../src/pipeline/link.js'
import type { Fingerprint } from '../../src/pipeline/plan.js'
import type { Stage, StageContext } from '../../src/pipeline/stage.js'

export const fingerprint: Fingerprint = async dataset =>
  createHash('sha256')
    .update(await readFile(dataset.path))
    .digest('hex')

const seedsOf = ({ population }: Pipeline) =>
  Array.from({ length: population.seeds }, (_, at) => population.firstSeed + at)

const memberKey = (pipeline: Pipeline, inputKeys: StageContext['inputKeys'], seed: number) =>
  keyOf({ member: seed, model: pipeline.model, inputs: inputKeys })

/**
 * The data's lines are the examples; a member is the hash of its seed and the examples; the scores are one line a
 * member. `pause` slows every member down, `made` counts what ran.
 */
export function smallStages({ pause = 0, made = [] as string[] } = {}): Stage[] {
  const ingest: Stage = {
    name: 'ingest',
    version: 1,
    inputs: [],
    settings: ({ dataset }) => ({ label: dataset.label }),
    async run({ pipeline, output }) {
      made.push('ingest')
      const lines = (await readFile(pipeline.dataset.path, 'utf8')).trim().split('\n')
      await writeFile(
        join(output, 'examples.txt'),
        lines.map(line => `${pipeline.dataset.label} ${line}\n`).join(''),
      )
      return { trainExamples: lines.length }
    },
  }
  const train: Stage = {
    name: 'train',
    version: 1,
    inputs: ['ingest'],
    settings: ({ model, population }) => ({ model, population }),
    async parts({ pipeline, input, inputKeys }) {
      input('examples.txt')
      return seedsOf(pipeline).map(seed => ({
        name: `dense ${seed}`,
        key: memberKey(pipeline, inputKeys, seed),
      }))
    },
    async run({ pipeline, input, inputKeys, output, store, progress, signal }) {
      made.push('train')
      const examples = await readFile(input('examples.txt'))
      const seeds = seedsOf(pipeline)
      progress.start('training members', seeds.length)
      for (const seed of seeds) {
        signal.throwIfAborted()
        const artefact = await store.produce(memberKey(pipeline, inputKeys, seed), async folder => {
          made.push(`member ${seed}`)
          await wait(pause)
          const hash = createHash('sha256').update(`${seed} ${pipeline.model.epochs}`).update(examples)
          await writeText(join(folder, 'model.txt'), hash.digest('hex'))
        })
        await linkFile(join(artefact.folder, 'model.txt'), join(output, `members/dense/${seed}.txt`))
        progress.advance(1)
      }
      return { members: seeds.length }
    },
  }
  const score: Stage = {
    name: 'score',
    version: 1,
    inputs: ['ingest', 'train'],
    settings: ({ scoring }) => scoring,
    async run({ pipeline, input, output }) {
      made.push('score')
      const members = await Promise.all(
        seedsOf(pipeline).map(seed => readFile(input(`members/dense/${seed}.txt`), 'utf8')),
      )
      await writeFile(join(output, 'scores.txt'), `${pipeline.scoring.alpha}\n${members.join('\n')}\n`)
      return { labelIssues: 1, levels: [] }
    },
  }
  const retrain: Stage = {
    name: 'retrain',
    version: 1,
    inputs: ['score'],
    wanted: pipeline => pipeline.retrain !== undefined,
    settings: pipeline => pipeline.retrain,
    async run({ input, output }) {
      made.push('retrain')
      await writeFile(join(output, 'retrain.txt'), await readFile(input('scores.txt')))
      return { arms: [] }
    },
  }
  const report: Stage = {
    name: 'report',
    version: 1,
    inputs: ['score', 'retrain'],
    settings: ({ name }) => name,
    async run({ pipeline, input, output }) {
      made.push('report')
      const retrained = pipeline.retrain ? await readFile(input('retrain.txt'), 'utf8') : ''
      await writeFile(
        join(output, 'report.txt'),
        `${await readFile(input('scores.txt'), 'utf8')}${retrained}`,
      )
      return {}
    },
  }
  return [ingest, train, score, retrain, report]
}
