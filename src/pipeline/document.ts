/** `docs/pipeline.md`, from the schema. `npm run docs` writes it anew. */
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { pipelineSchema } from './config.js'

/** What is read of a JSON schema here. */
interface Schema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

const introduction = `# The pipeline file

YAML, checked before anything runs; an unknown key is refused with the nearest known one. Paths are relative to
the file. \`pieline init\` writes one that fits your data; \`--set model.epochs=3\` overrides a key for one run.

This page is written by \`src/pipeline/document.ts\`; do not edit it by hand.`

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return `\`${schema.const}\``
  if (schema.enum) return schema.enum.map(value => `\`${value}\``).join(', ')
  const variants = schema.anyOf ?? schema.oneOf
  if (variants) return variants.map(typeOf).join(' or ')
  if (schema.properties) {
    const keys = Object.entries(schema.properties).map(([name, { const: fixed }]) =>
      fixed === undefined ? name : `${name}: ${fixed}`,
    )
    return `\`{ ${keys.join(', ')} }\``
  }
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`
  return schema.type ?? 'any'
}

function defaultOf(schema: Schema, required: boolean): string {
  if (schema.default !== undefined) return `\`${JSON.stringify(schema.default).replaceAll('"', '')}\``
  return required ? '**required**' : ''
}

function table(schema: Schema): string {
  const keys = Object.entries(schema.properties ?? {}).filter(([, property]) => property.const === undefined)
  if (keys.length === 0) return 'No settings.'
  const rows = keys.map(([name, property]) => {
    const meaning = property.description ?? ''
    return `| \`${name}\` | ${typeOf(property)} | ${defaultOf(property, schema.required?.includes(name) ?? false)} | ${meaning} |`
  })
  return ['| key | value | default | |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

/** The key that tells the variant from the others, with its value. */
function variantName({ properties }: Schema): string {
  const [name, schema] = Object.entries(properties ?? {}).find(([, { const: fixed }]) => fixed !== undefined)!
  return `\`${name}: ${schema.const}\``
}

/** A table for a mapping, one a variant where there are several to choose from. */
function section(title: string, schema: Schema): string {
  const body = schema.items ?? schema
  const variants = body.oneOf ?? body.anyOf
  if (variants) {
    const parts = variants.map(variant => `### ${variantName(variant)}\n\n${table(variant)}`)
    return [`## ${title}`, ...parts].join('\n\n')
  }
  return [`## ${title}`, table(body), ...groups(title.replaceAll('`', ''), body)].join('\n\n')
}

/** A table for each key that may hold a group of keys instead of a plain value, and for the groups in these. */
function groups(path: string, { properties = {} }: Schema): string[] {
  return Object.entries(properties).flatMap(([name, { anyOf = [] }]) => {
    const inner = `${path}.${name}`
    return anyOf
      .filter(variant => variant.properties !== undefined)
      .flatMap(variant => [`### \`${inner}\``, table(variant), ...groups(inner, variant)])
  })
}

function hasKeys({ properties, items }: Schema): boolean {
  return properties !== undefined || items?.oneOf !== undefined
}

/** The page as Markdown. */
export function pipelineDocument(): string {
  const schema = z.toJSONSchema(pipelineSchema, { io: 'input' }) as Schema
  const entries = Object.entries(schema.properties ?? {})
  const plain = Object.fromEntries(entries.filter(([, property]) => !hasKeys(property)))
  const top = { ...schema, properties: plain }
  const sections = entries
    .filter(([, property]) => hasKeys(property))
    .map(([name, property]) => section(`\`${name}\`${property.items ? ', a list of' : ''}`, property))
  return `${[introduction, '## At the top', table(top), ...sections].join('\n\n')}\n`
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.stdout.write(pipelineDocument())
}
