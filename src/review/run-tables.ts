/** The tables of a run as a review takes them: the suspects at once, pictures and neighbours as they are asked for. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { type DatasetInfo, readDatasetInfo } from '../dataset/info.js'
import { beginning } from '../dataset/shown-text.js'
import { ConfigError } from '../errors.js'
import type { Suspect } from './queue.js'

/** Characters of a text that are known of every suspect, and of a neighbour. */
const excerptCharacters = 400
const neighborCharacters = 120

/** An example like the suspect, as the networks see it. */
export interface Neighbor {
  readonly id: string
  /** Row in examples.parquet. */
  readonly exampleRow: number
  /** Class index of its given label. */
  readonly given: number
  /** Cosine of both examples' features, −1 to 1. */
  readonly similarity: number
  /** The beginning of the text that people see; null where there is none. */
  readonly excerpt: string | null
}

/** What a review shows of a run. */
export interface RunTables {
  readonly info: DatasetInfo
  /** Names of the levels, `dense` first. */
  readonly levels: readonly string[]
  /** Most suspicious first. */
  readonly suspects: readonly Suspect[]
  /** Nearest first; none where the run did not look for them. @param row row of the suspect */
  neighbors(row: number): Promise<Neighbor[]>
  /** Encoded images by their row in examples.parquet. */
  images(exampleRows: readonly number[]): Promise<Map<number, Uint8Array>>
  /** What the network sees of an example without an image. */
  features(exampleRow: number): Promise<number[]>
  /** The text that people see; null where the data have none. */
  text(exampleRow: number): Promise<string | null>
  /** Those of all suspects, most suspicious first. */
  texts(): AsyncIterable<string | null>
  /** Lets go of the tables. */
  close(): void
}

/** @throws ConfigError if the run has no suspects yet */
export async function openRunTables(folder: string): Promise<RunTables> {
  for (const table of ['pies.parquet', 'examples.parquet']) {
    if (existsSync(join(folder, table))) continue
    throw new ConfigError(`this run has no ${table} yet`, {
      file: folder,
      mend: 'See "pieline status"; "pieline run" goes on with one that stopped.',
    })
  }
  const info = await readDatasetInfo(join(folder, 'dataset.json'))
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const view = (name: string) =>
    connection.run(
      `CREATE VIEW ${name} AS FROM read_parquet('${join(folder, `${name}.parquet`).replaceAll("'", "''")}', file_row_number = true)`,
    )
  await view('pies')
  await view('examples')
  const hasNeighbors = existsSync(join(folder, 'neighbors.parquet'))
  if (hasNeighbors) {
    await view('neighbors')
    // In the order of suspicion, so that the few rows of one suspect are found without a look at the others.
    await connection.run(`CREATE TABLE near AS
      SELECT p.rank, n.rank AS place, n.neighbor_id AS id, e.file_row_number::INTEGER AS row, e.label AS given, n.similarity
      FROM neighbors n
      JOIN (SELECT rank, example_id FROM pies) p ON n.example_id = p.example_id
      JOIN (SELECT example_id, label, file_row_number FROM examples) e ON n.neighbor_id = e.example_id
      ORDER BY p.rank, n.rank`)
  }
  const levels = await levelNames(connection)
  async function excerptsOf(exampleRows: readonly number[]): Promise<Map<number, string | null>> {
    if (exampleRows.length === 0) return new Map()
    const found = await connection.runAndReadAll(
      `SELECT file_row_number, ${head('text', neighborCharacters)} FROM examples
       WHERE file_row_number IN (${exampleRows.join(', ')})`,
    )
    return new Map(
      found
        .getRowsJS()
        .map(([row, text]) => [Number(row), excerpt(text as string | null, neighborCharacters)]),
    )
  }
  return {
    info,
    levels,
    suspects: await readSuspects(connection, levels, info),
    async neighbors(row) {
      if (!hasNeighbors) return []
      const found = await connection.runAndReadAll(
        `SELECT id, row, given, similarity FROM near WHERE rank = ${row + 1} ORDER BY place`,
      )
      const near = found.getRowObjectsJS()
      const excerpts = info.text ? await excerptsOf(near.map(({ row }) => Number(row))) : undefined
      return near.map(({ id, row, given, similarity }) => ({
        id: String(id),
        exampleRow: Number(row),
        given: Number(given),
        similarity: Number(similarity),
        excerpt: excerpts?.get(Number(row)) ?? null,
      }))
    },
    async images(exampleRows) {
      const found = await connection.runAndReadAll(
        `SELECT file_row_number, image.bytes FROM examples WHERE file_row_number IN (${exampleRows.join(', ')})`,
      )
      return new Map(
        found.getRowsJS().map(([row, bytes]) => [Number(row), (bytes as Uint8Array | null) ?? noBytes]),
      )
    },
    async features(exampleRow) {
      const found = await connection.runAndReadAll(
        `SELECT features::FLOAT[] FROM examples WHERE file_row_number = ${exampleRow}`,
      )
      return (found.getRowsJS()[0]?.[0] as number[] | undefined) ?? []
    },
    async text(exampleRow) {
      if (!info.text) return null
      const found = await connection.runAndReadAll(
        `SELECT text FROM examples WHERE file_row_number = ${exampleRow}`,
      )
      return (found.getRowsJS()[0]?.[0] as string | null | undefined) ?? null
    },
    async *texts() {
      const found = await connection.stream(`SELECT ${info.text ? 'text' : 'NULL'} FROM pies ORDER BY rank`)
      for await (const rows of found.yieldRowsJs()) for (const [text] of rows) yield text as string | null
    },
    close: () => closeAll(connection, instance),
  }
}

