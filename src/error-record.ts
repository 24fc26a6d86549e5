/** Errors on their way between threads and machines, which would otherwise lose their class and their fields. */
import { z } from 'zod'
import { ConfigError, DataError, type PielineError, RunError, UnavailableError } from './errors.js'

const classes = { ConfigError, DataError, RunError, UnavailableError }

const schema = z.strictObject({
  name: z.enum(Object.keys(classes) as [keyof typeof classes]),
  message: z.string(),
  file: z.string().optional(),
  row: z.number().optional(),
  key: z.string().optional(),
  mend: z.string().optional(),
})

/** What is told of an error, in JSON values. */
export type ErrorRecord = Readonly<z.infer<typeof schema>>

/** Errors of other classes become a RunError; what caused them stays behind. */
export function recordOf({ name, message, file, row, key, mend }: PielineError): ErrorRecord {
  return {
    name: name in classes ? (name as keyof typeof classes) : 'RunError',
    message,
    ...(file !== undefined && { file }),
    ...(row !== undefined && { row }),
    ...(key !== undefined && { key }),
    ...(mend !== undefined && { mend }),
  }
}

/** The error of a record, with a stack of its own. */
export function errorOf({ name, message, file, row, key, mend }: ErrorRecord): PielineError {
  return new classes[name](message, {
    ...(file !== undefined && { file }),
    ...(row !== undefined && { row }),
    ...(key !== undefined && { key }),
    ...(mend !== undefined && { mend }),
  })
}

/** A record as one line of text. */
export const recordText = (record: ErrorRecord): string => JSON.stringify(record)

/** The record that a text is; undefined where it is none. */
export function recordIn(text: string): ErrorRecord | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    return schema.safeParse(JSON.parse(text)).data as ErrorRecord | undefined
  } catch {
    return undefined
  }
}
