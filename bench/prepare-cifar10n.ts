/**
 * Lays CIFAR-10N out for `pipelines/cifar10n.yaml`: joins the true labels to the human ones, so that a run can
 * score itself. `npx tsx bench/prepare-cifar10n.ts <folder>`; docs/data.md says what the folder holds.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'

const [source] = process.argv.slice(2)
if (source === undefined) throw new Error('usage: npx tsx bench/prepare-cifar10n.ts <folder of CIFAR-10N>')
const target = new URL('../data/cifar10n/', import.meta.url).pathname
await mkdir(target, { recursive: true })

const text = (path: string) => `'${path.replaceAll("'", "''")}'`
const connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect()
await connection.run(`
  COPY (
    SELECT image, label, true_label
    FROM (SELECT *, file_row_number AS row FROM read_parquet(${text(join(source, 'train.parquet'))}, file_row_number = true))
    JOIN read_csv(${text(join(source, 'train_clean.csv'))}) USING (row)
    ORDER BY row
  ) TO ${text(join(target, 'train.parquet'))} (FORMAT parquet, ROW_GROUP_SIZE 4096)`)
await connection.run(`
  COPY (SELECT image, label, label AS true_label FROM ${text(join(source, 'test.parquet'))})
  TO ${text(join(target, 'test.parquet'))} (FORMAT parquet, ROW_GROUP_SIZE 4096)`)
connection.closeSync()
console.log(`${target}: train.parquet, test.parquet`)
