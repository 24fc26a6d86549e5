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
import {
  openCorrupted,
  openFolder,
  type PublishedPictures,
  publishedCorruptions,
  publishedFingerprint,
} from '../dataset/published.js'
import { holdOut } from '../dataset/split.js'
import { createPredictionPool } from '../engine/onnxruntime/prediction-pool.js'
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
  version: 1,
  inputs: ['ingest', 'models', 'train', 'compress', 'predict'],
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
  /** Path of the pictures, uint8 [conditions · examples, height, width, channels], and the key that names their bytes. */
  readonly pictures: string
  readonly key: string
  /** Given labels of the examples of every condition, [conditions][examples]. */
  readonly labels: readonly Int32Array[]
  /** Classes that compete, in ascending order. */
  readonly classes: readonly number[]
  /** Empty for the clean pictures. */
  readonly conditions: readonly Condition[]
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
  const sample = await sampleTest(context, pipeline.robustness!.examples)
  const shape = info.input
  const sets = [
    await cleanSet(context, sample, shape, info),
    ...(await corruptedSets(context, sample, shape, info)),
    ...(await naturalSets(context, shape, info)),
  ]
  if (sets.length === 1) {
    throw new ConfigError('asks for no corruption and no natural set', {
      key: 'robustness',
      mend: 'Name corruptions, or folders in `natural`.',
    })
  }
  const members = await membersOf(context)
  const accuracies = await predictSets(context, members, sets, info.classNames.length)
  const levels = levelsOf(pipeline).map(level => {
    const own = [...members.keys()].filter(m => members[m].level === level.name)
    const of = (condition: number): MemberAccuracies => ({
      top1: Float64Array.from(own, m => accuracies[m][condition].top1),
      top5: Float64Array.from(own, m => accuracies[m][condition].top5),
    })
    const conditions = accuracies[0].slice(1).map((_, c) => of(c + 1))
    return { level: level.name, paired: isPairedWithDense(level), clean: of(0).top1, conditions }
  })
  const conditions = sets.flatMap(set => set.conditions)
  const rows = robustnessRows(conditions, levels)
  await writeRows(context, rows)
  return headline(rows)
}

/** Some test examples. */
interface Sample {
  /** Rows of `inputs.npy`. */
  readonly rows: Int32Array
  readonly ids: readonly string[]
  readonly labels: Int32Array
}

/** About so many test examples, the same share of every class, drawn by their ids. */
async function sampleTest(context: StageContext, wanted: number): Promise<Sample> {
  const rows: number[] = []
  const ids: string[] = []
  const labels: number[] = []
  let row = 0
  const columns = ['example_id', 'split', 'label']
  for await (const batch of openTable(context.input('examples.parquet'), { columns })) {
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
  const chosen = chooseEvenly(Int32Array.from(labels), ids, wanted, context.pipeline.seed)
  const kept = [...rows.keys()].filter(i => chosen[i] === 1)
  return {
    rows: Int32Array.from(kept, i => rows[i]),
    ids: kept.map(i => ids[i]),
    labels: Int32Array.from(kept, i => labels[i]),
  }
}

/** 1 for each chosen example, [examples]. @throws DataError if so few are wanted that no class has any */
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

async function cleanSet(
  { store, inputKeys, input, pipeline }: StageContext,
  { rows, labels }: Sample,
  { height, width, channels }: ImageShape,
  info: DatasetInfo,
): Promise<PictureSet> {
  const key = keyOf({ clean: inputKeys.ingest, examples: pipeline.robustness!.examples, seed: pipeline.seed })
  const { folder } = await store.produce(key, async folder => {
    async function* chosen(): AsyncGenerator<Uint8Array> {
      for (const row of rows.keys()) {
        yield (await readNpyRows(input('inputs.npy'), rows.subarray(row, row + 1))) as Uint8Array
      }
    }
    await writeNpy(join(folder, picturesFile), { dtype: 'uint8', shape: [height, width, channels] }, chosen())
  })
  const pictures = join(folder, picturesFile)
  return { pictures, key, labels: [labels], classes: allClasses(info), conditions: [] }
}

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
  sample: Sample,
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
      sets.push(await publishedSet(context, config.files, name, shape, info))
      progress.advance(1, name)
    }
    return sets
  }
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
  return { ...set, conditions: conditionsOf(name, severities, set.labels[0].length) }
}

