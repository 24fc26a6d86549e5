/** Parquet and Arrow: shards that change are written anew, row group by row group; the others stay as they are. */
import { DataType } from 'apache-arrow'
import { openOriginal } from '../dataset/original.js'
import { changesByFile, type Layout } from './layout.js'

export const rewriteTables: Layout = async function* ({ config, info, files, format, reader }, changes) {
  const byFile = changesByFile(changes)
  const { label } = info.source
  const { fields } = await reader.schema({ numbers: new Set(), integers: new Set() })
  // Labels of a dictionary become plain ones, and all shards need to have the same columns.
  const becomesPlain = fields.some(({ name, type }) => name === label && DataType.isDictionary(type))
  const { limit, test, ...columns } = config
  for (const { path, name } of files) {
    const own = byFile.get(name) ?? []
    if (own.length === 0 && !(becomesPlain && changes.length > 0)) {
      yield { kind: 'same', from: path }
      continue
    }
    const original = await openOriginal({ ...columns, format, path }, info)
    const { schema, relabel } = original
    const table = {
      format: format as 'parquet' | 'arrow',
      schema,
      label,
      rows: () => original.rows('train'),
      relabel,
      changes: new Map(own.map(({ row, to }) => [row, to])),
    }
    yield { kind: 'table', from: path, table }
  }
}
