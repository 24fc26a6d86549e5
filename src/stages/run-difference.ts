/**
 * The tables of two runs, joined by example. DuckDB does the joining: it streams the files and spills to disk what does
 * not fit into its bounded memory, however many examples there are.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { type DatasetInfo, readDatasetInfo } from '../dataset/info.js'
import { changedSettings } from '../difference/changed-settings.js'
import { type ClassCounts, classBalance } from '../difference/class-balance.js'
import {
  type ChangedExample,
  type ChangedExamples,
  type Difference,
  type ExampleChanges,
  levelChange,
  type MarkChanges,
  type StatisticDrift,
} from '../difference/difference.js'
import { kolmogorovSmirnov } from '../difference/kolmogorov-smirnov.js'
import { noiseChange, shareOf } from '../difference/noise-change.js'
import { DataError } from '../errors.js'
import { openTable } from '../pipeline/files.js'
import type { Manifest } from '../pipeline/manifest.js'
import type { Run } from '../pipeline/runs.js'
import { thumbnail } from '../report/thumbnail.js'
import { benjaminiHochberg } from '../scoring/benjamini-hochberg.js'
import { percentile } from '../scoring/percentile.js'
import { imageColumn, stringColumn } from '../tables/columns.js'
import { inspectionSchema } from '../tables/schemas.js'
import type { DataVersion } from './data-version.js'
import { headlinesOf } from './headlines.js'

/** Examples listed of each kind of change; their number is always told. */
export const listedChanges = 1000
/** What DuckDB may take before it spills. */
const memoryLimit = '1GB'

/** Columns of `inspection.parquet` that pictures alone have. */
const imageStatistics = namesOf('image').filter(name => !namesOf('features').includes(name))

function namesOf(kind: 'image' | 'features'): string[] {
  return inspectionSchema({ kind }).fields.map(({ name }) => name)
}

/** A run, or a data set as it lies. */
export type Compared = Run | DataVersion

/** One side, and what of it there is to compare. */
interface Side {
  readonly letter: 'a' | 'b'
  readonly run: Compared
  readonly info: DatasetInfo
  /** Levels that its scores have, `dense` first; undefined where it has none. */
  readonly levels: readonly string[] | undefined
  readonly hasImageStatistics: boolean
}

/**
 * What changed from one run to another. Runs that are not finished, or of other pipelines, are compared by the tables
 * that both have: `examples.parquet` at least. Data sets without a run lie at other paths than their earlier versions,
 * and in class folders a new label is a new path: without an id column, their examples are told by their content.
 *
 * @throws DataError if a run has no examples yet, or its tables are damaged, or the runs name their examples in
 *   different ways, so that none could be found again
 */
export async function runDifference(a: Compared, b: Compared): Promise<Difference> {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const spill = await mkdtemp(join(tmpdir(), 'pieline-difference-'))
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: memoryLimit,
    temp_directory: spill,
  })
  const connection = await instance.connect()
  try {
    const sides = [await openSide(connection, 'a', a), await openSide(connection, 'b', b)] as const
    requireSameIds(sides)
    return await compare(connection, sides)
  } finally {
    connection.closeSync()
    instance.closeSync()
    await rm(spill, { recursive: true, force: true })
  }
}

type Sides = readonly [a: Side, b: Side]

async function openSide(connection: DuckDBConnection, letter: Side['letter'], run: Compared): Promise<Side> {
  const examples = join(run.folder, 'examples.parquet')
  if (!existsSync(examples)) {
    throw new DataError('the run has no examples yet', { file: examples, mend: 'See "pieline status".' })
  }
  const tables = ['examples', 'scores', 'inspection', 'members', 'pies'] as const
  const columns = new Map<string, readonly string[]>()
  for (const name of tables) {
    const path = join(run.folder, `${name}.parquet`)
    if (!existsSync(path)) continue
    await connection.run(
      `CREATE VIEW ${name}_${letter} AS FROM read_parquet('${path.replaceAll("'", "''")}')`,
    )
    const described = await query<{ column_name: string }>(connection, `DESCRIBE ${name}_${letter}`)
    columns.set(
      name,
      described.map(row => row.column_name),
    )
  }
  return {
    letter,
    run,
    info: await readDatasetInfo(join(run.folder, 'dataset.json')),
    levels: columns
      .get('scores')
      ?.filter(column => column.startsWith('modal_'))
      .map(column => column.slice('modal_'.length)),
    hasImageStatistics: imageStatistics.every(name => columns.get('inspection')?.includes(name)),
  }
}

