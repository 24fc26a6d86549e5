/**
 * What every member says about every example. Each member's logits are an artefact of their own, so that a new
 * seed or level predicts only what is missing; tables are merged from them a few examples at a time, however many
 * members there are.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Data, makeData, type RecordBatch, Utf8 } from 'apache-arrow'
import { readDatasetInfo } from '../dataset/info.js'
import { writeTable, writeText } from '../pipeline/files.js'
import { levelsOf } from '../pipeline/levels.js'
import type { Headline, Stage, StageContext } from '../pipeline/stage.js'
import { meanProbabilities, memberPredictions } from '../scoring/member-predictions.js'
import { recordBatch } from '../tables/columns.js'
import { predictionsSchema, probabilitiesSchema } from '../tables/schemas.js'
import { readTakenLevels } from './models.js'
import {
  type LevelMember,
  leavesFoldsOut,
  type MemberEntry,
  type PredictedMember,
  portions,
  predictMembers,
} from './population-logits.js'

export const predict: Stage = {
  name: 'predict',
  version: 2,
  inputs: ['ingest', 'backbone', 'train', 'compress', 'models'],
  settings(pipeline) {
    const { models, ...population } = pipeline.population
    return {
      levels: levelsOf(pipeline).map(({ name }) => name),
      population: { ...population, trainedOn: models?.trainedOn },
      predict: pipeline.predict,
    }
  },
  run: predictRun,
}

async function predictRun(context: StageContext): Promise<Headline> {
  const { pipeline, output, progress } = context
  const { classNames } = await readDatasetInfo(context.input('dataset.json'))
  const levels = levelsOf(pipeline).map(({ name }) => name)
  const members = await membersOf(context, levels)
  const predicted = await predictMembers(context, members)

  progress.start('merge predictions', levels.length)
  await mkdir(join(output, 'predictions'), { recursive: true })
  await mkdir(join(output, 'probabilities'), { recursive: true })
  const entries: Record<string, MemberEntry[]> = {}
  for (const level of levels) {
    context.signal.throwIfAborted()
    const ofLevel = predicted.filter((_, m) => members[m].level === level)
    entries[level] = ofLevel.map(({ entry }) => entry)
    await writeLevel(context, level, ofLevel, classNames.length)
    progress.advance(1, level)
  }
  await writeText(join(output, 'members.json'), `${JSON.stringify(entries, null, 2)}\n`)
  return { members: members.length, reused: predicted.filter(({ reused }) => reused).length }
}

async function membersOf(context: StageContext, levels: readonly string[]): Promise<LevelMember[]> {
  const { seeds, firstSeed, models } = context.pipeline.population
  const taken = models === undefined ? undefined : await readTakenLevels(context)
  return levels.flatMap((level, l) => {
    const numbers = taken?.[l]?.seeds ?? Array.from({ length: seeds }, (_, s) => firstSeed + s)
    return numbers.map(seed => ({ level, seed, file: context.input(`members/${level}/${seed}.onnx`) }))
  })
}

/** Writes both tables of a level, each in a pass of its own, so that neither waits in memory for the other. */
async function writeLevel(
  context: StageContext,
  level: string,
  members: readonly PredictedMember[],
  classes: number,
): Promise<void> {
  const seeds = Int32Array.from(members, ({ entry }) => entry.seed)
  async function* predictions(): AsyncGenerator<RecordBatch> {
    for await (const { ids, labels, inSample, logits } of portions(context, level, members, classes)) {
      const { predicted, rankGiven, pGiven, pTop, margin } = memberPredictions(logits, labels, classes)
      yield recordBatch(predictionsSchema, {
        example_id: repeatedIds(ids, members.length),
        seed: predicted.map((_, pair) => seeds[pair % seeds.length]),
        in_sample: inSample,
        predicted,
        rank_given: rankGiven,
        p_given: pGiven,
        p_top: pTop,
        margin,
      })
    }
  }
  const mixed = leavesFoldsOut(context.pipeline.population)
  const schema = probabilitiesSchema(classes, mixed)
  async function* probabilities(): AsyncGenerator<RecordBatch> {
    for await (const { ids, inSample, logits } of portions(context, level, members, classes)) {
      yield recordBatch(schema, {
        example_id: ids,
        probabilities: meanProbabilities(logits, inSample, classes),
        ...(mixed && {
          in_sample_probabilities: meanProbabilities(
            logits,
            inSample.map(flag => 1 - flag),
            classes,
          ),
        }),
      })
    }
  }
  await writeTable(join(context.output, 'predictions', `${level}.parquet`), predictionsSchema, predictions())
  await writeTable(join(context.output, 'probabilities', `${level}.parquet`), schema, probabilities())
}

/** Each id `times` times in a row, without a string for each. */
function repeatedIds(ids: readonly string[], times: number): Data<Utf8> {
  const texts = ids.map(id => Buffer.from(id))
  const valueOffsets = new Int32Array(ids.length * times + 1)
  const data = new Uint8Array(texts.reduce((sum, { length }) => sum + length * times, 0))
  let row = 0
  for (const text of texts) {
    for (let time = 0; time < times; time++) {
      data.set(text, valueOffsets[row])
      valueOffsets[row + 1] = valueOffsets[row] + text.length
      row++
    }
  }
  return makeData({ type: new Utf8(), length: row, nullCount: 0, valueOffsets, data })
}
