/** What some members alone say about every label, from their logits: before, or beside, the scores of a run. */
import { readDatasetInfo } from '../dataset/info.js'
import { openTable } from '../pipeline/files.js'
import type { StageContext } from '../pipeline/stage.js'
import { splits } from '../scoring/accuracy-tally.js'
import { LabelQuality } from '../scoring/label-quality.js'
import { meanProbabilities } from '../scoring/member-predictions.js'
import { int32Column, stringColumn } from '../tables/columns.js'
import { inSampleOf, type PredictedMember, portions } from './population-logits.js'

export interface JudgedExamples {
  readonly ids: readonly string[]
  /** Given labels, [examples]. */
  readonly labels: Int32Array
  /** Index into {@link splits}, [examples]. */
  readonly split: Uint8Array
  readonly quality: LabelQuality
}

/**
 * Judges all labels by the members of one level.
 * @param leftOut 1 where screening left the example out of these members' training, [training examples]
 */
export async function judgeExamples(
  context: StageContext,
  level: string,
  members: readonly PredictedMember[],
  leftOut?: Uint8Array,
): Promise<JudgedExamples> {
  const { pipeline, input } = context
  const { classNames, trainExamples, testExamples } = await readDatasetInfo(input('dataset.json'))
  const count = trainExamples + testExamples
  const seeds = members.map(({ entry }) => entry.seed)
  const ids: string[] = []
  const labels = new Int32Array(count)
  const split = new Uint8Array(count)
  const outOfSample = new Uint8Array(count)
  const columns = ['example_id', 'split', 'fold', 'label']
  for await (const batch of openTable(input('examples.parquet'), { columns })) {
    const begin = ids.length
    for (const id of stringColumn(batch, 'example_id')) ids.push(id)
    labels.set(int32Column(batch, 'label'), begin)
    const inSample = inSampleOf(batch, seeds, pipeline.population, leftOut?.subarray(begin))
    for (const [row, name] of stringColumn(batch, 'split').entries()) {
      split[begin + row] = name === splits[1] ? 1 : 0
      const trained = inSample.subarray(row * seeds.length, (row + 1) * seeds.length)
      outOfSample[begin + row] = trained.includes(0) ? 1 : 0
    }
  }
  const classes = classNames.length
  const quality = new LabelQuality({
    labels,
    classes,
    group: split,
    outOfSample,
    ...(leftOut && { leftOut }),
  })
  for await (const { logits, inSample } of portions(context, level, members, classes, leftOut)) {
    quality.add(meanProbabilities(logits, inSample, classes))
  }
  quality.judge()
  return { ids, labels, split, quality }
}