/** Ids made of different things have nothing in common: everything would look removed and added anew. */
function requireSameIds(sides: Sides): void {
  const [a, b] = sides
  if (a.info.ids === b.info.ids || areToldByContent(sides)) return
  throw new DataError(
    `its ids are made of the ${b.info.ids} of each example, those of the other run of the ${a.info.ids}`,
    { file: b.run.folder, key: 'dataset.id', mend: 'Name the same id column in both pipelines.' },
  )
}

const manifestOf = ({ run }: Side): Manifest | undefined => ('manifest' in run ? run.manifest : undefined)

/** Whether examples are the same that have the same content, whatever their ids. */
const areToldByContent = (sides: Sides): boolean =>
  sides.some(side => manifestOf(side) === undefined) && !sides.every(({ info }) => info.ids === 'column')

async function compare(connection: DuckDBConnection, sides: Sides): Promise<Difference> {
  const [a, b] = sides
  const isScored = a.levels !== undefined && b.levels !== undefined
  await joinExamples(connection, sides)
  const examples = await exampleChanges(connection, sides)
  const [manifestA, manifestB] = sides.map(manifestOf)
  const [headlineA, headlineB] = [manifestA, manifestB].map(
    manifest => manifest && headlinesOf(manifest).score,
  )
  const noise =
    headlineA?.wrongLabels && headlineB?.wrongLabels
      ? noiseChange(
          shareOf(headlineA.wrongLabels, countOf(a.info)),
          shareOf(headlineB.wrongLabels, countOf(b.info)),
        )
      : undefined
  return {
    a: sideOf(a),
    b: sideOf(b),
    examples,
    classes: classBalance(await classCounts(connection)),
    ...(isScored && {
      issues: await markChanges(connection, sides, 'issue'),
      pies: await markChanges(connection, sides, 'pie'),
    }),
    ...(noise && { noise }),
    ...(await levelChanges(connection, sides)),
    ...(a.hasImageStatistics && b.hasImageStatistics && { images: await imageDrift(connection) }),
    settings: manifestA && manifestB ? changedSettings(settingsOf(manifestA), settingsOf(manifestB)) : [],
    versions: manifestA && manifestB ? changedSettings(manifestA.versions, manifestB.versions) : [],
  }
}

/** The configuration without the name, which the sides have already. */
function settingsOf({ config }: Manifest): Record<string, unknown> {
  const { name, ...settings } = config
  return settings
}

const countOf = ({ trainExamples, testExamples }: DatasetInfo): number => trainExamples + testExamples

function sideOf({ run, info }: Side): Difference['a'] {
  const name = 'manifest' in run ? `${run.manifest.pipeline}/${run.manifest.run}` : run.name
  return { name, folder: run.folder, examples: countOf(info) }
}

/**
 * `pairs`: one row an example of either side, null on the side that does not have it. Content is compared by a hash of
 * the encoded image, or of the features.
 */
async function joinExamples(connection: DuckDBConnection, sides: Sides): Promise<void> {
  const [a, b] = sides
  const byContent = areToldByContent(sides)
  const common = (a.levels ?? []).filter(level => level !== 'dense' && b.levels?.includes(level))
  const isPie = common.map(level => `s."is_pie_${level.replaceAll('"', '""')}"`).join(' OR ') || 'false'
  const isScored = a.levels !== undefined && b.levels !== undefined
  const side = ({ letter, info }: Side) => {
    const content = `hash(${info.input.kind === 'image' ? 'e.image.bytes' : 'e.features'})`
    // Copies are told apart by their number among those of the same content.
    const key = byContent
      ? `${content} || '~' || row_number() OVER (PARTITION BY ${content} ORDER BY e.label_name, e.example_id)`
      : 'e.example_id'
    return `
    SELECT e.example_id AS id, ${key} AS key, e.split, e.label_name AS label,
      ${byContent || info.ids === 'content' ? '0' : content} AS content,
      ${isScored ? `s.label_quality AS quality, s.is_label_issue AS issue, ${isPie} AS pie, s.suggested_label AS suggested` : 'NULL::FLOAT AS quality, false AS issue, false AS pie, NULL::INTEGER AS suggested'}
    FROM examples_${letter} e ${isScored ? `JOIN scores_${letter} s ON s.example_id = e.example_id` : ''}`
  }
  const columns = ['split', 'label', 'quality', 'issue', 'pie', 'suggested']
  const both = columns.map(name => `a.${name} AS a_${name}, b.${name} AS b_${name}`).join(', ')
  await connection.run(`CREATE TEMP TABLE pairs AS
    SELECT coalesce(b.id, a.id) AS id, ${both},
      a.id IS NULL AS added, b.id IS NULL AS removed,
      coalesce(a.label <> b.label, false) AS relabeled,
      coalesce(a.content <> b.content, false) AS edited
    FROM (${side(a)}) a FULL JOIN (${side(b)}) b ON a.key = b.key`)
}

