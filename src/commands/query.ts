/** `pieline query`: SQL over a run's tables. */
import { readdir } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { DuckDBConnection, DuckDBResult, DuckDBValue } from '@duckdb/node-api'
import { Command, Option } from 'commander'
import { ConfigError } from '../errors.js'
import { didYouMean } from '../nearest.js'
import { findRun } from '../pipeline/runs.js'
import { csvLine } from '../tables/csv.js'
import { styleFor } from '../terminal/style.js'
import { table } from '../terminal/table.js'
import { examples, outOption } from './options.js'

/** Rows that a person reads; machines get all of them. */
const mostRows = 100
/** Characters of a cell on the terminal. */
const widestCell = 60

interface Flags {
  readonly out: string
  readonly run?: string
  readonly json?: true
  readonly csv?: true
}

export function queryCommand(): Command {
  return new Command('query')
    .description(
      'ask a run’s tables in SQL (DuckDB); each *.parquet is a view, such as scores or predictions_dense',
    )
    .argument('<sql>', 'one SELECT, DESCRIBE or SHOW TABLES')
    .addOption(outOption())
    .option('-r, --run <run>', 'run id, pipeline name or run folder; the newest finished run when absent')
    .addOption(new Option('--json', 'print all rows as JSON, one a line').conflicts('csv'))
    .option('--csv', 'print all rows as CSV')
    .addHelpText(
      'after',
      examples(
        ['pieline query "SHOW TABLES"', 'what there is'],
        ['pieline query "FROM levels"', 'a whole table'],
        [
          'pieline query "SELECT example_id, label_quality FROM scores ORDER BY 2 LIMIT 20" --csv',
          'the most suspicious labels',
        ],
      ),
    )
    .action(async (sql: string, { out, run: name, json, csv }: Flags) => {
      const { folder } = await findRun(out, name, { finished: name === undefined })
      const { DuckDBInstance } = await import('@duckdb/node-api')
      const instance = await DuckDBInstance.create(':memory:')
      const connection = await instance.connect()
      try {
        const views = await createViews(connection, folder)
        const result = await select(connection, sql, views)
        if (json) await printJson(result)
        else if (csv) await printCsv(result)
        else await printTable(result)
      } finally {
        connection.closeSync()
        instance.closeSync()
      }
    })
}

/** A view for every Parquet file of the run: `predictions/magnitude-0.9.parquet` is `predictions_magnitude_0_9`. */
async function createViews(connection: DuckDBConnection, folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true })
  const files = entries.filter(file => file.endsWith('.parquet')).sort()
  const views: string[] = []
  for (const file of files) {
    const view = viewName(file)
    const path = join(folder, file).replaceAll("'", "''")
    await connection.run(`CREATE VIEW "${view}" AS FROM read_parquet('${path}')`)
    views.push(view)
  }
  if (views.length === 0) {
    throw new ConfigError('this run has no tables yet', { file: folder, mend: 'See "pieline status".' })
  }
  return views
}

function viewName(file: string): string {
  return file
    .slice(0, -'.parquet'.length)
    .split(sep)
    .join('_')
    .replace(/[^A-Za-z0-9_]/g, '_')
}

async function select(
  connection: DuckDBConnection,
  sql: string,
  views: readonly string[],
): Promise<DuckDBResult> {
  const { StatementType } = await import('@duckdb/node-api')
  try {
    const statements = await connection.extractStatements(sql)
    if (statements.count !== 1) {
      throw new ConfigError(`${statements.count} statements were given`, { mend: 'Give one SELECT.' })
    }
    const statement = await statements.prepare(0)
    // A run's tables are what they are: changed ones would no longer be what its manifest says.
    if (![StatementType.SELECT, StatementType.EXPLAIN].includes(statement.statementType)) {
      throw new ConfigError(`${StatementType[statement.statementType]} is not allowed: runs are read-only`, {
        mend: 'Give a SELECT, and write its result with --csv or --json.',
      })
    }
    return await statement.stream()
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause
    const message = (cause as Error).message
    const missing = /Table with name (\S+) does not exist/.exec(message)
    if (!missing) throw new ConfigError(`the query cannot be run: ${message}`, { cause })
    throw new ConfigError(`there is no table ${missing[1]}`, {
      mend: `${didYouMean(missing[1], views)}Tables: ${views.join(', ')}.`,
      cause,
    })
  }
}

/** The rows, with 32-bit floats as the shortest decimals that mean them, as they were written. */
async function* rowsOf(result: DuckDBResult): AsyncGenerator<DuckDBValue[]> {
  const isFloat = floatColumns(result)
  for await (const rows of result.yieldRows()) {
    for (const row of rows)
      yield row.map((value, at) => (isFloat[at] ? shortest(value as number | null) : value))
  }
}

function floatColumns(result: DuckDBResult): boolean[] {
  return result.columnNames().map((_, at) => result.columnType(at).toString() === 'FLOAT')
}

/** The decimal number of fewest digits that is this 32-bit float: 0.4 for 0.4000000059604645. */
function shortest(value: number | null): number | null {
  if (value === null || !Number.isFinite(value)) return value
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return Number(value.toPrecision(9))
}

async function printJson(result: DuckDBResult): Promise<void> {
  const { JsonDuckDBValueConverter } = await import('@duckdb/node-api')
  const names = result.columnNames()
  const isFloat = floatColumns(result)
  for await (const rows of result.yieldConvertedRows(JsonDuckDBValueConverter)) {
    for (const row of rows) {
      const cells = row.map((value, at) => [
        names[at],
        isFloat[at] ? shortest(value as number | null) : value,
      ])
      await write(`${JSON.stringify(Object.fromEntries(cells))}\n`)
    }
  }
}

async function printCsv(result: DuckDBResult): Promise<void> {
  await write(csvLine(result.columnNames()))
  for await (const row of rowsOf(result)) {
    await write(csvLine(row.map(value => (value === null ? '' : String(value)))))
  }
}

async function printTable(result: DuckDBResult): Promise<void> {
  const style = styleFor(process.stdout)
  const columns = result.columnNames().map((title, at) => ({
    title,
    align: isNumeric(result.columnType(at).toString()) ? ('right' as const) : ('left' as const),
  }))
  const shown: string[][] = []
  let more = 0
  for await (const row of rowsOf(result)) {
    if (shown.length < mostRows) shown.push(row.map(cellText))
    else more++
  }
  console.log(table(columns, shown, style))
  if (more > 0) console.log(style('dim', `  … ${more} more rows; --csv or --json print all`))
}

function isNumeric(type: string): boolean {
  return /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*)$/.test(type)
}

function cellText(value: DuckDBValue): string {
  if (value === null) return ''
  const text = typeof value === 'number' && !Number.isInteger(value) ? value.toPrecision(5) : String(value)
  return text.length > widestCell ? `${text.slice(0, widestCell - 1)}…` : text
}

/** Waits for a slow reader instead of holding everything in memory. */
async function write(text: string): Promise<void> {
  if (process.stdout.write(text)) return
  await new Promise(done => process.stdout.once('drain', done))
}