const noBytes = new Uint8Array(0)

/** A text as far as its excerpt needs it. */
const head = (column: string, characters: number): string => `left(${column}, ${characters + 1})`
const excerpt = (text: string | null, characters: number): string | null =>
  text === null ? null : beginning(text, characters)

function closeAll(connection: DuckDBConnection, instance: DuckDBInstance): void {
  connection.closeSync()
  instance.closeSync()
}

/** The levels have their columns in the order of the pipeline. */
async function levelNames(connection: DuckDBConnection): Promise<string[]> {
  const result = await connection.runAndReadAll('SELECT * FROM pies LIMIT 0')
  const prefix = 'modal_'
  return result
    .columnNames()
    .filter(name => name.startsWith(prefix))
    .map(name => name.slice(prefix.length))
}

async function readSuspects(
  connection: DuckDBConnection,
  levels: readonly string[],
  { groups, text }: DatasetInfo,
): Promise<Suspect[]> {
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
  const list = (names: readonly string[]) => `[${names.map(quoted).join(', ')}]`
  const compressed = levels.slice(1)
  // The truth, where it is known, is only ever read to score a run: nobody sees it who decides.
  const result =
    await connection.stream(`SELECT p.example_id, p.split, e.file_row_number::INTEGER, e.source, p.label,
      p.suggested_label, p.suggested_p, p.label_quality, p.disagreement, p.is_label_issue, p.issue_kind, p.hints,
      ${list(levels.map(level => `modal_${level}`))}, ${list(levels.map(level => `agreement_${level}`))},
      ${compressed.length === 0 ? '[]::BOOLEAN[]' : list(compressed.map(level => `is_pie_${level}`))},
      ${groups.length === 0 ? '[]::VARCHAR[]' : list(groups.map(name => `group_${name}`))},
      ${text ? head('p.text', excerptCharacters) : 'NULL'}
    FROM pies p JOIN examples e ON p.example_id = e.example_id ORDER BY p.rank`)
  const suspects: Suspect[] = []
  for await (const rows of result.yieldRowsJs()) {
    for (const row of rows) {
      suspects.push({
        id: row[0] as string,
        split: row[1] as string,
        exampleRow: row[2] as number,
        source: row[3] as string,
        given: row[4] as number,
        suggested: row[5] as number,
        suggestedProbability: row[6] as number,
        labelQuality: row[7] as number,
        disagreement: row[8] as number,
        issue: row[9] as boolean,
        issueKind: row[10] as string | null,
        hints: row[11] as string[],
        modal: row[12] as number[],
        agreement: row[13] as number[],
        pie: [false, ...(row[14] as boolean[])],
        groups: row[15] as (string | null)[],
        excerpt: excerpt(row[16] as string | null, excerptCharacters),
      })
    }
  }
  return suspects
}