async function exampleChanges(connection: DuckDBConnection, sides: Sides): Promise<ExampleChanges> {
  const list = (condition: string) => changedExamples(connection, sides, condition, 'id')
  const relabelings = await query<{ from: string; to: string; count: bigint }>(
    connection,
    `SELECT a_label AS "from", b_label AS "to", count(*) AS count FROM pairs WHERE relabeled
     GROUP BY ALL ORDER BY count DESC, a_label, b_label`,
  )
  const [{ other }] = await query<{ other: bigint }>(
    connection,
    `SELECT count(*) AS other FROM pairs WHERE (a_split = 'test' OR b_split = 'test')
     AND (added OR removed OR relabeled OR edited OR a_split <> b_split)`,
  )
  return {
    added: await list('added'),
    removed: await list('removed'),
    relabeled: await list('relabeled'),
    edited: await list('edited'),
    moved: await list('a_split <> b_split'),
    relabelings: relabelings.map(({ from, to, count }) => ({ from, to, count: Number(count) })),
    sameTest: other === 0n,
  }
}

/** The examples that fit a condition on `pairs`, the first of them listed. */
async function changedExamples(
  connection: DuckDBConnection,
  [a, b]: Sides,
  condition: string,
  order: string,
): Promise<ChangedExamples> {
  const [{ count }] = await query<{ count: bigint }>(
    connection,
    `SELECT count(*) AS count FROM pairs WHERE ${condition}`,
  )
  const rows = await query<PairRow>(
    connection,
    `SELECT * FROM pairs WHERE ${condition} ORDER BY ${order}, id LIMIT ${listedChanges}`,
  )
  return {
    count: Number(count),
    listed: rows.map((row): ChangedExample => {
      const [info, issue, suggested] = row.removed
        ? [a.info, row.a_issue, row.a_suggested]
        : [b.info, row.b_issue || row.a_issue, row.b_issue ? row.b_suggested : null]
      return {
        id: row.id,
        split: row.b_split ?? row.a_split!,
        labels: [row.a_label, row.b_label],
        quality: row.removed ? row.a_quality : row.b_quality,
        suggested: issue && suggested !== null ? info.classNames[suggested] : null,
      }
    }),
  }
}

interface PairRow {
  readonly id: string
  readonly a_split: string | null
  readonly b_split: string | null
  readonly a_label: string | null
  readonly b_label: string | null
  readonly a_quality: number | null
  readonly b_quality: number | null
  readonly a_issue: boolean | null
  readonly b_issue: boolean | null
  readonly a_suggested: number | null
  readonly b_suggested: number | null
  readonly removed: boolean
}

async function markChanges(
  connection: DuckDBConnection,
  sides: Sides,
  mark: 'issue' | 'pie',
): Promise<MarkChanges> {
  const [before, after] = [`coalesce(a_${mark}, false)`, `coalesce(b_${mark}, false)`]
  const [isNew, isGone] = [`${after} AND NOT ${before}`, `${before} AND NOT ${after}`]
  const [counts] = await query<Record<string, bigint>>(
    connection,
    `SELECT count(*) FILTER (${before}) AS a, count(*) FILTER (${after}) AS b,
       count(*) FILTER (${isNew} AND added) AS new_added,
       count(*) FILTER (${isNew} AND relabeled) AS new_relabeled,
       count(*) FILTER (${isGone} AND removed) AS gone_removed,
       count(*) FILTER (${isGone} AND relabeled) AS gone_relabeled
     FROM pairs`,
  )
  const count = (name: string) => Number(counts[name])
  const list = (condition: string, side: 'a' | 'b') =>
    changedExamples(connection, sides, condition, `${side}_quality`)
  return {
    a: count('a'),
    b: count('b'),
    new: { ...(await list(isNew, 'b')), added: count('new_added'), relabeled: count('new_relabeled') },
    gone: {
      ...(await list(isGone, 'a')),
      removed: count('gone_removed'),
      relabeled: count('gone_relabeled'),
    },
    still: await list(`${before} AND ${after}`, 'b'),
  }
}

