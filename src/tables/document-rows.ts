/** `src/tables/row-types.ts`, from the schemas. `tsx src/tables/document-rows.ts > src/tables/row-types.ts` writes it anew. */
import { pathToFileURL } from 'node:url'
import { DataType, type Field } from 'apache-arrow'
import { type DocumentedTable, levels, tables } from './document.js'

/** The module, in TypeScript. */
export function rowTypesModule(): string {
  const names = tables.flatMap(({ file }) => file.split(', ').filter(name => name.endsWith('.parquet')))
  const entries = tables.map((table, at) => member(keyOf(names[at]), typeNameOf(names[at]), table.rows))
  return `/**
 * The rows of a run's tables, as {@link rowsOf} gives them.
 *
 * This module is written by \`src/tables/document-rows.ts\`; do not edit it by hand.
 */
import type { ImageValue } from './columns.js'

/** The tables of a run by their names, and what a row of each holds. */
export interface Tables {
${entries.join('\n')}
}

${tables.map((table, at) => rowInterface(typeNameOf(names[at]), table)).join('\n\n')}
`
}

/** `predictions/<level>.parquet` → `predictions/${string}`. */
const keyOf = (file: string): string => file.replace(/\.parquet$/, '').replace(/<\w+>/, pattern)

/** `predictions/<level>.parquet` → `PredictionsRow`. */
const typeNameOf = (file: string): string => `${file[0].toUpperCase()}${/\w+/.exec(file)![0].slice(1)}Row`

function rowInterface(name: string, { rows, schema, otherForms = [] }: DocumentedTable): string {
  const forms = [schema, ...otherForms]
  const fields = new Map<string, Field>()
  for (const form of forms) {
    for (const field of form.fields) {
      const key = columnKey(field.name)
      // Levels that are written as one another have the same columns: the first one shows them.
      if (!fields.has(key)) fields.set(key, field)
    }
  }
  const members = [...fields].map(([key, field]) => {
    const isInAll = forms.every(form => form.fields.some(other => columnKey(other.name) === key))
    const description = String(field.metadata.get('description'))
    return member(key, typeOf(field), description, isInAll)
  })
  return `/** ${comment(rows)} */\nexport interface ${name} {\n${members.join('\n')}\n}`
}

const pattern = '$' + '{string}'

/** The column's name, with a pattern for what the pipeline names: a level, an attribute. */
function columnKey(name: string): string {
  const level = levels.find(other => name.endsWith(`_${other}`))
  return level === undefined ? name.replace('…', pattern) : name.slice(0, -level.length) + pattern
}

function member(key: string, type: string, description: string, isRequired = true): string {
  const name = key.includes(pattern) ? `[name: \`${key}\`]` : `${key}${isRequired ? '' : '?'}`
  return `  /** ${comment(description)} */\n  readonly ${name}: ${type}`
}

const comment = (text: string): string => text.replaceAll('*/', '*\u200b/')

/** What {@link rowsOf} makes of a value of this type. */
function typeOf({ type, nullable }: Field): string {
  const found = DataType.isUtf8(type)
    ? 'string'
    : DataType.isBool(type)
      ? 'boolean'
      : DataType.isInt(type) || DataType.isFloat(type)
        ? 'number'
        : DataType.isFixedSizeList(type)
          ? 'Float32Array'
          : DataType.isList(type)
            ? 'readonly string[]'
            : 'ImageValue'
  return nullable ? `${found} | null` : found
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.stdout.write(rowTypesModule())
