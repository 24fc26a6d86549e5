/** From what the schema says to what somebody who wrote a pipeline file can use: the place, what is wrong, the mend. */
import { z } from 'zod'
import { ConfigError } from '../errors.js'
import { didYouMean } from '../nearest.js'

/** Where a key stands in a pipeline file, from the top. */
export type KeyPath = readonly PropertyKey[]
type Issue = z.core.$ZodIssue
type JsonSchema = z.core.JSONSchema.BaseSchema

/** One thing that is wrong with a configuration. */
export interface Fault {
  readonly path: KeyPath
  readonly message: string
  readonly mend?: string
}

/** Says where a key stands, such as `pipelines/glyphs.yaml:12`. */
export type Locate = (path: KeyPath) => string

/**
 * The error for a configuration that its schema refuses. One fault is told by its place; several are told one a
 * line, in the order of the schema.
 */
export function configError(
  schema: z.ZodType,
  issues: readonly Issue[],
  value: unknown,
  locate: Locate,
): ConfigError {
  const described = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  const faults = issues.flatMap(issue => faultsOf(issue, [], value, described))
  return faultsError(faults, locate)
}

/** Faults that are told one by one; what is pasted in the wrong place has many. */
const mostNamed = 10

/** The error for faults that were found outside the schema. */
export function faultsError(faults: readonly Fault[], locate: Locate): ConfigError {
  if (faults.length === 1) {
    const [{ path, message, mend }] = faults
    const key = keyText(path)
    return new ConfigError(message, { file: locate(path), ...(key && { key }), ...(mend && { mend }) })
  }
  const lines = faults.slice(0, mostNamed).map(({ path, message, mend }) => {
    const key = keyText(path)
    return `  ${locate(path)}${key ? `, key "${key}"` : ''}: ${message}${mend ? `\n    ${mend}` : ''}`
  })
  const more = faults.length > mostNamed ? `\n  … and ${faults.length - mostNamed} more` : ''
  return new ConfigError(`${faults.length} things are wrong with this pipeline:\n${lines.join('\n')}${more}`)
}

/** `compress[0].sparsity` for ['compress', 0, 'sparsity']. */
export function keyText(path: KeyPath): string {
  return path
    .map((step, at) => (typeof step === 'number' ? `[${step}]` : `${at ? '.' : ''}${String(step)}`))
    .join('')
}

function faultsOf(issue: Issue, parent: KeyPath, root: unknown, schema: JsonSchema): Fault[] {
  const path = [...parent, ...issue.path]
  const value = valueAt(root, path)
  const about = schemaAt(schema, path, root)?.description
  const fault = (message: string, mend?: string): Fault[] => [{ path, message, ...(mend && { mend }) }]
  if (issue.code !== 'unrecognized_keys' && value === undefined) {
    const options = (issue as { options?: readonly unknown[] }).options
    return fault(
      'is missing',
      options ? `Possible: ${options.join(', ')}.` : `Add it${about ? `: ${about}` : ''}.`,
    )
  }
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map(key => {
        const allowed = propertiesAt(schema, path, root)
        const question = didYouMean(key, allowed)
        return {
          path: [...path, key],
          message: 'is not a known key',
          mend: `${question}Allowed here: ${allowed.join(', ')}.`,
        }
      })
    case 'invalid_union': {
      const branches = issue.errors.filter(branch => !branch.some(isOtherType))
      if (branches.length > 0) {
        const closest = branches.reduce((a, b) => (b.length < a.length ? b : a))
        return closest.flatMap(inner => faultsOf(inner, path, root, schema))
      }
      const options = (issue as { options?: readonly unknown[] }).options
      if (options) return fault(...notAmong(value, options))
      const types = issue.errors.flatMap(branch => branch.map(inner => expectedText(inner)))
      return fault(
        `must be ${[...new Set(types)].join(' or ')}, is ${valueText(value)}`,
        about && `Meaning: ${about}.`,
      )
    }
    case 'invalid_value':
      return fault(...notAmong(value, issue.values))
    case 'invalid_type':
      return fault(`must be ${expectedText(issue)}, is ${valueText(value)}`, about && `Meaning: ${about}.`)
    case 'too_small':
    case 'too_big':
      return fault(`must ${boundText(issue)}, is ${valueText(value)}`)
    case 'invalid_format':
      return fault(`may hold only ${issue.message}, is ${valueText(value)}`)
    default:
      return fault(issue.message)
  }
}

/** Whether a union's branch was refused for the value's type already, so that the branch was not meant. */
function isOtherType(issue: Issue): boolean {
  return issue.path.length === 0 && issue.code === 'invalid_type'
}

function notAmong(value: unknown, options: readonly unknown[]): [string, string] {
  const names = options.map(String)
  const question = didYouMean(String(value), names)
  return [`cannot be ${valueText(value)}`, `${question}Possible: ${names.join(', ')}.`]
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of keys',
}

function expectedText(issue: Issue): string {
  if (issue.code !== 'invalid_type') return issue.message
  return typeNames[issue.expected] ?? issue.expected
}

function boundText(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  const small = issue.code === 'too_small'
  const bound = small ? issue.minimum : issue.maximum
  const count = issue.origin === 'array' ? ` item${Number(bound) === 1 ? '' : 's'}` : ''
  const verb = issue.origin === 'array' ? 'have' : 'be'
  if (issue.inclusive) return `${verb} at ${small ? 'least' : 'most'} ${bound}${count}`
  return `${verb} ${small ? 'more' : 'less'} than ${bound}${count}`
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (value !== null && typeof value === 'object') return 'a group of keys'
  return value === null ? 'empty' : JSON.stringify(value)
}

function valueAt(root: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (value, step) => (value as Record<PropertyKey, unknown> | null | undefined)?.[step],
    root,
  )
}

/** Names of the keys that may stand at `path`, those of the branches that the value does not rule out. */
function propertiesAt(schema: JsonSchema, path: KeyPath, root: unknown): string[] {
  return Object.keys(schemaAt(schema, path, root)?.properties ?? {})
}

function schemaAt(schema: JsonSchema, path: KeyPath, root: unknown): JsonSchema | undefined {
  let value = root
  let here: JsonSchema | undefined = branchFor(schema, value)
  for (const step of path) {
    const next: unknown = typeof step === 'number' ? here?.items : here?.properties?.[String(step)]
    if (typeof next !== 'object' || next === null || Array.isArray(next)) return undefined
    value = (value as Record<PropertyKey, unknown> | null | undefined)?.[step]
    here = branchFor(next as JsonSchema, value)
  }
  return here
}

/** Of a union, the branch that fits the value by its type and its constants; a description of the whole is kept. */
function branchFor(schema: JsonSchema, value: unknown): JsonSchema | undefined {
  const branches = (schema.anyOf ?? schema.oneOf) as readonly JsonSchema[] | undefined
  if (!branches) return schema
  const type = Array.isArray(value) ? 'array' : typeof value
  if (value === null) return schema
  const branch = branches.find(
    ({ type: allowed, properties = {} }) =>
      allowed === type &&
      Object.entries(properties).every(([name, property]) => {
        const constant = typeof property === 'object' ? property.const : undefined
        return constant === undefined || constant === (value as Record<string, unknown>)[name]
      }),
  )
  return branch ? { ...branch, ...(schema.description && { description: schema.description }) } : schema
}
