/**
 * First results early: as soon as the dense members are trained, which labels they alone doubt. Their logits stay in
 * the store for the predict stage, and no other stage reads what is written here.
 */
import { join } from 'node:path'
import { readDatasetInfo } from '../dataset/info.js'
import { beginning } from '../dataset/shown-text.js'
import { openTable, writeTable, writeText } from '../pipeline/files.js'
import type { Headline, Stage, StageContext } from '../pipeline/stage.js'
import { type PreviewSuspect, previewPage } from '../report/preview-page.js'
import { shownCards } from '../report/suspect-cards.js'
import { thumbnail } from '../report/thumbnail.js'
import { splits } from '../scoring/accuracy-tally.js'
import { labelIssues, mostSuspiciousFirst } from '../scoring/decision.js'
import { LabelQuality } from '../scoring/label-quality.js'
import { meanProbabilities } from '../scoring/member-predictions.js'
import { estimatedCount } from '../scoring/noise-counts.js'
import { suggestedLabels } from '../scoring/suggested-labels.js'
import {
  imageColumn,
  int32Column,
  nullableStringColumn,
  recordBatch,
  stringColumn,
} from '../tables/columns.js'
import { previewSchema } from '../tables/schemas.js'
import { inSampleOf, portions, predictMembers } from './population-logits.js'

/** Label issues listed on the page. */
const listedSuspects = 200
/** Characters shown of a text. */
const shownCharacters = 400

export const preview: Stage = {
  name: 'preview',
  version: 5,
  inputs: ['ingest', 'backbone', 'train'],
  wanted: ({ population, compress }) => population.models === undefined && compress.length > 0,
  settings: ({ name, population, predict, scoring }) => ({
    name,
    population,
    predict,
    decision: scoring.decision,
  }),
  run: previewRun,
}

async function previewRun(context: StageContext): Promise<Headline> {
  const { pipeline, output } = context
  const {
    classNames,
    input,
    trainExamples,
    testExamples,
    text: hasText,
  } = await readDatasetInfo(context.input('dataset.json'))
  const classes = classNames.length
  const count = trainExamples + testExamples
  const examples = await readExamples(context, count)
  const members = await predictMembers(context, denseMembers(context))
  const quality = new LabelQuality({ classes, ...examples })
  for await (const { logits, inSample } of portions(context, 'dense', members, classes)) {
    quality.add(meanProbabilities(logits, inSample, classes))
  }
  quality.judge()

  const { judgement } = quality
  const wrong = estimatedCount(quality.wrongLabels(), count)
  const issues = labelIssues(judgement.quality, pipeline.scoring.decision, wrong.count)
  const suggested = suggestedLabels(examples.labels, issues, judgement)
  const order = Array.from(mostSuspiciousFirst(judgement.quality)).filter(row => issues[row] === 1)
  const rows = order.map(row => ({
    id: examples.ids[row],
    split: splits[examples.group[row]],
    label: examples.labels[row],
    given: classNames[examples.labels[row]],
    suggestedLabel: suggested.label[row],
    suggested: classNames[suggested.label[row]],
    probability: suggested.probability[row],
    quality: judgement.quality[row],
  }))
  const table = recordBatch(previewSchema, {
    rank: Int32Array.from(rows, (_, i) => i + 1),
    example_id: rows.map(({ id }) => id),
    split: rows.map(({ split }) => split),
    label: Int32Array.from(rows, ({ label }) => label),
    label_name: rows.map(({ given }) => given),
    label_quality: Float32Array.from(rows, row => row.quality),
    suggested_label: Int32Array.from(rows, row => row.suggestedLabel),
    suggested_label_name: rows.map(row => row.suggested),
    suggested_p: Float32Array.from(rows, ({ probability }) => probability),
  })
  await writeTable(join(output, 'preview.parquet'), previewSchema, [table])
  const pictures = input.kind === 'image' ? await picturesOf(context, order.slice(0, shownCards)) : new Map()
  const texts = hasText ? await textsOf(context, order.slice(0, listedSuspects)) : new Map<number, string>()
  const suspects = rows.slice(0, listedSuspects).map((row, rank): PreviewSuspect => {
    const picture = pictures.get(order[rank])
    const text = texts.get(order[rank])
    return { ...row, ...(picture !== undefined && { picture }), ...(text !== undefined && { text }) }
  })
  const found = {
    pipeline: pipeline.name,
    examples: count,
    members: members.length,
    issues: rows.length,
    wrong,
  }
  await writeText(join(output, 'preview.html'), previewPage({ ...found, suspects }))
  return { labelIssues: rows.length, wrongLabels: wrong, page: 'preview.html' }
}

function denseMembers({ pipeline, input }: StageContext) {
  const { seeds, firstSeed } = pipeline.population
  return Array.from({ length: seeds }, (_, index) => {
    const seed = firstSeed + index
    return { level: 'dense', seed, file: input(`members/dense/${seed}.onnx`) }
  })
}

/** What is to know of the examples before they are judged, [examples] each. */
async function readExamples({ pipeline, input }: StageContext, count: number) {
  const { seeds, firstSeed } = pipeline.population
  const members = Array.from({ length: seeds }, (_, index) => firstSeed + index)
  const ids: string[] = []
  const labels = new Int32Array(count)
  const group = new Uint8Array(count)
  const outOfSample = new Uint8Array(count)
  let begin = 0
  const columns = ['example_id', 'split', 'fold', 'label']
  for await (const batch of openTable(input('examples.parquet'), { columns })) {
    for (const id of stringColumn(batch, 'example_id')) ids.push(id)
    labels.set(int32Column(batch, 'label'), begin)
    const inSample = inSampleOf(batch, members, pipeline.population)
    for (const [row, split] of stringColumn(batch, 'split').entries()) {
      group[begin + row] = split === splits[1] ? 1 : 0
      outOfSample[begin + row] = inSample.subarray(row * seeds, (row + 1) * seeds).includes(0) ? 1 : 0
    }
    begin += batch.numRows
  }
  return { ids, labels, group, outOfSample }
}

/** The beginnings of the texts of these rows. */
async function textsOf({ input }: StageContext, rows: readonly number[]): Promise<Map<number, string>> {
  const texts = new Map<number, string>()
  let begin = 0
  for await (const batch of openTable(input('examples.parquet'), { columns: ['text'] })) {
    const own = rows.filter(row => row >= begin && row < begin + batch.numRows)
    const all = own.length > 0 ? nullableStringColumn(batch, 'text') : []
    for (const row of own) {
      const text = all[row - begin]
      if (text !== null) texts.set(row, beginning(text, shownCharacters))
    }
    begin += batch.numRows
  }
  return texts
}

/** Thumbnails of these rows, as data URIs. */
async function picturesOf({ input }: StageContext, rows: readonly number[]): Promise<Map<number, string>> {
  const pictures = new Map<number, string>()
  let begin = 0
  for await (const batch of openTable(input('examples.parquet'), { columns: ['image'] })) {
    const own = rows.filter(row => row >= begin && row < begin + batch.numRows)
    if (own.length > 0) {
      const images = imageColumn(batch, 'image')
      for (const row of own) {
        const bytes = images[row - begin]?.bytes
        if (bytes) pictures.set(row, await thumbnail(bytes))
      }
    }
    begin += batch.numRows
  }
  return pictures
}