async function naturalSets(
  context: StageContext,
  shape: ImageShape,
  info: DatasetInfo,
): Promise<PictureSet[]> {
  const sets: PictureSet[] = []
  for (const path of context.pipeline.robustness!.natural) {
    const name = basename(path)
    const set = await storePictures(
      context,
      [await openFolder(path, info, context.pipeline.dataset.path)],
      shape,
      name,
    )
    const examples = set.labels[0].length
    sets.push({
      ...set,
      conditions: [{ corruption: name, category: 'natural', severity: undefined, examples }],
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
): Promise<Omit<PictureSet, 'conditions'>> {
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
    classes: conditions[0].classes,
  }
}

async function membersOf(context: StageContext): Promise<Member[]> {
  const text = await readFile(context.input('members.json'), 'utf8')
  const entries = JSON.parse(text) as Record<string, { readonly seed: number }[]>
  return Object.entries(entries).flatMap(([level, seeds]) => seeds.map(({ seed }) => ({ level, seed })))
}

/** Accuracies of every member on every condition, the clean pictures first, [members][conditions]. */
async function predictSets(
  context: StageContext,
  members: readonly Member[],
  sets: readonly PictureSet[],
  classes: number,
): Promise<{ readonly top1: number; readonly top5: number }[][]> {
  const { store, input, workers, progress, signal } = context
  const pool = createPredictionPool(workers)
  progress.start('predict corrupted', members.length * sets.length)
  const asked = members.flatMap(member => sets.map(set => ({ member, set })))
  try {
    const answers = await sideBySide(asked, { workers, signal, stop: pool.stop }, async ({ member, set }) => {
      const { level, seed } = member
      const model = input(`members/${level}/${seed}.onnx`)
      try {
        const { logits } = await memberLogits(store, pool, {
          model,
          inputs: set.pictures,
          inputsKey: set.key,
        })
        progress.advance(1, `${level} ${seed}`)
        return await accuraciesOf(logits, set, classes)
      } catch (error) {
        throw inMember(error, level, seed, model)
      }
    })
    return members.map((_, m) => answers.slice(m * sets.length, (m + 1) * sets.length).flat())
  } finally {
    await pool.close()
  }
}

/** Accuracies from logits, condition after condition. */
async function accuraciesOf(logits: string, set: PictureSet, classes: number) {
  const accuracies: { top1: number; top5: number }[] = []
  let start = 0
  for (const labels of set.labels) {
    const end = start + labels.length
    for await (const scores of streamNpy(logits, labels.length, { start, end })) {
      if (!(scores as Float32Array).every(Number.isFinite)) {
        throw new RunError('gives logits that are no numbers for corrupted pictures', { file: logits })
      }
      const { top1, top5 } = countTop(scores as Float32Array, labels, classes, set.classes)
      accuracies.push({ top1: top1 / labels.length, top5: top5 / labels.length })
    }
    start = end
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
    clean_top1_mean: rows.map(row => row.cleanTop1Mean),
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
    return {
      level,
      cleanTop1Mean: (mean ?? sets[0]).cleanTop1Mean,
      ...(mean && {
        corruptedTop1Mean: mean.top1Mean,
        relativeTop1: mean.relativeTop1,
        ...(Number.isFinite(mean.p) && { p: mean.p }),
      }),
      ...(sets.length > 0 && {
        natural: Object.fromEntries(sets.map(row => [row.corruption, row.top1Mean])),
      }),
    }
  })
  return { levels }
}
