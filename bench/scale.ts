/**
 * ImageNet's shape: 1.3 million examples of 1,000 classes, 150 members. What ingest (of one feature an example, in
 * shards), scoring and export cost, from Parquet to Parquet, and whether DuckDB finds the same in SQL over the tables.
 *
 *     npm run bench:scale -- [--examples 1300000] [--members 75] [--sparse-levels 1] [--classes 1000] [--folder DIR]
 *
 * `--members` are those of each level. Each step runs in a process of its own, so that its memory is its own; with
 * --folder what is there already is used again. At full size it takes some 12 GB of disk.
 */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import Table from 'cli-table3'
import { pipelineSchema } from '../src/pipeline/config.js'
import { levelsOf } from '../src/pipeline/levels.js'
import { exportTables } from '../src/stages/export.js'
import { ingest } from '../src/stages/ingest.js'
import { score } from '../src/stages/score.js'
import { runAlone } from './alone.js'
import { type Cost, costOf, measureApart } from './apart.js'
import { type SyntheticRun, sourceOf, writeSyntheticRun } from './synthetic-run.js'

const { values } = parseArgs({
  options: {
    examples: { type: 'string', default: '1300000' },
    members: { type: 'string', default: '75' },
    'sparse-levels': { type: 'string', default: '1' },
    classes: { type: 'string', default: '1000' },
    folder: { type: 'string' },
    measure: { type: 'string' },
  },
})
const [examples, members, classes, sparse] = [
  values.examples,
  values.members,
  values.classes,
  values['sparse-levels'],
].map(Number)

const pipelineIn = (folder: string) =>
  pipelineSchema.parse({
    name: 'scale',
    dataset: { path: join(sourceOf(folder), '*.parquet') },
    compress: [{ method: 'magnitude', sparsity: Array.from({ length: sparse }, (_, l) => (l + 1) / 10) }],
    population: { seeds: members, crossFit: 0 },
    inspect: false,
  })
const levels = levelsOf(pipelineIn('.')).map(({ name }) => name)
const run: SyntheticRun = { examples, members, classes, levels }

/** The same in SQL: modal labels with ties by mean probability, PIEs, accuracies; and what differs from the tables. */
async function inSql(folder: string): Promise<string[]> {
  const connection = await (await DuckDBInstance.create()).connect()
  const table = (name: string) => `'${join(folder, name)}.parquet'`
  const rowsOf = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjects()
  await connection.run(`SET memory_limit = '3GiB'; SET threads = 2; SET preserve_insertion_order = false`)
  await connection.run(`SET temp_directory = '${join(folder, 'duckdb')}'`)
  for (const [l, level] of levels.entries()) {
    await connection.run(`
      CREATE TABLE modal${l} AS
      WITH votes AS (
        SELECT example_id, predicted, count(*) AS votes FROM ${table(`predictions/${level}`)} GROUP BY ALL
      ), ranked AS (
        SELECT *, max(votes) OVER (PARTITION BY example_id) AS most FROM votes
      ), foremost AS (
        SELECT example_id, predicted, count(*) OVER (PARTITION BY example_id) AS tied
        FROM ranked WHERE votes = most
      )
      SELECT example_id, predicted AS label FROM foremost WHERE tied = 1
      UNION ALL
      SELECT example_id, arg_max(predicted, {p: probabilities[predicted + 1], first: -predicted})
      FROM foremost JOIN ${table(`probabilities/${level}`)} USING (example_id) WHERE tied > 1 GROUP BY example_id`)
  }
  const differences: string[] = []
  const same = (what: string, ours: unknown, theirs: unknown) => {
    if (String(ours) !== String(theirs)) differences.push(`${what}: ${ours} here, ${theirs} in SQL`)
  }
  for (const [l, level] of levels.entries()) {
    const [labels] = await rowsOf(`
      SELECT count(*) AS all_, count(*) FILTER ("modal_${level}" = label_) AS same
      FROM ${table('scores')} JOIN (SELECT example_id, label AS label_ FROM modal${l}) USING (example_id)`)
    same(`examples of ${level}`, examples, labels.all_)
    same(`modal labels of ${level}`, examples, labels.same)
    const [accuracy] = await rowsOf(`
      SELECT avg(top1) AS top1 FROM (
        SELECT avg((rank_given = 0)::INT) AS top1 FROM ${table(`predictions/${level}`)}
        WHERE NOT in_sample GROUP BY seed
      )`)
    const [own] = await rowsOf(`
      SELECT top1_mean AS top1, pies FROM ${table('levels')} WHERE level = '${level}'`)
    same(`top-1 of ${level}`, Number(own.top1).toFixed(9), Number(accuracy.top1).toFixed(9))
    if (l === 0) continue
    const [pies] = await rowsOf(`
      SELECT count(*) AS pies FROM modal0 JOIN modal${l} USING (example_id) WHERE modal0.label <> modal${l}.label`)
    same(`PIEs of ${level}`, own.pies, pies.pies)
    const [handed] = await rowsOf(`
      SELECT count(*) AS rows FROM ${table('pies')} WHERE "is_pie_${level}"`)
    same(`PIEs of ${level} handed over`, handed.rows, pies.pies)
    const [kept] = await rowsOf(`SELECT count(*) AS rows FROM ${table('splits/non_pie')}`)
    if (levels.length === 2) same('the split without PIEs', kept.rows, examples - Number(pies.pies))
  }
  return differences
}

