/**
 * Parquet, a million rows of six columns, written and read: src/tables beside pyarrow and DuckDB.
 *
 *     npx tsx bench/parquet.ts [--rows 1000000] [--rounds 5]
 *
 * Everybody writes zstd with a row group every 65,536 rows, from typed columns in memory; ours also syncs the file to
 * disk, as every table of a run is. Everybody reads the same file (ours) into columns in memory. All take turns; the
 * best of the rounds counts.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type DuckDBConnection, DuckDBInstance, version as duckdbVersion } from '@duckdb/node-api'
import { Bool, Field, Float32, Float64, Int32, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import Table from 'cli-table3'
import { openTable, writeTable } from '../src/pipeline/files.js'
import { packageVersion } from '../src/pipeline/versions.js'
import { randomStream } from '../src/random.js'
import {
  booleanColumn,
  column,
  float32Column,
  float64Column,
  int32Column,
  recordBatch,
} from '../src/tables/columns.js'
import { PeerProcess, peersPython } from './peers/python.js'

const { values: flags } = parseArgs({
  options: { rows: { type: 'string', default: '1000000' }, rounds: { type: 'string', default: '5' } },
})
const rows = Number(flags.rows)
const rounds = Number(flags.rounds)
const cores = availableParallelism()
const rowGroupRows = 65_536

const schema = new Schema([
  new Field('example_id', new Utf8(), false),
  new Field('label', new Int32(), false),
  new Field('predicted', new Int32(), false),
  new Field('is_pie', new Bool(), false),
  new Field('p_top', new Float32(), false),
  new Field('margin', new Float64(), false),
])

/** What scores look like: ids, classes, a few flags, floats without pattern. */
function syntheticBatches(): RecordBatch[] {
  const random = randomStream('parquet benchmark')
  const batches: RecordBatch[] = []
  for (let begin = 0; begin < rows; begin += rowGroupRows) {
    const length = Math.min(rowGroupRows, rows - begin)
    const label = Int32Array.from({ length }, () => random.integer(10))
    batches.push(
      recordBatch(schema, {
        example_id: Array.from({ length }, (_, i) => `e${String(begin + i).padStart(9, '0')}`),
        label,
        predicted: label.map(given => (random.integer(10) === 0 ? random.integer(10) : given)),
        is_pie: Uint8Array.from({ length }, () => (random.integer(20) === 0 ? 1 : 0)),
        p_top: Float32Array.from({ length }, () => random.uniform()),
        margin: Float64Array.from({ length }, () => random.normal() * 4),
      }),
    )
  }
  return batches
}

/** Somebody who writes and reads Parquet; both return seconds. */
interface Contestant {
  readonly name: string
  readonly threads: number
  write(path: string): Promise<number>
  read(path: string): Promise<number>
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}

function pieline(batches: readonly RecordBatch[]): Contestant {
  async function readAll(path: string): Promise<void> {
    let count = 0
    for await (const batch of openTable(path)) {
      column(batch, 'example_id')
      for (const name of ['label', 'predicted']) int32Column(batch, name)
      booleanColumn(batch, 'is_pie')
      float32Column(batch, 'p_top')
      count += float64Column(batch, 'margin').length
    }
    if (count !== rows) throw new Error(`${count} rows were read, ${rows} written`)
  }
  return {
    name: 'pieline',
    threads: 1,
    write: path => seconds(() => writeTable(path, schema, batches, { rowGroupRows })),
    read: path => seconds(() => readAll(path)),
  }
}

async function duckdb(source: string, threads: number): Promise<Contestant & { close(): void }> {
  const instance = await DuckDBInstance.create(':memory:', { threads: String(threads) })
  const connection: DuckDBConnection = await instance.connect()
  const text = (path: string) => `'${path.replaceAll("'", "''")}'`
  await connection.run(`CREATE TABLE written AS FROM read_parquet(${text(source)})`)
  return {
    name: 'DuckDB',
    threads,
    write: path =>
      seconds(() =>
        connection.run(
          `COPY written TO ${text(path)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${rowGroupRows})`,
        ),
      ),
    async read(path) {
      const took = await seconds(() =>
        connection.run(`CREATE OR REPLACE TEMP TABLE found AS FROM read_parquet(${text(path)})`),
      )
      await connection.run('DROP TABLE found')
      return took
    },
    close() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

function pyarrow(peer: PeerProcess, threads: number): Contestant {
  const ask = async (what: 'write' | 'read', path: string) =>
    (await peer.ask<{ seconds: number }>({ what, path, rowGroupRows, threads })).seconds
  return {
    name: 'pyarrow',
    threads,
    write: path => ask('write', path),
    read: path => ask('read', path),
  }
}

const folder = await mkdtemp(join(tmpdir(), 'pieline-bench-'))
const source = join(folder, 'source.parquet')
await writeTable(source, schema, syntheticBatches(), { rowGroupRows })

const python = peersPython()
const peer = python === null ? null : new PeerProcess(python, './parquet_pyarrow.py', cores)
const pyarrowVersion = (await peer?.read<{ version: string }>())?.version ?? 'not installed'
await peer?.ask({ what: 'load', path: source })
const threadCounts = [...new Set([1, cores])]
const ducks = await Promise.all(threadCounts.map(threads => duckdb(source, threads)))
const contestants = [
  pieline(syntheticBatches()),
  ...(peer ? threadCounts.map(threads => pyarrow(peer, threads)) : []),
  ...ducks,
].map((contestant, index) => ({
  ...contestant,
  path: join(folder, `${index}.parquet`),
  written: Number.POSITIVE_INFINITY,
  found: Number.POSITIVE_INFINITY,
}))

for (let round = 0; round < rounds; round++) {
  for (const contestant of contestants) {
    contestant.written = Math.min(contestant.written, await contestant.write(contestant.path))
    contestant.found = Math.min(contestant.found, await contestant.read(source))
  }
}

const table = new Table({
  head: ['by', 'threads', 'write, s', 'file, MB', 'ratio', 'read, s', 'ratio'],
  style: { head: [], border: [] },
})
const [ours] = contestants
for (const { name, threads, path, written, found } of contestants) {
  const ratio = (theirs: number, own: number) => (name === ours.name ? '' : (theirs / own).toFixed(2))
  table.push([
    name,
    threads,
    written.toFixed(2),
    ((await stat(path)).size / 1e6).toFixed(1),
    ratio(written, ours.written),
    found.toFixed(2),
    ratio(found, ours.found),
  ])
}
console.log(
  `Parquet, ${rows.toLocaleString('en')} rows of ${schema.fields.length} columns, best of ${rounds} rounds, ${cores} × ${cpus()[0]?.model}, ` +
    `Node ${process.versions.node}, parquet-wasm ${packageVersion('parquet-wasm')}, pyarrow ${pyarrowVersion}, DuckDB ${duckdbVersion()}`,
)
console.log(table.toString())
console.log('Ratios above 1: pieline is faster.')

peer?.close()
for (const duck of ducks) duck.close()
await rm(folder, { recursive: true })
