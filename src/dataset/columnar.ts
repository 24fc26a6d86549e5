/** What Parquet and Arrow IPC have in common: typed columns in record batches, in one shard or several. */
import type { RecordBatch, Schema } from 'apache-arrow'
import { DataError } from '../errors.js'
import { placed } from '../pipeline/files.js'
import { conform } from '../tables/columns.js'
import { examplesOf, neededColumns, sourceColumns } from './record-batches.js'
import type { Format, Reader, SourceFile } from './source.js'

export interface ColumnarFormat {
  readonly name: Format
  describe(path: string): Promise<{ schema: Schema; rows?: number }>
  /** @param columns these alone; undefined: all */
  read(path: string, columns: readonly string[] | undefined): AsyncIterable<RecordBatch>
}

/** A reader of shards that all have the columns of the first. */
export function columnarReader(format: ColumnarFormat, files: readonly SourceFile[]): Reader {
  async function describeFile(file: SourceFile) {
    try {
      return await format.describe(file.path)
    } catch (error) {
      throw placed(error, file.path)
    }
  }

  async function* read(file: SourceFile, columns?: readonly string[]): AsyncGenerator<RecordBatch> {
    try {
      yield* format.read(file.path, columns)
    } catch (error) {
      throw placed(error, file.path)
    }
  }

  const schema = async () => (await describeFile(files[0])).schema

  return {
    async describe() {
      const shards = await Promise.all(files.map(describeFile))
      const [first] = shards
      for (const [index, shard] of shards.entries())
        checkSameColumns(first.schema, shard.schema, files, index)
      const rows = shards.every(shard => shard.rows !== undefined)
        ? { rows: shards.reduce((sum, shard) => sum + shard.rows!, 0) }
        : {}
      return { format: format.name, files, columns: sourceColumns(first.schema), ...rows }
    },
    async *examples(roles) {
      for (const file of files) {
        let row = 0
        for await (const batch of read(file, neededColumns(roles))) {
          yield examplesOf(batch, roles, file, row)
          row += batch.numRows
        }
      }
    },
    schema,
    async *rows() {
      const first = await schema()
      for (const file of files) for await (const batch of read(file)) yield conform(first, batch)
    },
  }
}

function checkSameColumns(first: Schema, other: Schema, files: readonly SourceFile[], index: number): void {
  const columnsOf = (schema: Schema) => schema.fields.map(({ name, type }) => `${name} ${type}`)
  const [expected, found] = [columnsOf(first), columnsOf(other)]
  if (expected.join() === found.join()) return
  throw new DataError(`the shard has other columns than ${files[0].name}: ${found.join(', ')}`, {
    file: files[index].path,
    mend: `All shards need the columns ${expected.join(', ')}.`,
  })
}