interface Measured extends Cost {
  readonly differences?: readonly string[]
}

async function measure(what: string, folder: string): Promise<Measured> {
  const pipeline = pipelineIn(folder)
  if (what === 'make') return costOf(() => writeSyntheticRun(folder, run))
  if (what === 'ingest') {
    const output = join(folder, 'ingested')
    await mkdir(output, { recursive: true })
    return costOf(() => runAlone(ingest, pipeline, folder, output))
  }
  if (what === 'score') return costOf(() => runAlone(score, pipeline, folder, folder))
  if (what === 'export') return costOf(() => runAlone(exportTables, pipeline, folder, folder))
  let differences: string[] = []
  const cost = await costOf(async () => {
    differences = await inSql(folder)
  })
  return { ...cost, differences }
}

async function bytesUnder(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true })
  const sizes = await Promise.all(names.map(async name => (await stat(join(folder, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

async function main(): Promise<void> {
  if (values.measure !== undefined) {
    process.stdout.write(JSON.stringify(await measure(values.measure, values.folder!)))
    return
  }
  const folder = values.folder ?? (await mkdtemp(join(tmpdir(), 'pieline-scale-')))
  await mkdir(folder, { recursive: true })
  const apart = (what: string) =>
    measureApart<Measured>(import.meta.url, [...process.argv.slice(2), '--measure', what, '--folder', folder])
  const table = new Table({
    head: ['what', 'seconds', 'CPU seconds', 'peak memory, MB'],
    style: { head: [], border: [] },
  })
  const differences: string[] = []
  for (const [what, made] of [
    ['make', 'dataset.json'],
    ['ingest', 'ingested/dataset.json'],
    ['score', 'scores.parquet'],
    ['export', 'splits/pie_only.parquet'],
    ['sql', ''],
  ]) {
    if (made !== '' && existsSync(join(folder, made))) continue
    const { seconds, cpuSeconds, peakBytes, differences: found = [] } = await apart(what)
    differences.push(...found)
    const peak = Math.round(peakBytes / 2 ** 20).toLocaleString('en')
    const row = [what, seconds.toFixed(1), cpuSeconds.toFixed(1), peak]
    table.push(row)
    console.error(row.join('  '))
  }
  console.log(
    `${examples.toLocaleString('en')} examples, ${levels.length} × ${members} members, ${classes} classes: ${((await bytesUnder(folder)) / 1e9).toFixed(1)} GB`,
  )
  console.log(table.toString())
  console.log(differences.length === 0 ? 'DuckDB finds the same.' : differences.join('\n'))
  if (values.folder === undefined) await rm(folder, { recursive: true })
  if (differences.length > 0) process.exitCode = 1
}

await main()
