/**
 * What every member makes of corrupted test pictures and of hard natural ones. The pictures of a corruption are an
 * artefact, and so are a member's logits of them: a new seed, level or corruption predicts only what is missing.
 */
import { readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { corruptionsVersion } from '../corruptions/corruptions.js'
import { type CorruptionName, corruptionCategory, corruptionNames } from '../corruptions/names.js'
import type { Severity } from '../corruptions/severity.js'
import { createCorruptionPool } from '../dataset/corruption-pool.js'
import { idHash } from '../dataset/identity.js'
import type { ImageShape } from '../dataset/images.js'
import { type DatasetInfo, readDatasetInfo } from '../dataset/info.js'
import { backboneFiles, networkInputs } from '../dataset/network-inputs.js'
import {
  openCorrupted,
  openFolder,
  type PublishedPictures,
  publishedCorruptions,
  publishedFingerprint,
} from '../dataset/published.js'
import { holdOut } from '../dataset/split.js'
import { createPredictionPool, type PredictionPool } from '../engine/onnxruntime/prediction-pool.js'
import { ConfigError, DataError, RunError } from '../errors.js'
import type { RobustnessConfig } from '../pipeline/config.js'
import { openTable, readNpyRows, streamNpy, writeNpy, writeTable } from '../pipeline/files.js'
import { keyOf } from '../pipeline/key.js'
import { isPairedWithDense, levelsOf } from '../pipeline/levels.js'
import type { Stage, StageContext } from '../pipeline/stage.js'
import {
  type Condition,
  type MemberAccuracies,
  type RobustnessRow,
  robustnessRows,
} from '../scoring/robustness.js'
import { countTop } from '../scoring/top-k.js'
import { int32Column, recordBatch, stringColumn } from '../tables/columns.js'
import { robustnessSchema } from '../tables/schemas.js'
import type { RobustnessHeadline } from './headlines.js'
import { inMember, memberLogits } from './member-logits.js'
import { sideBySide } from './side-by-side.js'

export const robustness: Stage = {
  name: 'robustness',
  version: 2,
  inputs: ['ingest', 'backbone', 'models', 'train', 'compress', 'predict'],
  wanted: ({ robustness: config }) => config !== undefined,
  settings(pipeline) {
    const { files, natural, ...config } = pipeline.robustness!
    return {
      // Where published files lie does not matter, only what they are, which `source` says.
      config: { ...config, published: files !== undefined, natural: natural.map(path => basename(path)) },
      levels: levelsOf(pipeline).map(level => ({ name: level.name, paired: isPairedWithDense(level) })),
      seed: pipeline.seed,
      corruptions: corruptionsVersion,
    }
  },
  async source({ robustness: config }) {
    const folders = foldersOf(config!)
    return keyOf(await Promise.all(folders.map(({ path, key }) => publishedFingerprint(path, key))))
  },
  run: robustnessRun,
}

const foldersOf = ({ files, natural }: RobustnessConfig): { path: string; key: string }[] => [
  ...(files === undefined ? [] : [{ path: files, key: 'robustness.files' }]),
  ...natural.map((path, i) => ({ path, key: `robustness.natural[${i}]` })),
]

/** Pictures on disk that all members see, and what is right about them. */
interface PictureSet {
  /** Path of the pictures, uint8 [conditions · examples, height, width, channels], and what names their bytes. */
  readonly pictures: string
  readonly key: string
  /** Given labels of the examples of every condition, [conditions][examples]. */
  readonly labels: readonly Int32Array[]
  /** Classes that compete, in ascending order. */
  readonly classes: readonly number[]
  readonly conditions: readonly Condition[]
  /** The clean pictures by which it is measured, among the same classes; undefined where there are none. */
  readonly clean: TestExamples | undefined
}

interface Member {
  readonly level: string
  readonly seed: number
}

async function robustnessRun(context: StageContext) {
  const { pipeline } = context
  const info = await readDatasetInfo(context.input('dataset.json'))
  if (info.input.kind !== 'image') {
    throw new DataError('there are no pictures to corrupt: the examples are rows of numbers', {
      key: 'robustness',
      mend: 'Leave `robustness` out.',
    })
  }
  const shape = info.input
  const test = await readTestExamples(context)
  const sets = [
    ...(await corruptedSets(context, test, shape, info)),
    ...(await naturalSets(context, test, shape, info)),
  ]
  if (sets.length === 0) {
    throw new ConfigError('asks for no corruption and no natural set', {
      key: 'robustness',
      mend: 'Name corruptions, or folders in `natural`.',
    })
  }
  const members = await membersOf(context)
  const accuracies = await predictSets(context, members, sets, info.classNames.length)
  const conditions = sets.flatMap(set => set.conditions)
  const levels = levelsOf(pipeline).map(level => {
    const own = accuracies.filter((_, m) => members[m].level === level.name)
    const of = (condition: number, figure: keyof Accuracies) =>
      Float64Array.from(own, figures => figures[condition][figure])
    return {
      level: level.name,
      paired: isPairedWithDense(level),
      conditions: conditions.map(
        (_, c): MemberAccuracies => ({ top1: of(c, 'top1'), top5: of(c, 'top5'), clean: of(c, 'clean') }),
      ),
    }
  })
  const rows = robustnessRows(conditions, levels)
  await writeRows(context, rows)
  return headline(rows)
}

interface TestExamples {
  /** Rows of `inputs.npy`. */
  readonly rows: Int32Array
  readonly ids: readonly string[]
  readonly labels: Int32Array
}

async function readTestExamples({ input }: StageContext): Promise<TestExamples> {
  const rows: number[] = []
  const ids: string[] = []
  const labels: number[] = []
  let row = 0
  const columns = ['example_id', 'split', 'label']
  for await (const batch of openTable(input('examples.parquet'), { columns })) {
    const id = stringColumn(batch, 'example_id')
    const label = int32Column(batch, 'label')
    for (const [i, split] of stringColumn(batch, 'split').entries()) {
      if (split === 'test') {
        rows.push(row)
        ids.push(id[i])
        labels.push(label[i])
      }
      row++
    }
  }
  return { rows: Int32Array.from(rows), ids, labels: Int32Array.from(labels) }
}

/** @param chosen 1 for each one that stays, [examples] */
const subset = ({ rows, ids, labels }: TestExamples, chosen: ArrayLike<number>): TestExamples => ({
  rows: rows.filter((_, i) => chosen[i] === 1),
  ids: ids.filter((_, i) => chosen[i] === 1),
  labels: labels.filter((_, i) => chosen[i] === 1),
})

/**
 * About so many examples, the same share of every class, drawn by their ids: 1 for each one, [examples].
 * @throws DataError if so few are wanted that no class has any
 */
function chooseEvenly(labels: Int32Array, ids: readonly string[], wanted: number, seed: number): Uint8Array {
  if (labels.length <= wanted) return new Uint8Array(labels.length).fill(1)
  const hashes = BigUint64Array.from(ids, idHash)
  const chosen = holdOut({ classes: labels, ids: hashes }, wanted / labels.length, seed)
  if (!chosen.includes(1)) {
    throw new DataError(`${wanted} examples are too few to draw the same share of every class`, {
      key: 'robustness.examples',
      mend: 'Ask for some of each class.',
    })
  }
  return chosen
}

const picturesFile = 'pictures.npy'
const allClasses = ({ classNames }: DatasetInfo): number[] => [...classNames.keys()]

/** The corruptions that the pipeline asks for; those that change grey pictures where all are. */
async function corruptionsOf(
  { corruptions, files }: RobustnessConfig,
  { channels }: ImageShape,
): Promise<readonly CorruptionName[]> {
  if (corruptions !== 'all') return corruptionNames.filter(name => corruptions.includes(name))
  if (files !== undefined) return publishedCorruptions(files, 'robustness.files')
  return corruptionNames.filter(name => channels === 3 || name !== 'saturate')
}

async function corruptedSets(
  context: StageContext,
  test: TestExamples,
  shape: ImageShape,
  info: DatasetInfo,
): Promise<PictureSet[]> {
  const { pipeline, store, inputKeys, input, progress, workers, signal } = context
  const config = pipeline.robustness!
  const names = await corruptionsOf(config, shape)
  progress.start('corrupt', names.length)
  if (config.files !== undefined) {
    const sets: PictureSet[] = []
    for (const name of names) {
      sets.push(await publishedSet(context, config.files, name, test, shape, info))
      progress.advance(1, name)
    }
    return sets
  }
  const sample = subset(test, chooseEvenly(test.labels, test.ids, config.examples, pipeline.seed))
  const pool = createCorruptionPool(workers)
  try {
    return await sideBySide(names, { workers, signal, stop: pool.stop }, async name => {
      const { severities, examples } = config
      const key = keyOf({
        corruption: name,
        version: corruptionsVersion,
        severities,
        examples,
        seed: pipeline.seed,
        inputs: inputKeys.ingest,
      })
      const { folder } = await store.produce(key, folder =>
        pool.corrupt({
          inputs: input('inputs.npy'),
          rows: sample.rows,
          ids: sample.ids,
          shape,
          corruption: name,
          severities,
          seed: pipeline.seed,
          pictures: join(folder, picturesFile),
        }),
      )
      progress.advance(1, name)
      return {
        pictures: join(folder, picturesFile),
        key,
        labels: severities.map(() => sample.labels),
        classes: allClasses(info),
        conditions: conditionsOf(name, severities, sample.rows.length),
        clean: sample,
      }
    })
  } finally {
    await pool.close()
  }
}

const conditionsOf = (name: CorruptionName, severities: readonly Severity[], examples: number): Condition[] =>
  severities.map(severity => ({
    corruption: name,
    category: corruptionCategory[name],
    severity,
    examples,
  }))

/** A published corruption, all severities of it in one array. */
async function publishedSet(
  context: StageContext,
  files: string,
  name: CorruptionName,
  test: TestExamples,
  shape: ImageShape,
  info: DatasetInfo,
): Promise<PictureSet> {
  const { severities } = context.pipeline.robustness!
  const opened: PublishedPictures[] = []
  for (const severity of severities) {
    opened.push(await openCorrupted(files, name, severity, info, context.pipeline.dataset.path))
  }
  const counts = new Set(opened.map(({ labels }) => labels.length))
  if (counts.size > 1) {
    throw new DataError(`its severities have different numbers of pictures: ${[...counts].join(', ')}`, {
      file: join(files, name),
      mend: 'Fetch the folder again.',
    })
  }
  const set = await storePictures(context, opened, shape, name)
  return {
    ...set,
    classes: allClasses(info),
    conditions: conditionsOf(name, severities, set.labels[0].length),
    clean: opened.every(({ labels }) => sameCounts(labels, test.labels)) ? test : undefined,
  }
}

/**
 * Whether each class has as many examples in both: the test set that a published set was made of is told by that, for
 * its pictures keep neither names nor a single pixel.
 */
function sameCounts(a: Int32Array, b: Int32Array): boolean {
  const [first, second] = [a.toSorted(), b.toSorted()]
  return first.length === second.length && first.every((label, i) => label === second[i])
}

async function naturalSets(
  context: StageContext,
  test: TestExamples,
  shape: ImageShape,
  info: DatasetInfo,
): Promise<PictureSet[]> {
  const sets: PictureSet[] = []
  for (const path of context.pipeline.robustness!.natural) {
    const name = basename(path)
    const opened = await openFolder(path, info, context.pipeline.dataset.path)
    const set = await storePictures(context, [opened], shape, name)
    const classes = new Set(opened.classes)
    const clean = subset(
      test,
      test.labels.map(label => (classes.has(label) ? 1 : 0)),
    )
    sets.push({
      ...set,
      classes: opened.classes,
      conditions: [
        { corruption: name, category: 'natural', severity: undefined, examples: set.labels[0].length },
      ],
      clean: clean.rows.length > 0 ? clean : undefined,
    })
  }
  return sets
}

/** Published pictures as an artefact, the same examples of every condition. */
async function storePictures(
  { store, pipeline }: StageContext,
  conditions: readonly PublishedPictures[],
  shape: ImageShape,
  name: string,
): Promise<Pick<PictureSet, 'pictures' | 'key' | 'labels'>> {
  const config = pipeline.robustness!
  const { examples } = config
  const { height, width, channels } = shape
  const chosen = conditions.map(({ labels, ids }) => chooseEvenly(labels, ids, examples, pipeline.seed))
  const key = keyOf({
    published: name,
    source: await Promise.all(foldersOf(config).map(({ path, key }) => publishedFingerprint(path, key))),
    severities: config.severities,
    examples,
    seed: pipeline.seed,
    shape: [height, width, channels],
  })
  const { folder } = await store.produce(key, async folder => {
    async function* all(): AsyncGenerator<Uint8Array> {
      for (const [c, condition] of conditions.entries()) {
        const part = join(folder, 'part.npy')
        await condition.write(part, shape, chosen[c])
        for await (const pictures of streamNpy(part, 64)) yield pictures as Uint8Array
        await rm(part)
      }
    }
    await writeNpy(join(folder, picturesFile), { dtype: 'uint8', shape: [height, width, channels] }, all())
  })
  return {
    pictures: join(folder, picturesFile),
    key,
    labels: conditions.map(({ labels }, c) => labels.filter((_, i) => chosen[c][i] === 1)),
  }
}

async function membersOf(context: StageContext): Promise<Member[]> {
  const text = await readFile(context.input('members.json'), 'utf8')
  const entries = JSON.parse(text) as Record<string, { readonly seed: number }[]>
  return Object.entries(entries).flatMap(([level, seeds]) => seeds.map(({ seed }) => ({ level, seed })))
}

/** Of one member on one condition. */
type Accuracies = Readonly<Record<keyof MemberAccuracies, number>>

/** Accuracies of every member on every condition, [members][conditions]. */
async function predictSets(
  context: StageContext,
  members: readonly Member[],
  pictureSets: readonly PictureSet[],
  classes: number,
): Promise<Accuracies[][]> {
  const { store, input, workers, progress, signal } = context
  const pool = createPredictionPool(workers, progress.log)
  const sets = await seenByMembers(context, pool, pictureSets)
  progress.start('predict corrupted', members.length * sets.length)
  const networks = await networkInputs(context)
  const asked = members.flatMap(member => {
    const cleanAccuracies = new Map<TestExamples, Promise<number>>()
    return sets.map(set => ({ member, set, cleanAccuracies }))
  })
  try {
    const act = async ({ member, set, cleanAccuracies }: (typeof asked)[number]): Promise<Accuracies[]> => {
      const { level, seed } = member
      const model = input(`members/${level}/${seed}.onnx`)
      const logitsOf = async (inputs: string, inputsKey: string | undefined) => {
        const request = { title: `${level} ${seed}`, model, inputs, inputsKey }
        return (await memberLogits(store, pool, request)).logits
      }
      try {
        if (set.clean !== undefined && !cleanAccuracies.has(set.clean)) {
          // The stage `predict` has asked about the clean pictures already.
          const logits = logitsOf(networks.file, networks.key)
          const accuracy = logits.then(path => accuracyOn(path, set.clean!, set.classes, classes))
          cleanAccuracies.set(set.clean, accuracy)
        }
        const clean = await (set.clean && cleanAccuracies.get(set.clean))
        const accuracies = await accuraciesOf(await logitsOf(set.pictures, set.key), set, classes)
        progress.advance(1, `${level} ${seed}`)
        return accuracies.map(tops => ({ ...tops, clean: clean ?? Number.NaN }))
      } catch (error) {
        throw inMember(error, level, seed, model)
      }
    }
    const answers = await sideBySide(
      asked,
      { workers: store.elsewhere ?? workers, signal, stop: pool.stop },
      act,
    )
    return members.map((_, m) => answers.slice(m * sets.length, (m + 1) * sets.length).flat())
  } finally {
    await pool.close()
  }
}

/** The sets as they are, or as the features that the run's backbone makes of them. */
async function seenByMembers(
  { pipeline, store, input, inputKeys, workers, signal }: StageContext,
  pool: PredictionPool,
  sets: readonly PictureSet[],
): Promise<readonly PictureSet[]> {
  if (pipeline.model.backbone === undefined) return sets
  const model = input(backboneFiles.model)
  return sideBySide(sets, { workers, signal, stop: pool.stop }, async set => {
    const request = { title: 'backbone', model, inputs: set.pictures, inputsKey: set.key }
    const { logits: features } = await memberLogits(store, pool, request)
    return { ...set, pictures: features, key: keyOf({ backbone: inputKeys.backbone, pictures: set.key }) }
  })
}

/** Logits in memory at a time. */
const countedLogits = 2 ** 22

/** Top-1 accuracy on some rows of the logits. @param among the classes that compete */
async function accuracyOn(
  logits: string,
  { rows, labels }: TestExamples,
  among: readonly number[],
  classes: number,
): Promise<number> {
  const together = Math.max(1, Math.floor(countedLogits / classes))
  let right = 0
  for (let start = 0; start < rows.length; start += together) {
    const scores = (await readNpyRows(logits, rows.subarray(start, start + together))) as Float32Array
    right += countTop(scores, labels.subarray(start, start + together), classes, among).top1
  }
  return right / rows.length
}

/** Accuracies from logits, condition after condition. */
async function accuraciesOf(logits: string, set: PictureSet, classes: number) {
  const together = Math.max(1, Math.floor(countedLogits / classes))
  const accuracies: { top1: number; top5: number }[] = []
  let first = 0
  for (const labels of set.labels) {
    const counts = { top1: 0, top5: 0 }
    let start = 0
    for await (const block of streamNpy(logits, together, { start: first, end: first + labels.length })) {
      const scores = block as Float32Array
      if (!scores.every(Number.isFinite)) {
        throw new RunError('gives logits that are no numbers for corrupted pictures', { file: logits })
      }
      const end = start + scores.length / classes
      const { top1, top5 } = countTop(scores, labels.subarray(start, end), classes, set.classes)
      counts.top1 += top1
      counts.top5 += top5
      start = end
    }
    accuracies.push({ top1: counts.top1 / labels.length, top5: counts.top5 / labels.length })
    first += labels.length
  }
  return accuracies
}

async function writeRows(context: StageContext, rows: readonly RobustnessRow[]): Promise<void> {
  const known = (value: number) => (Number.isFinite(value) ? value : null)
  const columns = {
    level: rows.map(row => row.level),
    corruption: rows.map(row => row.corruption),
    category: rows.map(row => row.category),
    severity: rows.map(row => row.severity),
    examples: rows.map(row => row.examples),
    members: rows.map(row => row.members),
    top1_mean: rows.map(row => row.top1Mean),
    top1_sd: rows.map(row => known(row.top1Sd)),
    top5_mean: rows.map(row => row.top5Mean),
    top5_sd: rows.map(row => known(row.top5Sd)),
    clean_top1_mean: rows.map(row => known(row.cleanTop1Mean)),
    relative_top1: rows.map(row => known(row.relativeTop1)),
    relative_to_dense: rows.map(row => known(row.relativeToDense)),
    p: rows.map(row => known(row.p)),
    q: rows.map(row => known(row.q)),
  }
  const batch = recordBatch(robustnessSchema, columns)
  await writeTable(join(context.output, 'robustness.parquet'), robustnessSchema, [batch])
}

/** Of each level the mean over corruptions, and each natural set. */
function headline(rows: readonly RobustnessRow[]): RobustnessHeadline & Record<string, unknown> {
  const natural = rows.filter(({ category }) => category === 'natural')
  const means = rows.filter(({ corruption }) => corruption === 'mean')
  const told = means.some(({ category }) => category === 'all') ? 'all' : means[0]?.category
  const levels = [...new Set(rows.map(({ level }) => level))].map(level => {
    const mean = means.find(row => row.level === level && row.category === told)
    const sets = natural.filter(row => row.level === level)
    const known = Object.entries({
      cleanTop1Mean: mean?.cleanTop1Mean,
      corruptedTop1Mean: mean?.top1Mean,
      relativeTop1: mean?.relativeTop1,
      p: mean?.p,
    }).filter(([, value]) => value !== undefined && Number.isFinite(value))
    return {
      level,
      ...Object.fromEntries(known),
      ...(sets.length > 0 && {
        natural: Object.fromEntries(sets.map(row => [row.corruption, row.top1Mean])),
      }),
    }
  })
  return { levels }
}