async function classCounts(connection: DuckDBConnection): Promise<ClassCounts[]> {
  const rows = await query<{ name: string; a: bigint; b: bigint; fresh: bigint }>(
    connection,
    `SELECT name, sum(a)::BIGINT AS a, sum(b)::BIGINT AS b, sum(fresh)::BIGINT AS fresh FROM (
       SELECT a_label AS name, 1 AS a, 0 AS b, 0 AS fresh FROM pairs WHERE NOT added
       UNION ALL SELECT b_label, 0, 1, (added OR edited)::INT FROM pairs WHERE NOT removed
     ) GROUP BY name ORDER BY name`,
  )
  return rows.map(({ name, a, b, fresh }) => ({
    name,
    a: Number(a),
    b: Number(b),
    fresh: Number(fresh),
  }))
}

/** The levels of either side on the test examples, or on the training examples where a side has no others. */
async function levelChanges(
  connection: DuckDBConnection,
  sides: Sides,
): Promise<Pick<Difference, 'levels' | 'audited'>> {
  if (sides.some(({ run }) => !existsSync(join(run.folder, 'members.parquet')))) return { levels: [] }
  const audited = sides.every(({ info }) => info.testExamples > 0) ? 'test' : 'train'
  const accuracies = new Map<string, Record<'a' | 'b', number[]>>()
  for (const { letter } of sides) {
    const rows = await query<{ level: string; top1: number }>(
      connection,
      `SELECT level, top1 FROM members_${letter} WHERE split = '${audited}' AND top1 IS NOT NULL`,
    )
    for (const { level, top1 } of rows) {
      if (!accuracies.has(level)) accuracies.set(level, { a: [], b: [] })
      accuracies.get(level)![letter].push(top1)
    }
  }
  const levels = [...accuracies].map(([level, { a, b }]) =>
    levelChange(level, Float64Array.from(a), Float64Array.from(b)),
  )
  return { levels, audited }
}

/** Reads a column of numbers, nulls left out. */
async function numbers(connection: DuckDBConnection, sql: string): Promise<Float32Array> {
  const result = await connection.stream(sql)
  const parts: Float32Array[] = []
  for (;;) {
    const chunk = await result.fetchChunk()
    if (chunk === null || chunk.rowCount === 0) break
    parts.push(Float32Array.from(chunk.getColumnValues(0) as number[]))
  }
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let begin = 0
  for (const part of parts) {
    all.set(part, begin)
    begin += part.length
  }
  return all
}

async function imageDrift(connection: DuckDBConnection): Promise<StatisticDrift[]> {
  const drifts: Omit<StatisticDrift, 'q'>[] = []
  for (const name of imageStatistics) {
    const column = (letter: 'a' | 'b') => `i.${name}::FLOAT FROM inspection_${letter} i`
    const a = await numbers(connection, `SELECT ${column('a')} WHERE i.${name} IS NOT NULL`)
    const b = await numbers(connection, `SELECT ${column('b')} WHERE i.${name} IS NOT NULL`)
    const fresh = await numbers(
      connection,
      `SELECT ${column('b')} JOIN pairs p ON p.id = i.example_id
       WHERE (p.added OR p.edited) AND i.${name} IS NOT NULL`,
    )
    drifts.push({
      statisticName: name,
      a: percentile(a, 0.5),
      b: percentile(b, 0.5),
      fresh: percentile(fresh, 0.5),
      ...kolmogorovSmirnov(a, fresh),
    })
  }
  const q = benjaminiHochberg(Float64Array.from(drifts, ({ p }) => p))
  return drifts.map((drift, i) => ({ ...drift, q: q[i] }))
}

/** All rows of a small result. */
async function query<Row>(connection: DuckDBConnection, sql: string): Promise<Row[]> {
  const reader = await connection.runAndReadAll(sql)
  return reader.getRowObjectsJS() as Row[]
}

/** Thumbnails of a run's suspects by their ids, as data URIs; of features there are none. */
export async function suspectPictures(
  { folder }: Compared,
  ids: readonly string[],
): Promise<Map<string, string>> {
  const pictures = new Map<string, string>()
  const { input } = await readDatasetInfo(join(folder, 'dataset.json'))
  const path = join(folder, 'pies.parquet')
  if (input.kind !== 'image' || !existsSync(path)) return pictures
  const wanted = new Set(ids)
  for await (const batch of openTable(path, { columns: ['example_id', 'image'] })) {
    const images = imageColumn(batch, 'image')
    for (const [row, id] of stringColumn(batch, 'example_id').entries()) {
      const bytes = images[row]?.bytes
      if (wanted.delete(id) && bytes) pictures.set(id, await thumbnail(bytes))
    }
    if (wanted.size === 0) break
  }
  return pictures
}
