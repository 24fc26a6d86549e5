/** Draws `report.html` from the run's tables. */
import { join } from 'node:path'
import { type DatasetInfo, readDatasetInfo } from '../dataset/info.js'
import type { Pipeline } from '../pipeline/config.js'
import { writeText } from '../pipeline/files.js'
import { levelsOf } from '../pipeline/levels.js'
import type { Stage, StageContext } from '../pipeline/stage.js'
import { clientScript } from '../report/client-script.js'
import type { ReportData, Suspect, SuspectList } from '../report/data.js'
import { renderReport } from '../report/report.js'
import { pictureOrder } from '../report/suspect-choice.js'
import { thumbnail } from '../report/thumbnail.js'
import {
  readArms,
  readChecks,
  readClasses,
  readContents,
  readLabels,
  readLevels,
  readOverlaps,
  readRobustness,
  readStability,
  readSuspects,
  readTexts,
  readWrongLabels,
} from './report-tables.js'

/** Suspects shown with their picture or features, and the bytes that all pictures may take as data URIs. */
const shownContents = 500
const pictureBytes = 6_000_000
/** Features shown of a suspect. */
const shownFeatures = 64
/** Characters shown of a text. */
const shownCharacters = 400

export const report: Stage = {
  name: 'report',
  version: 7,
  inputs: ['ingest', 'inspect', 'score', 'export', 'robustness', 'retrain'],
  settings: pipeline => ({
    name: pipeline.name,
    architecture: architectureOf(pipeline),
    seeds: pipeline.population.seeds,
    crossFit: pipeline.population.crossFit,
    levels: levelsOf(pipeline).map(({ name }) => name),
    decision: pipeline.scoring.decision,
    alpha: pipeline.scoring.alpha,
    retrain: pipeline.retrain !== undefined,
    ...(pipeline.robustness !== undefined && { robustness: true }),
    inspect: pipeline.inspect !== false,
  }),
  async run(context) {
    const data = await reportData(context)
    const page = renderReport(data, { script: await clientScript() })
    await writeText(join(context.output, 'report.html'), page)
    const { listed } = data.suspects
    return {
      report: 'report.html',
      bytes: Buffer.byteLength(page),
      suspects: listed.length,
      pictures: listed.filter(({ picture }) => picture !== undefined).length,
    }
  },
}

/** What its members are. */
function architectureOf({ population, model }: Pipeline): string {
  if (population.models !== undefined) return 'models trained elsewhere'
  return model.backbone === undefined ? model.architecture : `${model.architecture} on a backbone`
}

async function reportData(context: StageContext): Promise<ReportData> {
  const { pipeline, progress, signal } = context
  const levels = levelsOf(pipeline).map(({ name }) => name)
  const dataset = await readDatasetInfo(context.input('dataset.json'))
  const classes = dataset.classNames.length
  const examples = dataset.trainExamples + dataset.testExamples
  const { trueLabel } = dataset
  const scores = context.input('scores.parquet')
  progress.start('report', 2)
  const found = await readLabels(scores, { classes, examples, trueLabel }, pipeline.scoring.decision)
  const labels = { ...found, ...(await readWrongLabels(context.input('noise.parquet'), found.byClass)) }
  progress.advance(1)
  signal.throwIfAborted()
  const suspects = await suspectList(context.input('pies.parquet'), levels, dataset)
  progress.advance(1)
  signal.throwIfAborted()
  return {
    pipeline: pipeline.name,
    classNames: dataset.classNames,
    input: dataset.input,
    examples: { train: dataset.trainExamples, test: dataset.testExamples, skipped: dataset.skipped },
    population: { ...pipeline.population, architecture: architectureOf(pipeline) },
    splits: await readLevels(context.input('levels.parquet'), levels),
    classes: await readClasses(context.input('classes.parquet')),
    overlaps: await readOverlaps(context.input('overlap.parquet')),
    stability: await readStability(context.input('stability.parquet')),
    alpha: pipeline.scoring.alpha,
    labels,
    ...(pipeline.robustness !== undefined && {
      robustness: await readRobustness(context.input('robustness.parquet')),
    }),
    ...(pipeline.retrain === undefined ? {} : { retrain: await readArms(context.input('retrain.parquet')) }),
    ...(pipeline.inspect === false ? {} : { checks: await readChecks(context.input('inspection.parquet')) }),
    suspects,
  }
}

/** The suspects to list, the most telling of them with what they look like. */
async function suspectList(
  path: string,
  levels: readonly string[],
  { input, featureNames, text }: DatasetInfo,
): Promise<SuspectList> {
  const choice = await readSuspects(path, levels)
  const listed = choice.listed()
  const ranks = pictureOrder(listed, shownContents).map(row => listed[row]!.rank)
  const contents = new Map<number, Pick<Suspect, 'picture' | 'features'>>()
  for await (const [rank, content] of readContents(path, input.kind, ranks)) {
    const shown =
      content instanceof Float32Array
        ? { features: [...content.subarray(0, shownFeatures)] }
        : { picture: await thumbnail(content) }
    contents.set(rank, shown)
  }
  let left = pictureBytes
  for (const rank of ranks) {
    left -= contents.get(rank)?.picture?.length ?? 0
    if (left < 0) contents.delete(rank)
  }
  const texts = text ? await readTexts(path, ranks, shownCharacters) : undefined
  return {
    total: choice.total,
    issues: choice.issues,
    pies: choice.pies,
    listed: listed.map(suspect => {
      const text = texts?.get(suspect.rank)
      return { ...suspect, ...contents.get(suspect.rank), ...(text !== undefined && { text }) }
    }),
    featureNames: featureNames.slice(0, shownFeatures),
  }
}
